// Reads against a storage node whose every copy is damaged: when a page is lost, and when not yet.
#include "compute/io/page_reads.h"

#include <grpcpp/server_builder.h>
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "proto/segment.grpc.pb.h"

namespace hexad::compute {
namespace {

constexpr int kMembers = 6;
constexpr Lsn kReadPoint{5};

class DamagedNode final : public v1::SegmentService::Service {
 public:
  grpc::Status ReadPage(grpc::ServerContext*, const v1::ReadPageRequest* ask,
                        v1::ReadPageAnswer* answer) override {
    ++asked;
    quorum::Refused refused;
    refused.from = proto::FromWire(*ask).to;
    refused.reason = quorum::RefusalReason::kDamaged;
    refused.message = "checksum";
    proto::ToWire(proto::ReadAnswer(refused), answer);
    return grpc::Status::OK;
  }

  std::atomic<int> asked = 0;
};

class PageReadsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    int port = 0;
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
    builder.RegisterService(&service_);
    server_ = builder.BuildAndStart();
    ASSERT_NE(server_, nullptr);
    auto nodes = std::make_shared<ClusterNodes>();
    nodes->timer = std::make_shared<TimerThread>();
    nodes->port = NewThreadBlockingPort();
    quorum::Membership pg;
    pg.pg = PgId(7);
    pg.write = 4;
    for (int i = 0; i < kMembers; ++i) {
      const NodeId id("n" + std::to_string(i + 1));
      const AzId az(std::string(1, static_cast<char>('a' + i % 3)));
      nodes->channels[id] =
          std::make_shared<NodeChannel>(id, az, "127.0.0.1:" + std::to_string(port));
      pg.members.push_back({id, az, Incarnation(static_cast<uint64_t>(i + 1))});
    }
    manifest_.timeline = TimelineId(1);
    manifest_.page_size = 4096;
    manifest_.pages_per_pg = 64;
    manifest_.pgs = {pg};
    nodes_ = nodes;
    reads_ = std::make_shared<PageReads>(nodes_);
  }
  void TearDown() override { server_->Shutdown(); }

  // With that many members up and complete, and the others down.
  void Prepare(int up) {
    for (int i = 0; i < up; ++i) reads_->SetUp(Node(i), true);
    reads_->SetEpoch(EpochId{1, 5}, /*sealed=*/false, manifest_);
    for (int i = 0; i < up; ++i) reads_->SetScl(PgId(7), Node(i), kReadPoint);
  }
  absl::Status ReadWith(int up) {
    Prepare(up);
    return Wait(StartRead());
  }

  struct UnderWay {
    std::shared_ptr<Event> done;
    std::shared_ptr<absl::Status> outcome = std::make_shared<absl::Status>();
  };
  UnderWay StartRead() {
    UnderWay read{nodes_->port->NewEvent()};
    reads_->Read(PageNo(3), kReadPoint, kReadPoint, [read](auto page) {
      *read.outcome = page.status();
      read.done->Set();
    });
    return read;
  }
  absl::Status Wait(const UnderWay& read) {
    EXPECT_TRUE(read.done->WaitUntil(nodes_->port->Now() + Duration::Seconds(20)));
    return *read.outcome;
  }
  NodeId Node(int member) const {
    return manifest_.pgs[0].members[static_cast<size_t>(member)].node;
  }

  DamagedNode service_;
  std::unique_ptr<grpc::Server> server_;
  std::shared_ptr<const ClusterNodes> nodes_;
  quorum::Manifest manifest_;
  std::shared_ptr<PageReads> reads_;
};

TEST_F(PageReadsTest, APageIsLostOnceEverySegmentHasItDamaged) {
  const absl::Status status = ReadWith(kMembers);
  EXPECT_TRUE(absl::IsDataLoss(status)) << status;
}

TEST_F(PageReadsTest, ASegmentThatIsDownMayHaveASoundCopy) {
  const absl::Status status = ReadWith(kMembers - 1);
  EXPECT_TRUE(absl::IsUnavailable(status)) << status;
  EXPECT_NE(status.message().find("checksum"), std::string::npos) << "why, for people: " << status;
}

// Found by the simulator: hedges of an earlier round started questions in the next one, each with a
// hedge of its own, and a page that nobody could give was asked for ever more often. Several reads,
// so that the last two answers of a round meet on two threads: each of them began a round.
TEST_F(PageReadsTest, EachRoundAsksEachSegmentOnce) {
  constexpr int kReads = 16;
  Prepare(kMembers - 1);
  std::vector<UnderWay> reads;
  for (int i = 0; i < kReads; ++i) reads.push_back(StartRead());
  for (const UnderWay& read : reads) EXPECT_TRUE(absl::IsUnavailable(Wait(read)));
  const auto rounds = PageReads::kReadDeadline.millis() / PageReads::kRetryPause.millis() + 1;
  EXPECT_GT(service_.asked, kReads * kMembers);
  EXPECT_LE(service_.asked, kReads * rounds * (kMembers - 1));
}

}  // namespace
}  // namespace hexad::compute

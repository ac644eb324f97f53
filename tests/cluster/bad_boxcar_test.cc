// Boxcars, reads and segments that cannot be, sent to a live node: refused with the right reason,
// and nothing of them is kept. (The units know every bit and length: unit/boxcar_test.cc,
// unit/codec_test.cc, unit/segment_test.cc. Here it is a process, and its stream.)
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <memory>

#include "tests/cluster/unmoved_cluster.h"
#include "tests/unit/node_client.h"

namespace hexad::cluster_test {
namespace {

using quorum::RefusalReason;
using storage_node::testing::kEpoch;
using storage_node::testing::kPageSize;
using storage_node::testing::kPg;
using storage_node::testing::kTimeline;
using storage_node::testing::LogMaker;
using storage_node::testing::NodeClient;
using testing::HasSubstr;

// A volume of one segment, on the first node, with two boxcars in it; gone after the test.
class BadBoxcar : public UnmovedCluster {
 protected:
  void SetUp() override {
    UnmovedCluster::SetUp();
    client_ = std::make_unique<NodeClient>(PortOf(0));
    const v1::NodeDescription node = client_->Describe();
    roster_ = {{NodeId(node.node()), AzId(node.az()), Incarnation(node.incarnation())}};
    ASSERT_TRUE(client_->OpenVolume(roster_));
    client_->Send({log_.Image(PageNo(1), 'a'), log_.Image(PageNo(2), 'b')});
    ASSERT_TRUE(client_->AwaitAck(Lsn(2)));
  }
  void TearDown() override {
    NodeClient fresh(PortOf(0));
    bool found = false;
    const v1::NodeDescription node = fresh.Describe();
    for (const auto& segment : node.segments()) {
      if (segment.pg() != kPg.value()) continue;
      found = true;
      EXPECT_EQ(segment.scl(), 2u) << "nothing of it was taken";
      EXPECT_EQ(segment.highest_lsn(), 2u);
    }
    EXPECT_TRUE(found);
    grpc::ClientContext context;
    v1::DropSegmentsRequest drop;
    drop.set_cluster(launcher().record().cluster);
    drop.set_timeline(kTimeline.value());
    drop.add_pgs(kPg.value());
    v1::DropSegmentsAnswer answer;
    const grpc::Status dropped = fresh.node().DropSegments(&context, drop, &answer);
    EXPECT_TRUE(dropped.ok()) << dropped.error_message();
    UnmovedCluster::TearDown();
  }

  // The third boxcar of the volume, but with these bytes.
  quorum::Append Third(const std::function<void(std::string&)>& spoil) {
    quorum::Append append = log_.Image(PageNo(3), 'c');
    std::string bytes(append.boxcar.view());
    spoil(bytes);
    append.boxcar = BytesRef::Own(std::move(bytes));
    return append;
  }
  // A sound boxcar that says this record.
  static quorum::Append Of(const quorum::RecordView& record, TimelineId timeline = kTimeline,
                           EpochId epoch = kEpoch) {
    quorum::BoxcarBuilder builder(timeline, kPg, epoch);
    builder.Add(record);
    return {NodeClient::To(), Lsn(2), Lsn::None(), builder.Seal(Lsn(2), Lsn::None()).bytes};
  }
  // A record that would fit, as LSN 3.
  static quorum::RecordView Record(const std::string& payload) {
    quorum::RecordView record;
    record.lsn = Lsn(3);
    record.volume_prev = Lsn(2);
    record.pg_prev = Lsn(2);
    record.page = PageNo(3);
    record.epoch_number = kEpoch.number;
    record.kind = quorum::RecordKind::kPageImage;
    record.flags = quorum::RecordFlags::kAll;
    record.commit_time = CommitTime(1);
    record.payload = payload;
    return record;
  }
  void ExpectRefused(quorum::SegmentRequest request, RefusalReason reason, const std::string& why) {
    EXPECT_EQ(client_->Ask<quorum::Ack>(std::move(request)).scl, Lsn::None());
    EXPECT_EQ(client_->last_refusal().reason, reason) << client_->last_refusal().message;
    EXPECT_THAT(client_->last_refusal().message, HasSubstr(why));
  }

  std::unique_ptr<NodeClient> client_;
  std::vector<quorum::RosterNode> roster_;
  LogMaker log_;
  const std::string page_ = std::string(kPageSize, 'c');
};

TEST_F(BadBoxcar, WithAWrongChecksum) {
  ExpectRefused(Third([](std::string& bytes) { bytes.back() ^= 1; }), RefusalReason::kBadRequest,
                "checksum");
}

TEST_F(BadBoxcar, OfAnotherLengthThanItSays) {
  ExpectRefused(Third([](std::string& bytes) { bytes.pop_back(); }), RefusalReason::kBadRequest,
                "boxcar of");
  ExpectRefused(Third([](std::string& bytes) { bytes += 'x'; }), RefusalReason::kBadRequest,
                "boxcar of");
  ExpectRefused(Third([](std::string& bytes) { bytes.resize(7); }), RefusalReason::kBadRequest,
                "boxcar of");
}

TEST_F(BadBoxcar, WhoseChainContradictsWhatIsThere) {
  quorum::RecordView record = Record(page_);
  record.pg_prev = Lsn(1);  // but 2 came after 1
  ExpectRefused(Of(record), RefusalReason::kBadRequest, "contradicts the chain");
}

TEST_F(BadBoxcar, OfAnotherTimelineOrEpoch) {
  ExpectRefused(Of(Record(page_), TimelineId(78)), RefusalReason::kBadRequest, "another PG");
  ExpectRefused(Of(Record(page_), kTimeline, EpochId{1, 6}), RefusalReason::kBadRequest,
                "is not on the path");
}

TEST_F(BadBoxcar, WithAPageOutsideThePgOrOfAnotherSize) {
  quorum::RecordView far = Record(page_);
  far.page = PageNo(64);
  ExpectRefused(Of(far), RefusalReason::kBadRequest, "page 64 lies outside the PG");
  ExpectRefused(Of(Record(std::string(1000, 'c'))), RefusalReason::kBadRequest, "page 3");
}

TEST_F(BadBoxcar, OfAStaleEpoch) {
  const EpochId newer{2, 9};
  ASSERT_EQ(client_->Ask<quorum::Promised>(quorum::Seal{NodeClient::To(newer)}).from.epoch, newer);
  ExpectRefused(Third([](std::string&) {}), RefusalReason::kStaleEpoch, "");
  EXPECT_EQ(client_->last_refusal().promised, newer) << "so that it knows who came";
}

TEST_F(BadBoxcar, OfAStaleMembership) {
  quorum::Append append = Third([](std::string&) {});
  append.to.membership_epoch = MembershipEpoch(7);
  ExpectRefused(append, RefusalReason::kStaleMembership, "");
  EXPECT_EQ(client_->last_refusal().membership_epoch, MembershipEpoch(1));
}

TEST_F(BadBoxcar, TooLargeEndsItsStreamOnly) {
  NodeClient big(PortOf(0));
  big.Send({Third([](std::string& bytes) { bytes.resize(quorum::kMaxBoxcarBytes + 1, 'x'); })});
  EXPECT_FALSE(big.Next().has_value());
  EXPECT_EQ(big.StreamStatus().error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  NodeClient huge(PortOf(0));  // a message that is not even looked at
  huge.Send({Third([](std::string& bytes) { bytes.resize(64 << 20, 'x'); })});
  EXPECT_FALSE(huge.Next().has_value());
  EXPECT_EQ(huge.StreamStatus().error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(client_->Ask<quorum::Ack>(log_.Tell()).scl, Lsn(2)) << "others go on";
}

TEST_F(BadBoxcar, AndReadsOutsideWhatIsThere) {
  const auto refusal = [&](PageNo page, Lsn read_point) {
    const auto answer = client_->Read(page, read_point, read_point);
    const auto* refused = std::get_if<quorum::Refused>(&answer);
    return refused == nullptr ? RefusalReason{} : refused->reason;
  };
  EXPECT_EQ(refusal(PageNo(64), Lsn(2)), RefusalReason::kOutOfRange);
  EXPECT_EQ(refusal(PageNo(UINT32_MAX), Lsn(2)), RefusalReason::kOutOfRange);
  EXPECT_EQ(refusal(PageNo(1), Lsn(3)), RefusalReason::kOutOfRange) << "above SCL";
  EXPECT_EQ(refusal(PageNo(1), Lsn(UINT64_MAX)), RefusalReason::kOutOfRange);
}

TEST_F(BadBoxcar, AndSegmentsThatCannotBe) {
  quorum::Envelope to = NodeClient::To(EpochId::Root());
  to.pg = PgId(8);
  quorum::Membership membership = NodeClient::MembershipOf(roster_);
  membership.pg = PgId(8);
  // Refused by an answer, or by the end of the stream that said it: never created.
  const auto expect_refused = [&](uint32_t page_size, uint32_t first_page, uint32_t page_count) {
    NodeClient client(PortOf(0));
    client.Send({quorum::CreateSegment{to, membership, page_size, PageNo(first_page), page_count}});
    const auto answer = client.Next();
    if (answer.has_value()) {
      const auto* refused = std::get_if<quorum::Refused>(&*answer);
      ASSERT_NE(refused, nullptr) << page_size;
      EXPECT_EQ(refused->reason, RefusalReason::kBadRequest);
      EXPECT_THAT(refused->message, HasSubstr("page"));
    } else {
      const grpc::Status ended = client.StreamStatus();
      EXPECT_EQ(ended.error_code(), grpc::StatusCode::INVALID_ARGUMENT) << page_size;
      EXPECT_THAT(ended.error_message(), HasSubstr("page"));
    }
  };
  for (const uint32_t page_size : {0u, 1u, 2048u, 5000u, 131072u, UINT32_MAX}) {
    expect_refused(page_size, 0, 64);
  }
  expect_refused(4096, 0, 0);
  expect_refused(4096, 9, UINT32_MAX);
}

}  // namespace
}  // namespace hexad::cluster_test

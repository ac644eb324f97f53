// Who may write: one handle fences another for ever, and only then. A contender that dies half-way
// costs a writer an epoch, and no more.
#include <optional>
#include <utility>

#include "compute/host/volume_host.h"
#include "compute/io/cluster_nodes.h"
#include "tests/cluster/engine_fixture.h"
#include "tests/unit/node_client.h"

namespace hexad::compute {
namespace {

using storage_node::testing::NodeClient;

TEST_F(EngineTest, ASecondWriterFencesTheFirstForEver) {
  Create();
  auto first = OpenVolume(*cluster_);
  ASSERT_NE(first, nullptr);
  ASSERT_TRUE(Put(*first, 1, "first").ok());
  const auto elsewhere = nodes_.Connect();
  auto second = OpenVolume(*elsewhere);
  ASSERT_NE(second, nullptr);
  EXPECT_EQ(Text(*second->ReadNewest(PageNo(1)), 5), "first");
  ASSERT_TRUE(Put(*second, 1, "second").ok());
  const auto refused = Put(*first, 1, "zombie");
  EXPECT_EQ(UserErrorOf(refused.status()), UserError::kFenced) << refused.status();
  EXPECT_EQ(first->Status().mode, VolumeMode::kFenced);
  EXPECT_EQ(UserErrorOf(first->ReadNewest(PageNo(1)).status()), UserError::kFenced);
  EXPECT_EQ(UserErrorOf(Put(*first, 1, "zombie").status()), UserError::kFenced);
  EXPECT_EQ(Text(*second->ReadNewest(PageNo(1)), 6), "second");
  EXPECT_TRUE(Put(*second, 2, "goes on").ok());
}

TEST_F(EngineTest, AZombieLearnsFromAReadThatItIsFenced) {
  Create();
  OpenOptions quiet;
  quiet.cache_bytes = 4096;
  quiet.writer.heartbeat = Duration::Seconds(1000);  // it says nothing by itself
  auto first = OpenVolume(*cluster_, quiet);
  ASSERT_NE(first, nullptr);
  for (uint32_t page = 0; page < 8; ++page) ASSERT_TRUE(Put(*first, page, "x").ok());
  const auto elsewhere = nodes_.Connect();
  auto second = OpenVolume(*elsewhere);
  ASSERT_NE(second, nullptr);
  const auto read = first->ReadNewest(PageNo(0));
  EXPECT_EQ(UserErrorOf(read.status()), UserError::kFenced) << read.status();
}

TEST_F(EngineTest, AnAutomaticOpeningKeepsOffWhileTheWriterIsHeard) {
  Create();
  auto first = OpenVolume(*cluster_);
  ASSERT_NE(first, nullptr);
  ASSERT_TRUE(Put(*first, 1, "first").ok());
  OpenOptions automatic;
  automatic.automatic = true;
  const auto second = nodes_.Connect()->Open("main", automatic);
  EXPECT_TRUE(absl::IsUnavailable(second.status())) << second.status();
  EXPECT_TRUE(Put(*first, 2, "goes on").ok());
}

// A contender that got promises from some nodes of the volume's PG and then died.
class ContenderTest : public EngineTest {
 protected:
  void Promise(const Volume& volume, int node) {
    const VolumeStatus status = volume.Status();
    const quorum::Membership& pg = status.manifest.pgs[0];
    const EpochId higher{status.epoch.number + 1, 77};
    const std::string& address = nodes_.topology().nodes[static_cast<size_t>(node - 1)].address;
    NodeClient client(std::stoi(address.substr(address.rfind(':') + 1)));
    const auto promised = client.Ask<quorum::Promised>(
        quorum::Seal{quorum::Envelope{status.manifest.timeline, pg.pg, higher, pg.epoch}});
    ASSERT_EQ(promised.from.epoch, higher) << "node " << node;
  }

  // A volume with "before" in page 0; node 6 is down, 1 and 2 have promised a contender that is
  // gone. Null if that failed.
  std::shared_ptr<Volume> WrittenThenHalfPromised() {
    Create();
    OpenOptions patient;
    patient.commit_timeout = Duration::Seconds(60);
    auto volume = OpenVolume(*cluster_, patient);
    if (volume == nullptr || !Put(*volume, 0, "before").ok()) return nullptr;
    nodes_.Stop(6);
    Promise(*volume, 1);
    Promise(*volume, 2);
    return HasFatalFailure() ? nullptr : volume;
  }
};

TEST_F(ContenderTest, ThatDiedHalfWayDoesNotStopFiveNodesOfSix) {
  const auto volume = WrittenThenHalfPromised();
  ASSERT_NE(volume, nullptr);
  const EpochId first = volume->Status().epoch;
  // Three of six still accept: this one cannot get its quorum under this epoch.
  const auto held = Put(*volume, 1, "held");
  EXPECT_TRUE(held.ok() || UserErrorOf(held.status()) == UserError::kCommitUnknown)
      << held.status();
  EXPECT_TRUE(Eventually([&] { return volume->Status().epoch > first; })) << "it follows itself";
  const auto after = Put(*volume, 2, "after");
  EXPECT_TRUE(after.ok()) << after.status();
  EXPECT_EQ(Text(*volume->ReadNewest(PageNo(0)), 6), "before");
  EXPECT_EQ(Text(*volume->ReadNewest(PageNo(2)), 5), "after");
  const std::string second = Text(*volume->ReadNewest(PageNo(1)), 4);
  EXPECT_TRUE(!held.ok() || second == "held") << second;
}

// Only nodes 3 to 5 take the second record, and the next epoch opens without them.
TEST_F(ContenderTest, MayCostWhatWasNotDurableAndNothingElse) {
  const auto volume = WrittenThenHalfPromised();
  ASSERT_NE(volume, nullptr);
  const EpochId first = volume->Status().epoch;
  Mtr mtr = volume->BeginMtr();
  ASSERT_TRUE(mtr.Write(PageNo(0), 0, "doomed").ok());
  const auto doomed = volume->Commit(std::move(mtr));
  ASSERT_TRUE(doomed.ok()) << doomed.status();
  std::mutex mutex;
  std::optional<absl::Status> told;
  volume->OnDurable(*doomed, [&](const absl::Status& status) {
    const std::lock_guard lock(mutex);
    told = status;
  });
  const auto fate = [&] {
    const std::lock_guard lock(mutex);
    return told;
  };
  std::this_thread::sleep_for(std::chrono::milliseconds(300));  // it is on three disks
  for (const int node : {3, 4, 5}) nodes_.Stop(node);
  EXPECT_EQ(volume->Status().last_issued, *doomed);
  ASSERT_TRUE(Eventually([&] { return volume->Status().last_issued < *doomed; }))
      << "a writer that cannot drain is ended";
  nodes_.Start(6);  // three that never saw the record: enough to read
  ASSERT_TRUE(Eventually([&] {
    const VolumeStatus status = volume->Status();
    return status.mode == VolumeMode::kReadOnly && status.epoch > first;
  }));
  EXPECT_EQ(UserErrorOf(Put(*volume, 0, "no").status()), UserError::kReadOnly);
  EXPECT_EQ(Text(*volume->ReadNewest(PageNo(0)), 6), "before");
  EXPECT_FALSE(fate().has_value()) << "nobody knows it yet";

  nodes_.Start(3);  // with the record, which is cut off
  EXPECT_TRUE(Eventually([&] { return volume->Status().mode != VolumeMode::kReadOnly; }));
  ASSERT_EQ(volume->Status().mode, VolumeMode::kReadWrite) << volume->Status().reason;
  EXPECT_TRUE(Eventually([&] { return fate().has_value(); }));
  EXPECT_EQ(UserErrorOf(*fate()), UserError::kCommitUnknown) << *fate();
  EXPECT_EQ(Text(*volume->ReadNewest(PageNo(0)), 6), "before") << "not from the cache either";
  const auto after = Put(*volume, 1, "after");
  ASSERT_TRUE(after.ok()) << after.status();
  ASSERT_GT(volume->vdl(), *doomed);
  EXPECT_EQ(UserErrorOf(volume->WaitDurable(*doomed, kPatience)), UserError::kCommitUnknown)
      << "VDL has passed it, but it is in no history";
}

TEST_F(EngineTest, AnOpeningEndsWhenItIsToldTo) {
  Create();
  const auto nodes = ConnectNodes(nodes_.topology(), kPatience);
  ASSERT_TRUE(nodes.ok()) << nodes.status();
  const auto entry = cluster_->Find("main");
  ASSERT_TRUE(entry.ok()) << entry.status();
  for (const int node : {1, 2, 3, 4}) nodes_.Stop(node);  // too few to open anything
  std::stop_source stop;
  OpenOptions options;
  options.open_timeout = Duration::Seconds(60);
  options.stop = stop.get_token();
  const auto host = std::make_shared<VolumeHost>(*nodes, *entry, options);
  const auto start = std::chrono::steady_clock::now();
  std::thread teller([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    stop.request_stop();
  });
  const absl::Status opened = host->Open();
  teller.join();
  EXPECT_TRUE(absl::IsUnavailable(opened)) << opened;
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(10));
}

TEST_F(EngineTest, TimersStayFewHoweverManyCommits) {
  Create();
  const auto nodes = ConnectNodes(nodes_.topology(), kPatience);
  ASSERT_TRUE(nodes.ok()) << nodes.status();
  const auto entry = cluster_->Find("main");
  ASSERT_TRUE(entry.ok()) << entry.status();
  const auto host = std::make_shared<VolumeHost>(*nodes, *entry, OpenOptions{});
  ASSERT_TRUE(host->Open().ok());
  const size_t before = (*nodes)->timer->pending();
  for (int i = 0; i < 500; ++i) ASSERT_TRUE(Put(*host, 0, std::to_string(i)).ok());
  EXPECT_LE((*nodes)->timer->pending(), before + 20);
  host->Close();
}

}  // namespace
}  // namespace hexad::compute

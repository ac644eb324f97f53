// Real processes, under a writer at full speed: with two nodes or an AZ killed
// commits go on and none fails; with three killed writes stop, in the user's words, and reads go
// on; with the third back writes resume by themselves, through the same open volume.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>

#include "absl/strings/ascii.h"
#include "cli/launcher/wait.h"
#include "tests/cluster/background_load.h"
#include "tests/cluster/compute_client.h"

namespace hexad::cluster_test {
namespace {

using compute::UserError;
using compute::UserErrorOf;
using compute::VolumeMode;
using launcher::ProcessNames;
using testing::AnyOf;
using testing::HasSubstr;

// Enough that every kill and every return falls into full flight.
constexpr uint64_t kManyMtrs = 3000;
// A writer without its quorum says so within 15 s.
constexpr double kStopsWithinSeconds = 15;

// One cluster for all tests of the suite; each begins with everything up and a volume of its own.
class QuorumLoss : public testing::Test {
 protected:
  static void SetUpTestSuite() { cluster_ = std::make_unique<ScratchCluster>(); }
  static void TearDownTestSuite() { cluster_.reset(); }

  void SetUp() override {
    const Outcome up = cluster_->Run({"up"});
    ASSERT_EQ(up.exit_code, 0) << up.Said();
  }

  static launcher::Launcher& launcher() { return cluster_->launcher(); }
  static std::string Volume() {
    return absl::AsciiStrToLower(testing::UnitTest::GetInstance()->current_test_info()->name());
  }
  static std::string AckLog() { return cluster_->folder().root() + "/" + Volume() + ".acks"; }
  static ProcessNames NodesOf(const std::string& az) {
    ProcessNames names;
    for (const auto& node : launcher().record().nodes) {
      if (node.az == az) names.push_back(node.id);
    }
    return names;
  }
  // A node of each of the first `count` AZs.
  static ProcessNames OneOfEachAz(size_t count) {
    ProcessNames names;
    for (const std::string& az : launcher().record().Azs()) {
      if (names.size() < count) names.push_back(NodesOf(az).front());
    }
    return names;
  }
  static void Kill(const ProcessNames& names) {
    const absl::Status killed = launcher().Kill(names);
    ASSERT_TRUE(killed.ok()) << killed;
  }
  static void Start(const ProcessNames& names) {
    const absl::Status started = launcher().Start(names);
    ASSERT_TRUE(started.ok()) << started;
  }

  // Every acknowledged MTR is there, and all six segments are equal. REQUIRES: all nodes are up.
  static void Prove(uint64_t at_least_acked) {
    const Outcome verify = cluster_->Run({"verify", Volume(), "--ack-log", AckLog(), "--json"}, 90);
    ASSERT_EQ(verify.exit_code, 0) << verify.Said();
    const nlohmann::json found = verify.Json();
    EXPECT_EQ(found.at("segments"), 6);
    EXPECT_EQ(found.at("missing"), 0);
    EXPECT_EQ(found.at("partial_mtrs"), 0);
    EXPECT_GE(found.at("acked"), at_least_acked);
    EXPECT_EQ(found.at("present"), found.at("acked"));
  }

  // A writer at full speed meets the loss and the return of nodes that it can do without.
  static void ExpectNothingNoticed(const ProcessNames& victims) {
    OpenedVolume volume(*cluster_, Volume());
    ASSERT_TRUE(volume.ok());
    BackgroundLoad load(*volume, AckLog());
    ASSERT_TRUE(load.AwaitMore(kManyMtrs));
    ASSERT_NO_FATAL_FAILURE(Kill(victims));
    EXPECT_TRUE(load.AwaitMore(kManyMtrs)) << "commits go on";
    ASSERT_NO_FATAL_FAILURE(Start(victims));
    EXPECT_TRUE(load.AwaitMore(kManyMtrs));
    const workload::WriteResult result = load.End();
    EXPECT_TRUE(result.ended.ok()) << result.ended;
    EXPECT_EQ(result.failed, 0u);
    EXPECT_EQ(result.unknown, 0u);
    Prove(result.acked);
  }

  static std::unique_ptr<ScratchCluster> cluster_;
};
std::unique_ptr<ScratchCluster> QuorumLoss::cluster_;

TEST_F(QuorumLoss, TwoNodesKilledAtFullSpeedCostNoCommit) { ExpectNothingNoticed(OneOfEachAz(2)); }

TEST_F(QuorumLoss, AnAzKilledAtFullSpeedCostsNoCommit) {
  const ProcessNames az = NodesOf(launcher().record().Azs().back());
  ASSERT_EQ(az.size(), 2u);
  ExpectNothingNoticed(az);
}

// AZ + 1, and then the one comes back.
TEST_F(QuorumLoss, ThreeKilledStopWritesUntilTheThirdIsBack) {
  compute::OpenOptions impatient;
  impatient.commit_timeout = Duration::Seconds(4);
  OpenedVolume writer(*cluster_, Volume(), impatient);
  ASSERT_TRUE(writer.ok());
  ProcessNames victims = NodesOf(launcher().record().Azs().front());
  const std::string third = NodesOf(launcher().record().Azs().back()).front();
  uint64_t acked = 0;
  {
    BackgroundLoad load(*writer, AckLog());
    ASSERT_TRUE(load.AwaitMore(kManyMtrs));
    ASSERT_NO_FATAL_FAILURE(Kill({victims[0], victims[1], third}));
    const auto killed = std::chrono::steady_clock::now();
    ASSERT_TRUE(load.AwaitEnd()) << "three of six make nothing durable";
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - killed;
    EXPECT_LT(took.count(), kStopsWithinSeconds);
    const workload::WriteResult result = load.End();
    EXPECT_THAT(UserErrorOf(result.ended), AnyOf(UserError::kReadOnly, UserError::kCommitUnknown))
        << result.ended;
    acked = result.acked;
  }
  const Lsn vdl = writer->vdl();
  const EpochId epoch = writer->Status().epoch;
  EXPECT_EQ(UserErrorOf(PutDurably(*writer, PageNo(300), "no")), UserError::kReadOnly);
  EXPECT_EQ(writer->Status().mode, VolumeMode::kReadOnly);

  // Reads of what this process has open, and of another that opens read-only now.
  const workload::AckVerdict here = CheckAcks(*writer, AckLog());
  EXPECT_TRUE(here.ok()) << Complaint(here);
  EXPECT_EQ(here.present, acked);
  {
    OpenedVolume reader(*cluster_, Volume(), ReadOnly());
    ASSERT_TRUE(reader.ok());
    EXPECT_GE(reader->vdl(), vdl);
    const workload::AckVerdict there = CheckAcks(*reader, AckLog());
    EXPECT_TRUE(there.ok()) << Complaint(there);
    EXPECT_EQ(there.present, acked);
  }
  EXPECT_EQ(writer->vdl(), vdl) << "nothing became durable meanwhile";

  // Nothing is opened again, nobody is told anything: the third is started.
  ASSERT_NO_FATAL_FAILURE(Start({third}));
  absl::Status last;
  const absl::Status resumed = launcher::WaitUntil(
      {"writes to resume", launcher::Millis(20'000), ""}, [&]() -> absl::StatusOr<bool> {
        last = PutDurably(*writer, PageNo(300), "again");
        return last.ok();
      });
  ASSERT_TRUE(resumed.ok()) << last;
  EXPECT_EQ(writer->Status().mode, VolumeMode::kReadWrite);
  EXPECT_EQ(writer->Status().epoch, epoch) << "the same tenure goes on";
  {
    BackgroundLoad load(*writer, AckLog());
    EXPECT_TRUE(load.AwaitMore(kManyMtrs));
    const workload::WriteResult result = load.End();
    EXPECT_TRUE(result.ended.ok()) << result.ended;
    EXPECT_EQ(result.failed + result.unknown, 0u);
    acked += result.acked;
  }
  ASSERT_NO_FATAL_FAILURE(Start(victims));
  Prove(acked);
}

// The same as a program sees it that talks to the compute: the error's first word, and its code.
TEST_F(QuorumLoss, TheComputeSaysReadOnlyAndGoesOnByItself) {
  ComputeClient client(*cluster_);
  ASSERT_EQ(client.Write("main", 1, "before").error_message(), "");
  const ProcessNames victims = OneOfEachAz(3);
  ASSERT_NO_FATAL_FAILURE(Kill(victims));
  const grpc::Status first = client.Write("main", 2, "perhaps");
  EXPECT_THAT(first.error_message(), AnyOf(HasSubstr("COMMIT_UNKNOWN"), HasSubstr("READ_ONLY")));
  const grpc::Status refused = client.Write("main", 1, "no");
  EXPECT_EQ(refused.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_THAT(refused.error_message(), testing::StartsWith("READ_ONLY"));
  EXPECT_EQ(client.Describe("main").mode(), "read-only");
  EXPECT_EQ(client.Text("main", 1, 6), "before");

  ASSERT_NO_FATAL_FAILURE(Start({victims[1]}));
  const absl::Status resumed = launcher::WaitUntil(
      {"the compute to write again", launcher::Millis(20'000), ""},
      [&]() -> absl::StatusOr<bool> { return client.Write("main", 1, "after!").ok(); });
  ASSERT_TRUE(resumed.ok()) << resumed << client.Describe("main").mode_reason();
  EXPECT_EQ(client.Describe("main").mode(), "read-write");
  EXPECT_EQ(client.Text("main", 1, 6), "after!");
}

}  // namespace
}  // namespace hexad::cluster_test

// The verbs on a real cluster, as a user types them: what they do, what they print, what they
// refuse.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <fstream>
#include <memory>

#include "cli/launcher/record_json.h"
#include "cli/launcher/wait.h"
#include "tests/cluster/scratch_cluster.h"

namespace hexad::cluster_test {
namespace {

using testing::AllOf;
using testing::AnyOf;
using testing::HasSubstr;
using testing::Not;

constexpr int kFailed = 1;
constexpr int kUsage = 2;
constexpr int kRefused = 3;

// One cluster for all tests of the suite; each begins with everything up.
class Cli : public testing::Test {
 protected:
  static void SetUpTestSuite() { cluster_ = std::make_unique<ScratchCluster>(); }
  static void TearDownTestSuite() { cluster_.reset(); }

  void SetUp() override {
    const Outcome up = Run({"up"});
    ASSERT_EQ(up.exit_code, 0) << up.Said();
    AllBecomeUp();
  }

  static Outcome Run(std::vector<std::string> arguments, double deadline_seconds = 60) {
    return cluster_->Run(std::move(arguments), deadline_seconds);
  }
  static nlohmann::json Status() { return Run({"status", "--json"}).Json(); }
  static std::string StateOf(const std::string& node) {
    const nlohmann::json status = Status();
    for (const auto& one : status.at("nodes")) {
      if (one.at("id") == node) return one.at("state");
    }
    return "?";
  }
  // What a verb brought back serves, but a disk under load may keep it from answering for a while.
  static absl::Status BecomesUp(const std::string& node) {
    return launcher::WaitUntil({node + " to be up", launcher::Millis(20'000), ""},
                               [&]() -> absl::StatusOr<bool> { return StateOf(node) == "up"; });
  }
  static void AllBecomeUp() {
    for (const char* node : {"n1", "n2", "n3", "n4", "n5", "n6"}) {
      ASSERT_TRUE(BecomesUp(node).ok()) << node;
    }
  }
  static absl::Status AllAreWell() {
    return launcher::WaitUntil(
        {"doctor to find nothing", launcher::Millis(20'000), ""},
        []() -> absl::StatusOr<bool> { return Run({"doctor"}).exit_code == 0; });
  }
  static pid_t PidOf(const std::string& process) {
    const auto identity = cluster_->launcher().dir().Remembered(process);
    return identity ? identity->pid : 0;
  }
  static std::string Scratch(const std::string& name) {
    return cluster_->folder().root() + "/" + name;
  }
  static Outcome BenchWrite(std::vector<std::string> more = {}) {
    std::vector<std::string> arguments = {"bench", "write", "--seconds", "1", "--pages", "64"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return Run(arguments);
  }

  static std::unique_ptr<ScratchCluster> cluster_;
};
std::unique_ptr<ScratchCluster> Cli::cluster_;

TEST_F(Cli, StatusJsonHasTheFieldsThatProgramsWereTold) {
  const nlohmann::json status = Status();
  ASSERT_EQ(status.at("nodes").size(), 6u);
  for (const char* field : {"id", "az", "address", "pid", "state", "incarnation"}) {
    EXPECT_TRUE(status.at("nodes").at(0).contains(field)) << field;
  }
  const nlohmann::json& volume = status.at("volumes").at(0);
  for (const char* field : {"name", "timeline", "epoch", "vdl", "vcl", "page_size", "pgs",
                            "write_quorum", "read_quorum", "sql", "writer"}) {
    EXPECT_TRUE(volume.contains(field)) << field;
  }
  const nlohmann::json& pg = volume.at("pgs").at(0);
  for (const char* field : {"id", "membership_epoch", "pgcl", "segments"}) {
    EXPECT_TRUE(pg.contains(field)) << field;
  }
  for (const char* field : {"node", "scl", "lag_records", "state"}) {
    EXPECT_TRUE(pg.at("segments").at(0).contains(field)) << field;
  }
  EXPECT_EQ(volume.at("write_quorum").dump(),
            nlohmann::json({{"need", 4}, {"of", 6}, {"up", 6}, {"ok", true}}).dump());
  EXPECT_EQ(status.at("can_lose").at("write").at("nodes"), 2);
  EXPECT_EQ(status.at("can_lose").at("write").at("azs"), 1);
  EXPECT_EQ(status.at("can_lose").at("read").at("nodes"), 3);
}

TEST_F(Cli, StatusForPeopleHasNoColourWhenPiped) {
  const Outcome status = Run({"status"});
  EXPECT_EQ(status.exit_code, 0);
  EXPECT_THAT(status.out, Not(HasSubstr("\033")));
  EXPECT_THAT(status.out, HasSubstr("Can lose now: any 2 nodes or one AZ and still write; one AZ "
                                    "and one node and still read."));
  EXPECT_THAT(status.out, HasSubstr("Try:  hexad"));
}

TEST_F(Cli, ASecondUpStartsNothingAndIsQuick) {
  const pid_t before = PidOf("n1");
  const Outcome again = Run({"up"});
  EXPECT_EQ(again.exit_code, 0);
  EXPECT_LT(again.seconds, 2.0);
  EXPECT_THAT(again.out, HasSubstr("everything already runs"));
  EXPECT_EQ(PidOf("n1"), before);
}

TEST_F(Cli, DataAndPortsSurviveDownAndUp) {
  ASSERT_EQ(BenchWrite({"--ack-log", Scratch("kept.acks")}).exit_code, 0);
  const std::string address = Status().at("nodes").at(0).at("address");
  ASSERT_EQ(Run({"down"}).exit_code, 0);
  EXPECT_EQ(StateOf("n1"), "down");
  ASSERT_EQ(Run({"up"}).exit_code, 0);
  EXPECT_EQ(Status().at("nodes").at(0).at("address"), address);
  const Outcome verify = Run({"verify", "bench", "--ack-log", Scratch("kept.acks"), "--json"});
  EXPECT_EQ(verify.exit_code, 0) << verify.Said();
  EXPECT_EQ(verify.Json().at("missing"), 0);
  EXPECT_GE(verify.Json().at("pages_written"), 64);
}

TEST_F(Cli, VerifyKnowsByItselfHowFarAVolumeWasWritten) {
  ASSERT_EQ(BenchWrite().exit_code, 0);
  const Outcome verify = Run({"verify", "bench", "--json"});
  EXPECT_EQ(verify.exit_code, 0) << verify.Said();
  EXPECT_GE(verify.Json().at("pages_equal"), 64);
  EXPECT_EQ(verify.Json().at("segments"), 6);
}

TEST_F(Cli, VerifyMissesAnMtrThatWasNeverWritten) {
  const std::string acks = Scratch("invented.acks");
  ASSERT_EQ(BenchWrite({"--ack-log", acks}).exit_code, 0);
  std::ifstream in(acks);
  std::string line;
  ASSERT_TRUE(std::getline(in, line)) << "some MTR was acknowledged";
  // The same place, but a sequence that no MTR ever had: LSN PAGE OFFSET-LENGTH.SEQUENCE.XXH3.
  const size_t dot = line.find('.');
  line.replace(dot + 1, line.find('.', dot + 1) - dot - 1, "7fffffffffffffff");
  std::ofstream(acks, std::ios::app) << line << "\n";
  const Outcome verify = Run({"verify", "bench", "--ack-log", acks});
  EXPECT_EQ(verify.exit_code, kFailed) << verify.Said();
  EXPECT_THAT(verify.err, HasSubstr("1 acknowledged MTR missing"));
}

TEST_F(Cli, VerifyNeedsAllSix) {
  ASSERT_EQ(BenchWrite().exit_code, 0);
  ASSERT_EQ(Run({"kill", "n2"}).exit_code, 0);
  const Outcome verify = Run({"verify", "bench"}, 90);
  EXPECT_EQ(verify.exit_code, kFailed);
  EXPECT_THAT(verify.err, HasSubstr("n2"));
}

TEST_F(Cli, BenchPrintsTheObjectThatProgramsWereTold) {
  const Outcome bench = BenchWrite({"--json", "--records-per-mtr", "3", "--record-bytes", "64"});
  ASSERT_EQ(bench.exit_code, 0) << bench.Said();
  const nlohmann::json result = bench.Json();
  for (const char* field :
       {"records_per_s", "mtrs_per_s", "bytes_per_s", "boxcars_per_s", "records_per_boxcar",
        "commit_us", "ack_us", "fourth_ack_node", "acked", "failed", "unknown"}) {
    EXPECT_TRUE(result.contains(field)) << field;
  }
  EXPECT_GT(result.at("acked"), 0);
  EXPECT_EQ(result.at("failed"), 0);
  EXPECT_EQ(result.at("ack_us").size(), 6u);
}

TEST_F(Cli, BenchRefusesWhatMakesNoSense) {
  EXPECT_EQ(BenchWrite({"--record-bytes", "5"}).exit_code, kUsage);
  EXPECT_EQ(BenchWrite({"--depth", "0"}).exit_code, kUsage);
  EXPECT_EQ(BenchWrite({"--records-per-mtr", "1000"}).exit_code, kUsage);
  const Outcome second_writer = BenchWrite({"--volume", "main"});
  EXPECT_EQ(second_writer.exit_code, kRefused) << second_writer.Said();
  EXPECT_THAT(second_writer.err, HasSubstr("fence"));
}

TEST_F(Cli, AKilledNodeIsDownUntilItIsRestarted) {
  const Outcome plan = Run({"kill", "n3", "--dry-run"});
  EXPECT_EQ(plan.exit_code, 0);
  EXPECT_THAT(plan.out, HasSubstr("write quorum 4/6 ok (5 up)"));
  EXPECT_EQ(StateOf("n3"), "up") << "a dry run does nothing";

  ASSERT_EQ(Run({"kill", "n3"}).exit_code, 0);
  EXPECT_EQ(StateOf("n3"), "down");
  EXPECT_EQ(Status().at("can_lose").at("write").at("nodes"), 1);
  const Outcome doctor = Run({"doctor"});
  EXPECT_EQ(doctor.exit_code, kFailed);
  EXPECT_THAT(doctor.out, HasSubstr("hexad restart n3"));
  EXPECT_EQ(Run({"kill", "n3"}).exit_code, kFailed) << "it is down already";
  EXPECT_EQ(BenchWrite().exit_code, 0) << "five of six are enough";

  ASSERT_EQ(Run({"restart", "n3"}).exit_code, 0);
  EXPECT_TRUE(BecomesUp("n3").ok());
  EXPECT_TRUE(AllAreWell().ok()) << Run({"doctor"}).Said();
}

TEST_F(Cli, ANodeThatEndsByItselfIsToldFromOneThatWasKilled) {
  ASSERT_EQ(kill(PidOf("n5"), SIGKILL), 0);
  const absl::Status down =
      launcher::WaitUntil({"n5 to end", launcher::Millis(5'000), ""},
                          []() -> absl::StatusOr<bool> { return StateOf("n5") == "down"; });
  ASSERT_TRUE(down.ok()) << down;
  EXPECT_THAT(Run({"doctor"}).out, HasSubstr("n5 ended by itself"));
  EXPECT_EQ(Run({"up"}).exit_code, 0) << "a half-started cluster is healed";
  EXPECT_TRUE(BecomesUp("n5").ok());
}

TEST_F(Cli, WhatBreaksAQuorumIsRefusedUnlessForced) {
  ASSERT_EQ(BenchWrite().exit_code, 0);
  ASSERT_EQ(Run({"kill", "az:a"}).exit_code, 0);
  EXPECT_EQ(BenchWrite().exit_code, 0) << "an AZ may be lost";
  for (const char* node : {"n3", "n4", "n5", "n6"}) ASSERT_TRUE(BecomesUp(node).ok()) << node;
  const Outcome refused = Run({"kill", "n3"});
  EXPECT_EQ(refused.exit_code, kRefused) << refused.Said();
  EXPECT_THAT(refused.err, HasSubstr("--force"));
  EXPECT_EQ(Run({"pause", "n3"}).exit_code, kRefused) << "a node that hangs writes nothing";
  EXPECT_EQ(StateOf("n3"), "up");

  ASSERT_EQ(Run({"kill", "n3", "--force"}).exit_code, 0);
  const Outcome bench = BenchWrite();
  EXPECT_EQ(bench.exit_code, kFailed) << bench.Said();
  EXPECT_LT(bench.seconds, 15.0);
  EXPECT_THAT(bench.err, AnyOf(HasSubstr("READ_ONLY"), HasSubstr("COMMIT_UNKNOWN")));

  ASSERT_EQ(Run({"restart", "n3"}).exit_code, 0);
  EXPECT_EQ(BenchWrite().exit_code, 0) << "with four of six writes go on";
}

TEST_F(Cli, APausedNodeHangsAndGoesOn) {
  ASSERT_EQ(Run({"pause", "n6"}).exit_code, 0);
  EXPECT_EQ(StateOf("n6"), "paused");
  EXPECT_EQ(Run({"pause", "n6"}).exit_code, kFailed) << "it is paused already";
  EXPECT_EQ(BenchWrite().exit_code, 0);
  ASSERT_EQ(Run({"resume", "n6"}).exit_code, 0);
  EXPECT_TRUE(BecomesUp("n6").ok());
  ASSERT_EQ(Run({"pause", "n6"}).exit_code, 0);
  ASSERT_EQ(Run({"up"}).exit_code, 0) << "up resumes what is paused";
  EXPECT_TRUE(BecomesUp("n6").ok());
}

TEST_F(Cli, VolumesAreCreatedShownAndDropped) {
  EXPECT_EQ(Run({"volume", "create", "books", "--page-size", "8192"}).exit_code, 0);
  const Outcome twice = Run({"volume", "create", "books"});
  EXPECT_EQ(twice.exit_code, kFailed);
  EXPECT_THAT(twice.err, HasSubstr("exists"));
  EXPECT_THAT(Run({"volume", "list"}).out, HasSubstr("books"));
  EXPECT_EQ(Run({"volume", "show", "books", "--json"}).Json().at("page_size"), 8192);
  EXPECT_EQ(Run({"volume", "drop", "books"}).exit_code, 0);
  EXPECT_EQ(Run({"volume", "show", "books"}).exit_code, kFailed);
  EXPECT_EQ(Run({"volume", "drop", "books"}).exit_code, kFailed);
  EXPECT_EQ(Run({"volume", "drop", "main"}).exit_code, kRefused) << "the compute writes to it";
}

TEST_F(Cli, VolumesThatCannotBeAreWrongUsage) {
  for (const char* size : {"0", "5000", "2048", "131072", "-1", "much"}) {
    const Outcome outcome = Run({"volume", "create", "odd", "--page-size", size});
    EXPECT_EQ(outcome.exit_code, kUsage) << size << outcome.Said();
  }
  for (const char* quorum : {"3/6", "7/6", "4", "x/y"}) {
    EXPECT_EQ(Run({"volume", "create", "odd", "--quorum", quorum}).exit_code, kUsage) << quorum;
  }
  EXPECT_EQ(Run({"volume", "create", "No Such/Name"}).exit_code, kUsage);
  EXPECT_EQ(Run({"volume", "create", std::string(64, 'x')}).exit_code, kUsage)
      << "the longest name is 63 bytes: a manifest with a longer one is not accepted";
}

TEST_F(Cli, BelowAReadQuorumOfAnswersNothingIsClaimed) {
  ASSERT_EQ(BenchWrite().exit_code, 0);
  for (const char* node : {"n1", "n2", "n3", "n4"}) {
    ASSERT_EQ(Run({"pause", node, "--force"}).exit_code, 0) << node;
  }
  const Outcome list = Run({"volume", "list"});
  EXPECT_EQ(list.exit_code, kFailed) << list.Said();
  EXPECT_THAT(list.err, HasSubstr("a volume may be missed"));
  EXPECT_EQ(Run({"volume", "show", "bench"}).exit_code, kFailed);
  const Outcome verify = Run({"verify", "bench"});
  EXPECT_EQ(verify.exit_code, kFailed) << verify.Said();
  EXPECT_THAT(verify.out, Not(HasSubstr("nothing was ever written")));
  const Outcome kill = Run({"kill", "n5"});
  EXPECT_NE(kill.exit_code, 0) << kill.Said();
  EXPECT_EQ(StateOf("n5"), "up");
  ASSERT_EQ(Run({"up"}).exit_code, 0);
}

TEST_F(Cli, VerifyLeavesOutANodeThatHangs) {
  ASSERT_EQ(BenchWrite().exit_code, 0);
  AllBecomeUp();  // what the bench left to the disks may keep them busy
  const Outcome pause = Run({"pause", "n2"});
  ASSERT_EQ(pause.exit_code, 0) << pause.Said();
  const Outcome verify = Run({"verify", "bench"}, 90);
  EXPECT_EQ(verify.exit_code, kFailed) << verify.Said();
  EXPECT_THAT(verify.err, AllOf(HasSubstr("n2"), HasSubstr("could not be compared")));
  EXPECT_LT(verify.seconds, 40.0);
  ASSERT_EQ(Run({"resume", "n2"}).exit_code, 0);
}

TEST_F(Cli, BenchIsNotRestarted) {
  const Outcome restart = Run({"restart", "bench", "--dry-run"});
  EXPECT_EQ(restart.exit_code, kUsage) << restart.Said();
  EXPECT_THAT(restart.err, HasSubstr("hexad bench write"));
}

TEST_F(Cli, DryRunsChangeNothing) {
  EXPECT_EQ(Run({"volume", "create", "kept"}).exit_code, 0);
  EXPECT_THAT(Run({"volume", "drop", "kept", "--dry-run"}).out, HasSubstr("would drop"));
  EXPECT_EQ(Run({"volume", "show", "kept"}).exit_code, 0);
  const Outcome down = Run({"down", "--wipe", "--dry-run"});
  EXPECT_EQ(down.exit_code, 0) << down.Said();
  EXPECT_THAT(down.out, AllOf(HasSubstr("would stop n1"), HasSubstr("would delete")));
  EXPECT_EQ(StateOf("n1"), "up");
  EXPECT_EQ(Run({"volume", "drop", "kept"}).exit_code, 0);
}

TEST_F(Cli, UnknownTargetsAreNamedWithTheKnownOnes) {
  for (const char* verb : {"kill", "pause", "resume", "restart", "logs"}) {
    const Outcome outcome = Run({verb, "n9"});
    EXPECT_EQ(outcome.exit_code, kUsage) << verb;
    EXPECT_THAT(outcome.err, HasSubstr("az:b"));
  }
  EXPECT_THAT(Run({"logs", "az:b"}).out, HasSubstr("n3 | "));
}

TEST_F(Cli, ANodeThatChangedHandsIsNeverSignalled) {
  // As after a reboot: the pid belongs to somebody else now.
  const auto bystander = launcher::Spawn({{"/bin/sleep", "600"}, Scratch("bystander.log")});
  ASSERT_TRUE(bystander.ok());
  const launcher::ClusterDir& dir = cluster_->launcher().dir();
  const auto real = dir.Remembered("n1");
  ASSERT_TRUE(real.has_value());
  launcher::ProcessIdentity stale = *real;
  stale.pid = bystander->pid;
  ASSERT_TRUE(dir.Remember("n1", stale).ok());
  EXPECT_EQ(StateOf("n1"), "down");
  EXPECT_EQ(Run({"kill", "n1"}).exit_code, kFailed);
  EXPECT_EQ(launcher::StateOf(*bystander), launcher::ProcessState::kUp);
  EXPECT_THAT(Run({"doctor"}).out, HasSubstr("this folder forgot it"));
  const Outcome up = Run({"up"});
  EXPECT_EQ(up.exit_code, kFailed) << "the real n1 still holds its port and data";
  EXPECT_THAT(up.err, HasSubstr("kill " + std::to_string(real->pid)));
  ASSERT_TRUE(dir.Remember("n1", *real).ok());
  EXPECT_TRUE(launcher::Signal(*bystander, SIGKILL).ok());
}

TEST_F(Cli, ANewWriterFencesTheComputeForEver) {
  ASSERT_EQ(BenchWrite({"--volume", "main", "--force"}).exit_code, 0);
  const absl::Status fenced =
      launcher::WaitUntil({"the compute to learn that it is fenced", launcher::Millis(20'000), ""},
                          []() -> absl::StatusOr<bool> {
                            return Run({"doctor"}).out.find("fenced") != std::string::npos;
                          });
  EXPECT_TRUE(fenced.ok()) << fenced;
  ASSERT_EQ(Run({"restart", "compute"}).exit_code, 0);
  EXPECT_TRUE(AllAreWell().ok()) << Run({"doctor"}).Said();
}

}  // namespace
}  // namespace hexad::cluster_test

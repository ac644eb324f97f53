// Places in a volume's past that there are not, names that cannot be, promises that would be
// broken: one clear error each, with what is possible and the right exit code, and nothing changed.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/cluster/scratch_cluster.h"

namespace hexad::cluster_test {
namespace {

using testing::AllOf;
using testing::ContainsRegex;
using testing::HasSubstr;

constexpr int kFailed = 1;
constexpr int kUsage = 2;
constexpr int kRefused = 3;

// "LSN 1 (2026-01-31T12:00:00.000Z)"
const std::string kCommit = R"(LSN [0-9,]+ \([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}\.[0-9]{3}Z\))";
const std::string kRange =
    absl::StrCat("it can go back to ", kCommit, " and later; its newest commit is ", kCommit);

// Volume main has six commits, went back to the fourth, and has one more: 5 and 6 are a branch's,
// and between 6 and the last one lie LSNs that no history has. Clone dev continues it at 2.
class TimeTravelInput : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    cluster_ = std::make_unique<ScratchCluster>();
    for (int i = 1; i <= 6; ++i) Must({"page", "main", "0", "--write", absl::StrCat("text ", i)});
    Must({"clone", "main", "dev", "--at", "2"});
    Must({"backtrack", "main", "--to", "4"});
    Must({"page", "main", "0", "--write", "after"});
  }
  static void TearDownTestSuite() { cluster_.reset(); }

  void SetUp() override { before_ = State(); }
  // Nobody went anywhere, nothing is forgotten sooner, no volume came or went.
  void TearDown() override { EXPECT_EQ(State(), before_); }

  static void Must(const std::vector<std::string>& command) {
    const Outcome outcome = cluster_->Run(command);
    ASSERT_EQ(outcome.exit_code, 0) << outcome.Said();
  }
  // Epochs, VDLs, histories, retention and pages of both volumes.
  static std::string State() {
    std::string state;
    for (const auto& volume : cluster_->Run({"volume", "list", "--json"}).Json()["volumes"]) {
      absl::StrAppend(&state, volume["name"].dump(), volume["epoch"].dump(), "\n");
    }
    for (const char* volume : {"main", "dev"}) {
      absl::StrAppend(&state, cluster_->Run({"history", volume, "--json"}).out,
                      cluster_->Run({"page", volume, "0", "--json"}).out);
    }
    return state;
  }
  // One error: what, why, what next; nothing on stdout.
  static void Refuses(const std::vector<std::string>& command, int code, const std::string& why) {
    const Outcome outcome = cluster_->Run(command);
    const std::string said =
        absl::StrCat(command[0], " ", command[1], " ", command.back(), ": ", outcome.Said());
    EXPECT_EQ(outcome.exit_code, code) << said;
    EXPECT_EQ(outcome.out, "") << said;
    EXPECT_THAT(outcome.err, AllOf(HasSubstr("hexad: "), ContainsRegex(why))) << said;
    EXPECT_LE(std::ranges::count(outcome.err, '\n'), 3) << said;
  }
  // By every verb that takes a place in main's past.
  static void RefusesPlace(const std::string& place, int code, const std::string& why) {
    Refuses({"backtrack", "main", "--to", place}, code, why);
    Refuses({"backtrack", "main", "--dry-run", "--to", place}, code, why);
    Refuses({"clone", "main", "new", "--at", place}, code, why);
    Refuses({"page", "main", "0", "--at", place}, code, why);
  }

  inline static std::unique_ptr<ScratchCluster> cluster_;
  std::string before_;
};

TEST_F(TimeTravelInput, WhatLiesBeforeTheFirstCommitOrIsYetToCome) {
  RefusesPlace("2020-01-31T12:00:00Z", kFailed, kRange);
  RefusesPlace("-9000h", kFailed, kRange);
  RefusesPlace("2099-01-31T12:00:00Z", kFailed, absl::StrCat("is yet to come; ", kRange));
}

TEST_F(TimeTravelInput, LsnsThatNoHistoryHas) {
  const auto none = absl::StrCat("is in none of its histories; ", kRange);
  RefusesPlace("7", kFailed, none);            // after the branch's end
  RefusesPlace("9,999,999", kFailed, none);    // no epoch ever issued it
  RefusesPlace("900,000,000", kFailed, none);  // above the VDL
  RefusesPlace("18446744073709551615", kFailed, none);
}

// A branch can be returned to and cloned; a read at its LSNs would show the head's pages.
TEST_F(TimeTravelInput, ABranchIsNotReadAsIfItWereTheHead) {
  Refuses({"page", "main", "0", "--at", "6"}, kFailed,
          "on the branch that epoch [0-9]+ left.*hexad clone main NEW --at 6");
  const Outcome dry = cluster_->Run({"backtrack", "main", "--to", "6", "--dry-run"});
  EXPECT_EQ(dry.exit_code, 0) << dry.Said();
  EXPECT_THAT(dry.out, HasSubstr("would return to LSN 6"));
}

TEST_F(TimeTravelInput, WhatAClonesParentHasAndTheCloneHasNot) {
  Refuses({"backtrack", "dev", "--to", "1"}, kFailed,
          "older than what is retained; it can go back "
          "to LSN 2 \\(");
  Refuses({"backtrack", "dev", "--to", "5"}, kFailed, "is in none of its histories");
}

TEST_F(TimeTravelInput, WhatIsNoPlaceAtAll) {
  for (const char* place : {"yesterday", "0", "1.5", "2026-13-01T00:00:00Z", "2026-01-31", "-30",
                            "-3x", "30s", "18446744073709551616", ""}) {
    Refuses({"backtrack", "main", absl::StrCat("--to=", place)}, kUsage, "");
    Refuses({"page", "main", "0", absl::StrCat("--at=", place)}, kUsage, "");
    Refuses({"clone", "main", "new", absl::StrCat("--at=", place)}, kUsage, "");
  }
}

TEST_F(TimeTravelInput, VolumesThatDoNotExist) {
  const std::string none = "no volume nope";
  Refuses({"backtrack", "nope", "--to", "1"}, kFailed, none);
  Refuses({"backtrack", "nope", "--dry-run", "--to", "1"}, kFailed, none);
  Refuses({"clone", "nope", "new"}, kFailed, none);
  Refuses({"clone", "nope", "new", "--at", "1"}, kFailed, none);
  Refuses({"page", "nope", "0", "--at", "1"}, kFailed, none);
  Refuses({"history", "nope"}, kFailed, none);
  Refuses({"volume", "show", "nope"}, kFailed, none);
  Refuses({"volume", "retain", "nope", "--retention", "1h"}, kFailed, none);
  Refuses({"volume", "drop", "nope"}, kFailed, none);
}

TEST_F(TimeTravelInput, NamesThatAreInUseOrCannotBe) {
  Refuses({"clone", "main", "dev"}, kFailed, "volume dev exists already");
  Refuses({"clone", "main", "main"}, kFailed, "volume main exists already");
  const std::string illegal = "1 to 63 of";
  for (const std::string& name : {std::string("No Name"), std::string("UP"), std::string("../x"),
                                  std::string("_x"), std::string(64, 'x')}) {
    Refuses({"clone", "main", name}, kUsage, illegal);
    Refuses({"clone", name, "new"}, kUsage, illegal);
    Refuses({"backtrack", name, "--to", "1"}, kUsage, illegal);
    Refuses({"page", name, "0", "--at", "1"}, kUsage, illegal);
    Refuses({"history", name}, kUsage, illegal);
    Refuses({"volume", "show", name}, kUsage, illegal);
    Refuses({"volume", "retain", name, "--retention", "1h"}, kUsage, illegal);
    Refuses({"volume", "drop", name}, kUsage, illegal);
  }
}

TEST_F(TimeTravelInput, AVolumeThatIsOpenIsNotDropped) {
  Refuses({"volume", "drop", "main"}, kRefused, "volume main is open.*\n.*\n.*--force");
  Refuses({"volume", "drop", "dev"}, kRefused, "volume dev is open.*\n.*\n.*--force");
}

TEST_F(TimeTravelInput, RetentionThatCannotBe) {
  for (const char* length : {"x", "-1h", "inf", "99999999h", "1h30", "5 s"}) {
    Refuses({"volume", "retain", "main", absl::StrCat("--retention=", length)}, kUsage, "90s");
  }
  for (const char* bytes : {"x", "-1", "5XB", "99999999999GiB", "1.5GB", "18446744073709551616"}) {
    Refuses({"volume", "retain", "main", absl::StrCat("--retention-log=", bytes)}, kUsage, "4GiB");
  }
  Refuses({"volume", "create", "new", "--retention=x"}, kUsage, "90s");
}

// Less than the clone needs: the clone would hold it anyway, and the user not get what was asked.
TEST_F(TimeTravelInput, RetentionBelowWhatACloneNeeds) {
  Refuses({"volume", "retain", "main", "--retention", "1ms"}, kRefused,
          "clone dev continues it at LSN 2.*\n.*hexad volume drop dev.*--force");
}

// Both, always: the LSN and the time.
TEST_F(TimeTravelInput, StatusAndShowTellHowFarEachVolumeCanGoBack) {
  const Outcome status = cluster_->Run({"status"});
  EXPECT_THAT(status.out, ContainsRegex("Can go back to LSN 1 \\(2[-0-9T:.]+Z\\)"));
  EXPECT_THAT(status.out, ContainsRegex("Can go back to LSN 2 \\(2[-0-9T:.]+Z\\)"));
  for (const char* volume : {"main", "dev"}) {
    const std::string lsn = volume == std::string("main") ? "1" : "2";
    const std::string back = absl::StrCat("an go back to LSN ", lsn, " \\(2[-0-9T:.]+Z\\)");
    for (const auto& command :
         std::vector<std::vector<std::string>>{{"volume", "show", volume}, {"history", volume}}) {
      const Outcome shown = cluster_->Run(command);
      EXPECT_THAT(shown.out, ContainsRegex(back)) << shown.Said();
    }
    const auto json = cluster_->Run({"volume", "show", volume, "--json"}).Json();
    EXPECT_EQ(json["can_go_back_to"], std::stoi(lsn));
    EXPECT_THAT(json["can_go_back_to_time"].get<std::string>(), HasSubstr("Z"));
  }
}

// A window of nothing, and commits until R has risen above the first ones.
TEST(TimeTravelWindow, WhatIsOlderThanTheWindowIsRefused) {
  ScratchCluster cluster;
  ASSERT_EQ(cluster.Run({"volume", "retain", "main", "--retention", "0s"}).exit_code, 0);
  uint64_t from = 0;
  for (int i = 0; i < 100 && from <= 4; ++i) {
    ASSERT_EQ(cluster.Run({"page", "main", "0", "--write", "more"}).exit_code, 0);
    from = cluster.Run({"history", "main", "--json"}).Json()["can_go_back_to"];
  }
  ASSERT_GT(from, 4u) << "R never rose";
  const std::string before = cluster.Run({"history", "main", "--json"}).out;
  for (const auto& command :
       std::vector<std::vector<std::string>>{{"backtrack", "main", "--to", "3"},
                                             {"backtrack", "main", "--dry-run", "--to", "3"},
                                             {"clone", "main", "new", "--at", "3"},
                                             {"page", "main", "0", "--at", "3"}}) {
    const Outcome refused = cluster.Run(command);
    EXPECT_EQ(refused.exit_code, kFailed) << refused.Said();
    EXPECT_THAT(refused.err,
                ContainsRegex(absl::StrCat("LSN 3 is older than what is retained; ", kRange)));
  }
  EXPECT_EQ(cluster.Run({"history", "main", "--json"}).out, before);
}

}  // namespace
}  // namespace hexad::cluster_test

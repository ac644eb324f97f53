// The worked example of docs/fork.md and docs/protocol.md, lived by six real node cores and real
// openings: a crash, a backtrack, its undoing and a clone. What comes of it is written down here in
// the manuals' form and compared with their lines, so neither can drift from the other.
#include <gtest/gtest.h>

#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "tests/unit/clone_drive.h"

namespace hexad::backtrack {
namespace {

using quorum::PgPath;

const std::vector<int> kAll = {1, 2, 3, 4, 5, 6};
const TimelineId kClone{0xB};
constexpr uint64_t kMtrRecords = 10;  // every tenth LSN is a CPL
// Where docs/protocol.md asks each history for its last commit.
constexpr uint64_t kTargets[] = {650, 707, 800, 1000, 2000, 5000};

// The indented lines below a heading, up to the next text that is not indented.
std::string BlockBelow(const std::string& file, const std::string& heading) {
  std::ifstream in(absl::StrCat(HEXAD_SOURCE_DIR, "/", file));
  EXPECT_TRUE(in.good()) << file;
  std::string block;
  bool below = false;
  for (std::string line; std::getline(in, line);) {
    if (line == heading) {
      below = true;
    } else if (below && line.starts_with("    ")) {
      absl::StrAppend(&block, line, "\n");
    } else if (below && !block.empty()) {
      break;
    }
  }
  EXPECT_FALSE(block.empty()) << file << " has no lines below '" << heading << "'";
  return block;
}

// "e1 [1,900] > e2 [1901,...]", cut at `end`. The root epoch, in which nothing is ever written, is
// left out.
std::string Shown(const quorum::Path& path, Lsn end = Lsn::Max()) {
  std::string text;
  for (const quorum::PathStep& step : path.steps()) {
    if (step.epoch == EpochId::Root()) continue;
    const Lsn last = std::min(step.last_lsn, end);
    absl::StrAppend(&text, text.empty() ? "" : " > ", "e", step.epoch.number, " [",
                    step.first_lsn.value(), ",",
                    last == Lsn::Max() ? "..." : absl::StrCat(last.value()), "]");
  }
  return text;
}

// Of an epoch on a path: "{parent 1, fork 900, first 1901}".
std::string Node(const quorum::Path& path, size_t step) {
  const quorum::PathStep& parent = path.steps().at(step - 1);
  const quorum::PathStep& own = path.steps().at(step);
  const std::string of_parent =
      parent.timeline == own.timeline
          ? absl::StrCat(parent.epoch.number)
          : absl::StrFormat("(%X, %d)", parent.timeline.value(), parent.epoch.number);
  return absl::StrCat("{parent ", of_parent, ", fork ", parent.last_lsn.value(), ", first ",
                      own.first_lsn.value(), "}");
}

class ForkExample : public ::testing::Test {
 protected:
  // MTRs of ten records from the epoch's first LSN to `last`, on all six, and the VDL told.
  void Write(const Opened& opened, uint64_t last) {
    const PgPath& history = opened.start.pg_paths[0];
    Lsn prev = history.fork_tail();
    for (uint64_t lsn = opened.start.first_lsn.value(); lsn <= last; lsn += kMtrRecords) {
      quorum::BoxcarBuilder builder(cluster.named.timeline, cluster.named.pgs[0].pg,
                                    opened.start.epoch);
      for (uint64_t i = 0; i < kMtrRecords; ++i) {
        quorum::RecordView record;
        record.lsn = Lsn(lsn + i);
        record.volume_prev = record.pg_prev = prev;
        record.page = PageNo(1);
        record.epoch_number = opened.start.epoch.number;
        record.kind = quorum::RecordKind::kNop;
        if (i == 0) record.flags |= quorum::RecordFlags::kMtrBegin;
        if (i + 1 == kMtrRecords) {
          record.flags |= quorum::RecordFlags::kCpl;
          record.commit_time = CommitTime(static_cast<int64_t>(lsn + i));
        }
        builder.Add(record);
        prev = record.lsn;
      }
      ASSERT_EQ(cluster.Append(kAll, builder.Seal(Lsn(), Lsn())), 6);
    }
    for (const int node : kAll) {
      cluster.Ask(node, quorum::Append{cluster.To(0, opened.start.epoch), prev, Lsn(), {}});
    }
  }

  Opened Open(uint64_t claimant, std::optional<BacktrackTarget> target = std::nullopt) {
    OpeningOptions options = cluster.Options(claimant);
    options.backtrack = target;
    return Open(std::move(options));
  }
  Opened Open(OpeningOptions options) {
    OpeningDrive drive(cluster, std::move(options));
    drive.Up(kAll).Run();
    EXPECT_TRUE(drive.opened.has_value())
        << (drive.failed.has_value() ? drive.failed->ToString() : drive.opening().Describe());
    return drive.opened.value_or(Opened{});
  }
  Cloned CloneAt(uint64_t lsn) {
    CloneOptions options;
    options.parent = cluster.named;
    options.at = Lsn(lsn);
    options.timeline = kClone;
    options.name = "clone";
    CloneDrive drive(cluster, options);
    drive.Up(kAll).Run();
    EXPECT_TRUE(drive.cloned.has_value()) << drive.Outcome();
    return drive.cloned.value_or(Cloned{});
  }
  Opened OpenClone(const Cloned& cloned, uint64_t claimant) {
    OpeningOptions options = cluster.Options(claimant);
    options.named.timeline = kClone;
    options.named.name = "clone";
    options.named.pgs = {cloned.manifest.pgs.front()};
    return Open(std::move(options));
  }

  // What all six segments say is the history's last commit at or below `target`.
  std::string LastCommit(const Opened& opened, uint64_t target) {
    std::string said;
    for (const int node : kAll) {
      quorum::FindCommit find;
      find.to = cluster.To(0, opened.start.epoch);
      find.to.timeline = opened.start.manifest.timeline;
      find.history = opened.start.pg_paths[0];
      find.up_to = Lsn(5000);
      find.target = Lsn(target);
      for (const auto& answer : cluster.Ask(node, find)) {
        const auto* found = std::get_if<quorum::CommitFound>(&answer);
        if (found == nullptr || !found->before.has_value()) return "no answer";
        const std::string commit = absl::StrCat(found->before->lsn.value());
        if (!said.empty() && said != commit) return "two answers";
        said = commit;
      }
    }
    return said;
  }

  // --- lines of docs/fork.md
  void Say(const std::string& line) { absl::StrAppend(&fork_md, "    ", line, "\n"); }
  void SayForked(const std::string& what, const Opened& opened) {
    const PgPath& history = opened.start.pg_paths[0];
    Say(absl::StrFormat("%-18sepoch %-3d%-38s%s", what, opened.start.epoch.number,
                        Node(history.path, history.path.steps().size() - 1), Shown(history.path)));
    for (const quorum::Branch& branch : history.branches) {
      Say(absl::StrFormat("%-18sbranch   %s", "", Shown(branch.path, branch.end.at)));
    }
  }

  // --- a line of docs/protocol.md
  void SayEpoch(const std::string& name, const Opened& opened) {
    absl::StrAppendFormat(&protocol_md, "    %-12s%6d%10d%6s", name, opened.start.vdl.value(),
                          opened.start.first_lsn.value(), "");
    for (const uint64_t target : kTargets) {
      absl::StrAppendFormat(&protocol_md, "%6s", LastCommit(opened, target));
    }
    absl::StrAppend(&protocol_md, "\n");
  }

  OpeningCluster cluster;
  std::string fork_md;
  std::string protocol_md =
      "                  VDL'  first_lsn      650   707   800  1000  2000  5000\n";
};

TEST_F(ForkExample, TheManualsTellWhatHappens) {
  const Opened first = Open(1);
  ASSERT_NO_FATAL_FAILURE(Write(first, 900));
  const Opened second = Open(2);
  Say(absl::StrCat("epoch 1 starts at ", first.start.first_lsn.value(),
                   "; its writer crashes at VDL ", second.start.vdl.value()));
  SayForked("recovery", second);
  ASSERT_NO_FATAL_FAILURE(Write(second, 2400));
  SayEpoch("epoch 2", second);
  Say(absl::StrCat("writes ", second.start.first_lsn.value(), "..2400"));

  const Opened back = Open(3, Lsn(707));
  SayForked(absl::StrCat("backtrack to ", back.forked_at->lsn.value()), back);
  SayEpoch("epoch 3", back);
  const Opened undone = Open(4, Lsn(2400));
  SayForked("undo it", undone);
  SayEpoch("epoch 4", undone);

  const Cloned cloned = CloneAt(2000);
  const Opened clone = OpenClone(cloned, 5);
  // The root of B's timeline stands before B's first epoch.
  const quorum::Path& path = clone.start.pg_paths[0].path;
  Say(absl::StrCat("clone at ", cloned.forked_at.lsn.value(), "     timeline B, root ",
                   Node(path, path.steps().size() - 2)));
  SayEpoch("B, epoch 1", clone);

  EXPECT_EQ(BlockBelow("docs/fork.md", "## Worked example"), fork_md);
  EXPECT_EQ(BlockBelow("docs/protocol.md", "## Epochs in numbers"), protocol_md);
}

}  // namespace
}  // namespace hexad::backtrack

// Where a history is forked, at an LSN or a time that somebody chose (docs/fork.md): the last
// commit at or before it, over all PGs, and each PG's last record there. Two questions to each PG:
// which commit, and, once the latest of them is known, where the PG's chain stands at it.
//
// A backtrack asks along the head that it has recovered, a clone along one that goes on.
#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "quorum/messages.h"

namespace hexad::backtrack {

// The last commit at or before it. An LSN may lie on the head's history or on a branch that a
// backtrack left; a time is one of the head's.
using ForkTarget = std::variant<Lsn, CommitTime>;

// The branch of `known` that the target lies on; nothing: the head, up to its `vdl`. OUT_OF_RANGE
// if it lies on neither; `volume` is for its message.
absl::StatusOr<std::optional<size_t>> BranchOf(const quorum::PgPath& known, Lsn vdl,
                                               const ForkTarget& target, const std::string& volume);

// The newest epoch that some answer of every PG has on its history, head or branch, as each PG
// tells it. `answers`: by PG, never empty, the histories that its segments told. An epoch that sent
// a record had begun at a write quorum of every PG, so every read quorum shows it: nothing above
// the choice ever sent one. (What is above are leaves of openings that did not finish.) DATA_LOSS
// if there is none, or if two segments tell two histories.
absl::StatusOr<std::vector<quorum::PgPath>> NewestCommonHistory(
    const std::vector<std::vector<const quorum::PgPath*>>& answers);

// May a history be forked at the last commit at or before a target? OUT_OF_RANGE: there is none, or
// it lies below what is retained. `after`: the first one after the target.
absl::Status CheckFork(const std::optional<quorum::CommitPoint>& before,
                       const std::optional<quorum::CommitPoint>& after,
                       const quorum::Manifest& manifest);

class CommitSearch {
 public:
  explicit CommitSearch(ForkTarget target) : question_(target) {}

  // What every PG is asked now (quorum::FindCommit).
  const ForkTarget& question() const { return question_; }
  // One answer of each PG of the manifest, exact up to the end of the history. True: all is known.
  // False: there is a new question. OUT_OF_RANGE: no commit there, or it lies below what is
  // retained.
  absl::StatusOr<bool> Take(const std::vector<quorum::CommitFound>& answers,
                            const quorum::Manifest& manifest);

  // The commit that stays, and the first one after it: known from the second question on.
  const std::optional<quorum::CommitPoint>& fork() const { return fork_; }
  const std::optional<quorum::CommitPoint>& after() const { return after_; }
  // Each PG's last record at or below the fork. REQUIRES: all is known.
  const std::vector<Lsn>& tails() const { return tails_; }

 private:
  ForkTarget question_;
  std::optional<quorum::CommitPoint> fork_;
  std::optional<quorum::CommitPoint> after_;
  std::vector<Lsn> tails_;
};

}  // namespace hexad::backtrack

// Making a clone: a new timeline whose root continues a history of its parent, cut at a commit
// (docs/fork.md). Nothing is copied and nobody is fenced: the parent goes on writing, and may grow
// or go back meanwhile.
//
//             polls, twice             commit, tails             write quorum of the first PG
//   [polling] ------------> [locating] ------------> [pinning] ------------> [installing] ---->
//   cloned
//                                                                    write quorum of every other PG
//
// The first polls say what is durable, the second ones, made after that was known, where: so every
// PG with a record at or below the fork is among them. The pin, in the first PG, is what keeps the
// fork: from then on the parent's R cannot pass it. Nobody can open the clone before its name is
// registered, which is for the caller to do, after Cloned.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "backtrack/commit_search.h"
#include "quorum/base/core.h"
#include "quorum/base/prng.h"
#include "quorum/messages.h"
#include "quorum/volume_writer.h"

namespace hexad::backtrack {

// The parent's VDL, whatever it is when the clone is made.
struct CloneNow {};
using CloneTarget = std::variant<CloneNow, Lsn, CommitTime>;

struct CloneOptions {
  // What the parent's name says: timeline, page size, and the first PG.
  quorum::Manifest parent;
  CloneTarget at;
  TimelineId timeline;  // the clone's: drawn at random, never used before
  std::string name;     // a legal one
  // A VDL of the parent that the caller knows of, from its writer. The segments hear it a little
  // later: what the caller committed before it asked is in a clone of "now".
  Lsn at_least;
  uint64_t seed = 1;  // of the polls' numbers
  Duration answer_grace = Duration::Millis(30);
  Duration retry_after = Duration::Millis(400);
  // Then it fails. A pin whose name nobody registered may be removed by others a minute after it
  // was made, so this and the registration together must take less.
  Duration give_up_after = Duration::Seconds(20);
};

struct CloneStart {};
struct CloneTick {};
using CloneInput =
    std::variant<CloneStart, quorum::NodeUp, quorum::NodeDown, quorum::NodeAnswered, CloneTick>;

// A write quorum of every PG holds the clone: it can be named, and then opened with
// OpeningOptions::named = the manifest, cut to its first PG and geometry epoch 1.
struct Cloned {
  quorum::Manifest manifest;
  quorum::CommitPoint forked_at;  // LSN None() and time 0: the parent had no commit
};

// UNAVAILABLE: too few segments answered. OUT_OF_RANGE: there is no such commit, or it lies below
// what is retained; the message has the range.
struct CloneFailed {
  absl::Status status;
  // What may have been made of it, for the caller to drop: this timeline in these PGs.
  std::optional<quorum::Manifest> remains;
};

using CloneEffect = std::variant<quorum::Send, Cloned, CloneFailed>;

class Clone {
 public:
  using Input = CloneInput;
  using Effects = std::vector<CloneEffect>;

  explicit Clone(CloneOptions options);

  void Step(const Input& in, Instant now, Effects& out);
  Instant NextDeadline() const;
  void CheckInvariants() const;
  // "pinning: PG 0: 2 of 4 answers (n1 n2), down: n3 n4": what a waiting user is told.
  std::string Describe() const;

 private:
  enum class Phase { kIdle, kPolling, kPollingAgain, kLocating, kPinning, kInstalling, kDone };

  struct Member {
    std::optional<quorum::Polled> polled;
    std::optional<quorum::CommitFound> found;
    bool made = false;
    bool refused = false;  // for good
    bool waiting = false;
    Instant asked_at;
  };
  struct Pg {
    quorum::Membership membership;
    std::vector<Member> members;
    quorum::PgPath history;  // that is continued
    quorum::PgPath root;     // the clone's
  };

  void On(const CloneStart& start);
  void On(const quorum::NodeUp& up);
  void On(const quorum::NodeDown& down);
  void On(const quorum::NodeAnswered& answered);
  void On(const CloneTick& tick);
  void OnAnswer(Pg& pg, int member, const quorum::Polled& polled);
  void OnAnswer(Pg& pg, int member, const quorum::CommitFound& found);
  void OnAnswer(Pg& pg, int member, const quorum::Created& created);
  void OnAnswer(Pg& pg, int member, const quorum::Refused& refused);

  void Advance();
  void AfterPolls();
  // True if PGs came to it, which have to be polled as well.
  bool TakeManifest();
  absl::Status ChooseHistory();
  Lsn HeardVdl() const;
  void LookForFork();
  void AfterFound();
  void Plan(quorum::CommitPoint fork, const std::vector<Lsn>& tails);
  void AfterMade();
  void Restart();
  void Enter(Phase phase);
  void Fail(absl::Status status);

  void AskAll();
  std::optional<quorum::SegmentRequest> NextFor(const Pg& pg, const Member& member) const;
  bool HasAnswered(const Member& member) const;
  bool Concerns(const Pg& pg) const;  // is it asked in this phase?
  bool IsUp(const Pg& pg, int member) const;
  using Has = bool (*)(const Member&);
  quorum::MemberSet Those(const Pg& pg, Has has) const;
  bool ReadQuorums(Has has);

  CloneOptions options_;
  Prng prng_;
  Phase phase_ = Phase::kIdle;
  Instant now_;
  Instant started_at_;
  Effects* out_ = nullptr;  // during Step only

  std::map<NodeId, Incarnation> up_;
  std::vector<Pg> pgs_;
  quorum::Manifest parent_;
  std::optional<Lsn> vdl_;  // of the history that is continued: everything up to it is durable
  uint64_t poll_round_ = 0;
  CommitSearch search_{Lsn()};
  std::optional<quorum::Manifest> clone_;
  quorum::CommitPoint forked_at_;
  std::optional<Instant> quorum_since_;
};

}  // namespace hexad::backtrack

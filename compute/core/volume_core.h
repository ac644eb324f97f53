// One volume's life in a compute process: openings, the writer between them, who waits for which
// commit, which read points are held, how far back can be gone. The host around it carries messages
// and time, keeps the page cache and reads pages; the simulator drives the same core.
//
//   [opening] --Opened--> [writing] --Outbid, grace--> [draining] --VDL = last issued-->
//   [succeeding]
//      |  ^                 |    ^  |                                                        |
//      |  |read-only after  |    |  +-- backtrack: what is issued is not waited for ---------+
//      v  |all: still trying|    |                                                           |
//   [read-only]             |    +-------------------------- Opened -------------------------+
//                           +---- Fenced ----> [fenced]
//
// Opened as a snapshot it only polls: it stays in [read-only], fences nobody, and asks again how
// far the volume is when it is told to (AskAgain).
//
//   edge                     made by
//   opening -> read-only     OpenedReadOnly: three of six promised, no write quorum
//   opening, read-only,
//   succeeding -> writing    Opened
//   writing -> draining      kOutbidGrace after Outbid: its contender died half-way
//   draining -> succeeding   everything issued is durable, the next epoch can start there; or VDL
//                            stood still for kDrainPatience, and the next epoch starts wherever its
//                            opening finds the durable log to end
//   writing -> succeeding    Backtrack, once the commit to go back to has been looked up: the next
//                            epoch forks there (docs/fork.md). A target that no history retains is
//                            refused, and the writer goes on.
//   any -> fenced            Fenced, or Opened if somebody else wrote before our next epoch
//
// READ_ONLY for want of a write quorum is no state of its own: the writer goes on, and QuorumWatch
// says when to refuse new commits.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "backtrack/commit_lookup.h"
#include "backtrack/opening.h"
#include "compute/core/commit_queue.h"
#include "compute/core/quorum_watch.h"
#include "compute/core/read_pins.h"
#include "compute/core/retention_marks.h"
#include "quorum/base/core.h"
#include "quorum/base/prng.h"
#include "quorum/volume_writer.h"

namespace hexad::compute {

// ---- inputs -------------------------------------------------------------------------------------

// REQUIRES: the first input, once. `backtrack`: the first epoch forks there.
struct OpenVolume {
  backtrack::OpenMode mode = backtrack::OpenMode::kOperator;
  std::optional<backtrack::BacktrackTarget> backtrack = std::nullopt;
};

// A segment refused a page read because it promised something higher.
struct ReadRefused {
  NodeId node;
  quorum::Refused refused;
};

// The volume shall have so many PGs: added one after the other.
struct GrowTo {
  size_t pgs = 0;
};

// Everything after the target becomes invisible. Answered by BacktrackEnded: OUT_OF_RANGE if no
// commit that is retained lies there, or the target lies above VDL, and nothing changed. REQUIRES:
// [writing], and none under way.
struct Backtrack {
  backtrack::BacktrackTarget target;
};

// Which commits lie around the target, on this epoch's history? Answered by Located; an earlier
// question that is still open is dropped. REQUIRES: [writing], or [read-only] and not asking how
// far the volume is.
struct Locate {
  backtrack::BacktrackTarget target;
};

// How much is kept from now on. REQUIRES: [writing].
struct ChangeRetention {
  quorum::Retention retention;
};

// Of a snapshot: how far is the volume now? Changed follows.
struct AskAgain {};

struct VolumeTick {};

using VolumeInput = std::variant<OpenVolume, quorum::NodeUp, quorum::NodeDown, quorum::NodeAnswered,
                                 ReadRefused, quorum::SubmitMtr, GrowTo, Backtrack, Locate,
                                 ChangeRetention, AskAgain, VolumeTick>;

// ---- effects ------------------------------------------------------------------------------------

// Of an opening; what the writer sends is quorum::Send.
struct OpeningSend {
  quorum::Send send;
};

// The volume is this process's under a new epoch. (A copy: the writer has its own.)
struct TenureBegan {
  quorum::WriterStart start;
};

// Page reads start anew: from `vdl` on, under `epoch`. What was being read is asked again.
struct ReadsRestart {
  EpochId epoch;
  bool sealed = false;  // promised and not begun (quorum::ReadPage)
  Lsn vdl;
  bool keep_cache = false;  // what is cached is the newest still
  // Per PG and member, if a quorum has told: SCLs along the epoch's path. Empty: nothing may be
  // read until the next ReadsRestart.
  std::vector<std::vector<std::optional<Lsn>>> scls;
};

// These need not wait any more, in LSN order. OK: durable.
struct CommitsEnded {
  std::vector<CommitQueue::Waiter> waiters;
  absl::Status status;
};

// The first opening: the volume can be written, or read, or this is why not.
struct OpenEnded {
  absl::Status status;
};

// A later opening that was given up; another one follows, or Fenced.
struct OpeningGaveUp {
  absl::Status status;
};

struct BacktrackEnded {
  absl::Status status;
  quorum::CommitPoint forked_at;                  // if OK: the newest commit that is visible now
  std::optional<quorum::CommitPoint> first_left;  // and the first that is not any more
};

struct Located {
  backtrack::CommitsAround around;
};

// Something that somebody may have waited for: try again.
struct Changed {};

// This handle is dead; reason() says why. No connection is needed any more.
struct BecameFenced {};

using VolumeEffect =
    std::variant<quorum::Send, OpeningSend, quorum::MtrIssued, quorum::MtrBlocked, quorum::VdlMoved,
                 quorum::Grown, quorum::AckTimed, TenureBegan, ReadsRestart, CommitsEnded,
                 OpenEnded, OpeningGaveUp, BacktrackEnded, Located, Changed, BecameFenced>;

// ---- the core -----------------------------------------------------------------------------------

struct VolumeCoreOptions {
  quorum::Manifest named;  // what the name says: name, timeline, page size, first PG
  std::vector<quorum::RosterNode> roster;  // where further PGs may be placed
  quorum::WriterOptions writer;
  uint64_t lal = quorum::kMaxLal;  // that openings assume of earlier writers
  Duration commit_timeout = Duration::Seconds(10);
  Duration mark_every = RetentionMarks::kShortestStep;
  uint64_t seed = 1;  // random: claimants are drawn from it, and never twice in a cluster
};

class VolumeCore {
 public:
  using Input = VolumeInput;
  using Effects = std::vector<VolumeEffect>;
  enum class Phase : uint8_t { kOpening, kReadOnly, kWriting, kDraining, kSucceeding, kFenced };

  // How long a writer that met a higher promise waits to be fenced by it before it succeeds itself.
  static constexpr Duration kOutbidGrace = Duration::Seconds(1);
  // How long VDL may stand still before draining is given up. The segments that promised a
  // contender and those that are down together may leave no write quorum, and then it never moves
  // again.
  static constexpr Duration kDrainPatience = Duration::Seconds(3);
  static constexpr Duration kRetryOpening = Duration::Seconds(1);
  // How long the commit to go back to is looked for before the next epoch's opening does it.
  static constexpr Duration kLookUpPatience = Duration::Millis(500);

  explicit VolumeCore(VolumeCoreOptions options);
  ~VolumeCore();

  void Step(const VolumeInput& in, Instant now, Effects& out);
  Instant NextDeadline(Instant now) const;
  void CheckInvariants() const;

  // It is durable, and was not left by a backtrack or an opening since.
  bool IsDurable(Lsn lsn) const { return lsn <= vdl_ && FindGone(lsn) == nullptr; }
  // Calls back when `lsn` is durable (OK), when its fate is known to be another one, or after the
  // commit timeout (COMMIT_UNKNOWN): by CommitsEnded, perhaps at once.
  void WaitFor(Lsn lsn, Instant now, CommitQueue::Done done, Effects& out);
  // Counted; held back from the garbage collection while it is held here.
  void Pin(Lsn read_point, Instant now, Effects& out);
  void Unpin(Lsn read_point, Instant now, Effects& out);  // REQUIRES: pinned
  // Everyone who waits: the process ends.
  void TakeAllWaiting(std::vector<CommitQueue::Waiter>& all) { commits_.TakeAll(all); }

  Phase phase() const { return phase_; }
  backtrack::OpenMode mode() const { return mode_; }     // of the last opening
  const std::string& reason() const { return reason_; }  // why it is not writing, for people
  EpochId epoch() const { return epoch_; }               // that reads claim
  bool sealed() const { return sealed_; }
  Lsn vdl() const { return vdl_; }
  const quorum::Manifest& manifest() const { return manifest_; }
  const backtrack::Opening* opening() const { return opening_.get(); }
  const quorum::VolumeWriter* writer() const { return writer_.get(); }
  size_t commits_waiting() const { return commits_.size(); }
  const ReadPins& pins() const { return pins_; }
  Instant snapshot_at() const { return snapshot_at_; }  // when it was last known how far it is
  // Counts ReadsRestart: what was read under an earlier number does not count.
  uint64_t tenure() const { return tenure_; }
  // Nothing can be read for a moment, between two epochs of ours.
  bool between_epochs() const { return writer_ == nullptr && read_only_complete_to_.empty(); }
  // Where the PG's chain ends at or below `read_point`, or higher (VolumeWriter::CompleteTo).
  Lsn CompleteTo(size_t pg_index, Lsn read_point) const;
  // Is that a point of this epoch's history? Not after a backtrack below it.
  bool IsOnHistory(Lsn read_point) const;
  bool going_back() const { return going_back_.has_value() || backtrack_.has_value(); }
  // With the branches that backtracks left; nothing before the first opening has ended.
  const std::optional<quorum::PgPath>& history() const { return history_; }
  std::string DescribeOpening() const { return opening_ == nullptr ? "" : opening_->Describe(); }
  // Why nothing can be committed now, READ_ONLY or FENCED; OK if it can, or soon will.
  absl::Status WhyNoCommit(Instant now) const;
  std::optional<std::string> ReadOnlyReason(Instant now) const {
    return quorums_.ReadOnlyReason(now);
  }
  std::vector<quorum::PgDescription> Describe() const;
  // "volume main (timeline 5f, epoch 3.a1, VDL 12)", for messages.
  std::string Where() const;

 private:
  // LSNs that were issued and are not visible: a draining was given up, or a backtrack undid them.
  struct Gone {
    Lsn kept;  // the range is (kept, last]
    Lsn last;
    absl::Status why;
    bool undone = false;  // by a backtrack: it lies on a branch, and may come back
  };
  const Gone* FindGone(Lsn lsn) const;  // nullptr: it is still there, or never was

  // --- inputs (volume_core.cc)
  void On(const OpenVolume& open, Instant now, Effects& out);
  void On(const quorum::NodeUp& up, Instant now, Effects& out);
  void On(const quorum::NodeDown& down, Instant now, Effects& out);
  void On(const quorum::NodeAnswered& answered, Instant now, Effects& out);
  void On(const ReadRefused& refused, Instant now, Effects& out);
  void On(const quorum::SubmitMtr& submit, Instant now, Effects& out);
  void On(const GrowTo& grow, Instant now, Effects& out);
  void On(const Backtrack& back, Instant now, Effects& out);
  void On(const Locate& locate, Instant now, Effects& out);
  void On(const ChangeRetention& change, Instant now, Effects& out);
  void On(const AskAgain& ask, Instant now, Effects& out);
  void On(const VolumeTick& tick, Instant now, Effects& out);
  void Feed(const quorum::WriterInput& input, Instant now, Effects& out);
  void FeedOpening(const backtrack::OpeningInput& input, Instant now, Effects& out);
  template <class NodeInput>
  void FeedEither(const NodeInput& input, Instant now, Effects& out);
  static void AskFor(const backtrack::CommitLookup& lookup, const NodeId& node, Effects& out);
  backtrack::CommitLookup LookUp(const backtrack::BacktrackTarget& target,
                                 std::optional<size_t> branch) const;
  void GrowOn(Instant now, Effects& out);
  void PinsMoved(Instant now, Effects& out);
  void RetainMore(Instant now, Effects& out);

  // --- the writer's effects
  void Got(quorum::Send& send, Instant now, Effects& out);
  void Got(quorum::MtrIssued& issued, Instant now, Effects& out);
  void Got(quorum::MtrBlocked& blocked, Instant now, Effects& out);
  void Got(quorum::VdlMoved& moved, Instant now, Effects& out);
  void Got(quorum::Grown& grown, Instant now, Effects& out);
  void Got(quorum::Retained& retained, Instant now, Effects& out);
  void Got(quorum::WriteQuorumChanged& changed, Instant now, Effects& out);
  void Got(quorum::Outbid& outbid, Instant now, Effects& out);
  void Got(quorum::Fenced& fenced, Instant now, Effects& out);
  void Got(quorum::AckTimed& acked, Instant now, Effects& out);

  // --- tenures (volume_core_tenures.cc)
  void Got(backtrack::Opened& opened, Instant now, Effects& out);
  void Got(backtrack::OpenedReadOnly& opened, Instant now, Effects& out);
  void Got(backtrack::OpeningFailed& failed, Instant now, Effects& out);
  void StartOpening(Instant now, Effects& out);
  void BeginTenure(quorum::WriterStart start, Instant now, Effects& out);
  void Succeed(Instant now, Effects& out);
  void EndTenure();
  void LookedUp(Instant now, Effects& out);
  void GoBack(Instant now, Effects& out);
  void GiveUpDraining(Instant now, Effects& out);
  void SettleCommits(Effects& out);
  void SettleMoved(const quorum::WriterStart& start, Effects& out);
  void RestartReads(ReadsRestart restart, Effects& out);
  void Fence(std::string why, Effects& out);
  bool CouldBeOurs(Lsn end) const { return end >= vdl_ && end <= issued_to_; }
  bool WroteInBetween(const quorum::WriterStart& start) const;
  absl::Status Annulled() const;

  const VolumeCoreOptions options_;
  Prng prng_;
  Phase phase_ = Phase::kOpening;
  std::string reason_;
  backtrack::OpenMode mode_ = backtrack::OpenMode::kOperator;
  std::optional<backtrack::BacktrackTarget> backtrack_;  // of the opening that is under way
  bool moved_ = false;        // since the last tenure an opening has tried to go back
  bool opened_once_ = false;  // or failed: OpenEnded was told
  std::unique_ptr<backtrack::Opening> opening_;
  std::unique_ptr<quorum::VolumeWriter> writer_;  // in kWriting, kDraining, kFenced
  std::map<NodeId, Incarnation> connected_;
  quorum::Manifest manifest_;
  std::optional<quorum::PgPath> history_;  // this epoch's, as the first PG has it
  std::vector<quorum::PgPath> pg_paths_;   // the same of every PG
  std::optional<backtrack::CommitLookup> search_;
  struct GoingBack {  // not yet: its commit is looked up
    backtrack::BacktrackTarget target;
    backtrack::CommitLookup lookup;
    Instant until;
  };
  std::optional<GoingBack> going_back_;
  EpochId epoch_;
  bool sealed_ = false;
  EpochId written_epoch_;  // the last that this handle wrote under; Root() if none
  Lsn issued_to_;          // kSucceeding: the highest LSN issued under it
  Lsn vdl_;
  uint64_t tenure_ = 0;
  Instant snapshot_at_;
  // Per PG: in kReadOnly, and in kSucceeding once the opening offered to read only.
  std::vector<Lsn> read_only_complete_to_;
  // kWriting: Outbid was met, drain then. kDraining: give up then. kSucceeding: try again then.
  std::optional<Instant> succeed_at_;
  QuorumWatch quorums_;
  CommitQueue commits_;
  std::vector<Gone> gone_;
  ReadPins pins_;
  RetentionMarks marks_;
  bool retaining_ = false;  // a Retain is on its way
  struct Submitting {
    CommitTime time;
    uint64_t bytes = 0;
  };
  Submitting submitting_;  // the MTR that the writer is given
  size_t growth_target_ = 0;
  bool growing_ = false;
};

}  // namespace hexad::compute

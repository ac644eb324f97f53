// One opening at work: what each member of each PG has answered, and what that allows.
//
// Every member walks the same line on its own, and the run as a whole moves on when every PG has
// its quorum; a member that comes late (its node was down) starts at the front and catches up:
//
//   poll -> seal -> inventory -> (refill) -> begin
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "backtrack/opening.h"
#include "quorum/base/prng.h"

namespace hexad::backtrack {

class OpeningRun {
 public:
  explicit OpeningRun(OpeningOptions options);

  void Step(const OpeningInput& in, Instant now, Opening::Effects& out);
  Instant NextDeadline() const;
  void CheckInvariants() const;
  std::string Describe() const;
  std::vector<OpeningCount> Count() const;

 private:
  static constexpr Duration kFirstPause = Duration::Millis(200);
  static constexpr Duration kLongestPause = Duration::Seconds(5);

  enum class Phase {
    kIdle,
    kPolling,
    kPollingAgain,  // kSnapshot only
    kSealing,
    kInventory,
    kRefilling,
    kLocating,  // a backtrack's commit, and each PG's tail at it
    kBeginning,
    kBackingOff,
    kDone
  };

  // A part of the log on its way to a member: first fetched from `source`, then stored.
  struct Refill {
    int source = 0;
    Instant since;
    bool storing = false;
  };

  // What one member of one PG has answered in this attempt, and what it was asked last.
  struct Member {
    std::optional<quorum::Polled> polled;
    std::optional<quorum::Promised> promised;
    std::optional<quorum::SegmentInventory> inventory;
    Lsn scl;  // along the parent: from the inventory, raised by refills
    std::optional<quorum::CommitFound> found;
    std::optional<Lsn> begun_scl;
    bool waiting = false;
    Instant asked_at;
    // Its node is up and has no such segment: it was down when the PG was created.
    bool unknown = false;
    bool created = false;          // by this opening
    std::optional<Refill> refill;  // as a target
    int source_failures = 0;       // as a source: in a row
  };
  struct Pg {
    quorum::Membership membership;
    std::vector<Member> members;
    std::optional<quorum::PgPath> parent;  // the history that is recovered
    std::optional<quorum::PgPath> head;    // the one that is left, while its branch is recovered
    std::optional<quorum::PgPath> path;
    // (source, target) -> when a refill between them last failed: tried last, and not again before
    // retry_after.
    std::map<std::pair<int, int>, Instant> failed;
    // Since when it needs a refill, and has no source for one but answers enough without it.
    std::optional<Instant> sourceless_since;
  };

  // --- inputs
  void On(const OpeningStart& start);
  void On(const quorum::NodeUp& up);
  void On(const quorum::NodeDown& down);
  void On(const quorum::NodeAnswered& answered);
  void On(const OpeningTick& tick);

  void OnAnswer(Pg& pg, int member, const quorum::Polled& polled);
  void OnAnswer(Pg& pg, int member, const quorum::Promised& promised);
  void OnAnswer(Pg& pg, int member, const quorum::InventoryTaken& taken);
  void OnAnswer(Pg& pg, int member, const quorum::LogPart& part);
  void OnAnswer(Pg& pg, int member, const quorum::Refilled& refilled);
  void OnAnswer(Pg& pg, int member, const quorum::Begun& begun);
  void OnAnswer(Pg& pg, int member, const quorum::Created& created);
  void OnAnswer(Pg& pg, int member, const quorum::CommitFound& found);
  void OnAnswer(Pg& pg, int member, const quorum::Refused& refused);

  // --- moving on
  void Advance();  // as far as the answers allow, then asks who has something left to answer
  void AfterPolls();
  void AfterPromises();
  void AfterInventories();
  void CheckHeard(const Pg& pg, int member);
  void AfterRefills();
  void LookForTarget();  // the head is whole: which history does the target lie on?
  void RecoverBranch(size_t branch);
  void AfterFound();
  absl::Status PlanBacktrack();
  void AfterBegins();
  void ChooseReadPoint();
  void AfterSecondPolls();
  std::vector<quorum::Manifest> PolledManifests() const;
  std::optional<EpochId> NewestServing(const OpenedReadOnly& snapshot) const;
  std::optional<std::vector<quorum::PgPath>> HistoryToRead() const;
  static std::optional<std::vector<quorum::PgPath>> HistoriesOf(
      const std::vector<quorum::PgPath>& known, EpochId epoch);
  enum class WasBegun { kYes, kNo, kUnknown };
  WasBegun HasBegunEverywhere(EpochId epoch) const;
  EpochId HighestPromised() const;
  // What an answer said about its history is well-formed, and of this timeline.
  bool IsUsable(const quorum::PgPath& begun, const std::optional<quorum::Manifest>& manifest) const;
  enum class Geometry { kSame, kGrown, kOther };
  // Takes the newest of these if it is newer than what is known, and adds the PGs that it lists.
  // kOther: it does not list the PGs of this attempt, which must start over.
  Geometry TakeNewest(const std::vector<quorum::Manifest>& manifests);
  absl::Status ChooseParent();
  absl::Status PlanForks();
  // What of the parent's history need not be told step by step any more (docs/fork.md, Short
  // paths).
  struct Foldable {
    EpochId settled;  // everything before it; the root if nothing may
    Lsn retained;     // branches that end below are over at every segment
  };
  Foldable WhatMayFold() const;
  static quorum::PgPath Folded(quorum::PgPath parent, const Foldable& foldable);
  void OfferReadOnly();
  void Enter(Phase phase);
  void StartOver();  // after a random pause, twice as long each time: contenders part by it
  void Restart();
  void Fail(absl::Status status);

  // --- asking
  void AskAll();
  std::optional<quorum::SegmentRequest> NextFor(Pg& pg, Member& member);
  void Send(Pg& pg, int member, quorum::SegmentRequest request);

  // --- refill
  void PlanRefills(Pg& pg, const quorum::RecoveredPg& recovered);
  std::optional<int> SourceFor(const Pg& pg, int target, Lsn tail) const;
  void Fetch(Pg& pg, int target, int source, Lsn tail);
  // Ends the refill of `target`, if there is one, because it brought nothing.
  void FailRefill(Pg& pg, int target);
  void RefuseRefill(Pg& pg, int member);
  // Starts over if this PG's only sources are gone or give nothing, and the rest can do without.
  bool GiveUpSources(Pg& pg, Lsn tail);
  bool IsFaulty(const Pg& pg, int member) const;
  Duration RefillPatience() const { return options_.retry_after * 10; }
  Duration SourcePatience() const { return options_.retry_after * 3; }

  // --- questions
  bool IsUp(const Pg& pg, int member) const;
  quorum::Envelope EnvelopeFor(const Pg& pg) const;
  using Has = bool (*)(const Member&);
  quorum::MemberSet Those(const Pg& pg, Has has) const;
  // Does every PG have a quorum of members for which `has` holds? A read quorum may wait out the
  // grace for members that are up and have not answered yet.
  bool ReadQuorums(Has has);
  bool WriteQuorums(Has has) const;
  quorum::MemberSet Complete(const Pg& pg, Lsn tail) const;
  static bool HasAnswered(const Member& member, Phase phase);

  OpeningOptions options_;
  Prng prng_;
  Phase phase_ = Phase::kIdle;
  Instant now_;
  Opening::Effects* out_ = nullptr;  // during Step only

  std::map<NodeId, Incarnation> up_;
  std::vector<Pg> pgs_;
  quorum::Manifest manifest_;
  EpochId epoch_;
  uint32_t highest_seen_ = 0;
  std::optional<quorum::Recovered> recovered_;
  Lsn first_lsn_;
  uint64_t poll_round_ = 0;  // drawn for each polling: only answers to it count
  // A backtrack: the head as it was recovered, which is left; then the commit that is looked for.
  std::optional<quorum::Recovered> left_;
  std::optional<size_t> branch_;  // of the head's, if the target lies there
  CommitSearch search_{Lsn()};
  Lsn read_point_;               // kSnapshot
  std::set<NodeId> distrusted_;  // sources that failed: recovered without, where the rest suffices
  bool offered_read_only_ = false;
  Instant phase_since_;
  std::optional<Instant> quorum_since_;  // of answers in this phase: the grace counts from here
  Instant resume_at_;                    // kBackingOff
  Duration pause_ = kFirstPause;
};

}  // namespace hexad::backtrack

// One opening at work: what each member of each PG has answered, and what that allows.
//
// Every member walks the same line on its own, and the run as a whole moves on when every PG has
// its quorum; a member that comes late (its node was down) starts at the front and catches up:
//
//   poll -> seal -> inventory -> (refill) -> begin
#pragma once

#include <map>
#include <optional>
#include <string>
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

 private:
  enum class Phase {
    kIdle,
    kPolling,
    kSealing,
    kInventory,
    kRefilling,
    kBeginning,
    kBackingOff,
    kDone
  };

  // What one member of one PG has answered in this attempt, and what it was asked last.
  struct Member {
    std::optional<quorum::Polled> polled;
    std::optional<quorum::Promised> promised;
    std::optional<quorum::SegmentInventory> inventory;
    Lsn scl;  // along the parent: from the inventory, raised by refills
    std::optional<Lsn> begun_scl;
    bool waiting = false;
    Instant asked_at;
    // As a target of refill: the member it is filled from, while a fetch or a refill is under way.
    std::optional<int> source;
    // As a source: it was asked for records that it turned out not to have.
    bool lacking = false;
  };
  struct Pg {
    quorum::Membership membership;
    std::vector<Member> members;
    std::optional<quorum::PgPath> parent;
    std::optional<quorum::PgPath> path;
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
  void OnAnswer(Pg& pg, int member, const quorum::Refused& refused);

  // --- moving on
  void Advance();  // as far as the answers allow, then asks who has something left to answer
  void AfterPolls();
  void AfterPromises();
  void AfterInventories();
  void AfterRefills();
  void AfterBegins();
  void OpenSnapshot();
  bool ChooseParent();
  void OfferReadOnly();
  void Enter(Phase phase);
  void StartOver(Duration pause);
  void Fail(absl::Status status);

  // --- asking
  void AskAll();
  std::optional<quorum::SegmentRequest> NextFor(Pg& pg, Member& member);
  void Send(Pg& pg, int member, quorum::SegmentRequest request);
  void PlanRefills(Pg& pg, const quorum::RecoveredPg& recovered);
  void Fetch(Pg& pg, int target);

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
  bool offered_read_only_ = false;
  Instant phase_since_;
  std::optional<Instant> quorum_since_;  // of answers in this phase: the grace counts from here
  Instant resume_at_;                    // kBackingOff
};

}  // namespace hexad::backtrack

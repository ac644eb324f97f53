// Opening: reading without opening. Nothing is promised and nobody is fenced, so the writer goes on
// meanwhile, and the answers of one poll belong to different moments. Two polls make a snapshot:
//
//   first   the read point: the highest VDL that any answer has heard
//   second  what every PG must hold for it. All of these answers were made after the read point
//           was known, so in each PG a read quorum of them includes a segment that is whole up to
//           it
//
// A PG's SCL from before the read point was chosen could be too low, and a page read from a segment
// that is "complete" by it would be older than the read point says: a torn read.
#include <algorithm>

#include "backtrack/opening_run.h"
#include "quorum/base/check.h"
#include "quorum/base/marks.h"

namespace hexad::backtrack {

std::vector<quorum::Manifest> OpeningRun::PolledManifests() const {
  std::vector<quorum::Manifest> manifests;
  for (const Member& member : pgs_.front().members) {
    if (!member.polled.has_value() || !member.polled->manifest.has_value()) continue;
    manifests.push_back(*member.polled->manifest);
  }
  return manifests;
}

void OpeningRun::ChooseReadPoint() {
  const Geometry geometry = TakeNewest(PolledManifests());
  if (geometry == Geometry::kOther) return StartOver();
  if (geometry == Geometry::kGrown) return;
  read_point_ = options_.at_least;
  for (Pg& pg : pgs_) {
    for (Member& member : pg.members) {
      if (!member.polled.has_value()) continue;
      read_point_ = std::max(read_point_, member.polled->vdl_heard);
    }
  }
  Enter(Phase::kPollingAgain);
  for (Pg& pg : pgs_) {
    for (Member& member : pg.members) member.polled.reset();
  }
}

void OpeningRun::AfterSecondPolls() {
  if (!ReadQuorums([](const Member& m) { return m.polled.has_value(); })) return;
  // A volume that grew meanwhile may have records at or below the read point in the new PG.
  if (TakeNewest(PolledManifests()) != Geometry::kSame) {
    SOMETIMES(snapshot_meets_growth);
    return StartOver();
  }
  OpenedReadOnly snapshot;
  snapshot.read_point = read_point_;
  snapshot.manifest = manifest_;
  for (const Pg& pg : pgs_) {
    // Answers of different epochs are compared on the newest history among them: what a segment
    // holds beyond a fork that it has not heard of is not part of it.
    const quorum::PgPath* newest = nullptr;
    for (const Member& member : pg.members) {
      if (!member.polled.has_value()) continue;
      const auto& begun = member.polled->begun;
      if (newest == nullptr || begun.path.epoch() > newest->path.epoch()) newest = &begun;
    }
    INVARIANT(newest != nullptr);
    Lsn complete_to;
    std::vector<std::optional<Lsn>> scls;
    for (const Member& member : pg.members) {
      scls.emplace_back();
      if (!member.polled.has_value()) continue;
      scls.back() = newest->SclFrom(member.polled->begun, member.polled->scl);
      complete_to = std::max(complete_to, *scls.back());
    }
    // An SCL beyond the read point says that everything up to the read point is there.
    snapshot.complete_to.push_back(std::min(complete_to, read_point_));
    snapshot.scls.push_back(std::move(scls));
  }
  const std::optional<EpochId> begun = NewestServing(snapshot);
  snapshot.sealed = !begun.has_value();
  snapshot.epoch = begun.value_or(HighestPromised());
  snapshot.history = HistoryOfSnapshot(begun);
  // A backtrack may have left behind what was heard of.
  snapshot.read_point = snapshot.history.path.NewestAtOrBelow(snapshot.read_point);
  out_->push_back(std::move(snapshot));
  Enter(Phase::kDone);
}

// As the first PG has it: of the epoch that reads claim, or of the newest one.
quorum::PgPath OpeningRun::HistoryOfSnapshot(std::optional<EpochId> claimed) const {
  const quorum::PgPath* history = nullptr;
  for (const Member& member : pgs_.front().members) {
    if (!member.polled.has_value()) continue;
    const quorum::PgPath& begun = member.polled->begun;
    if (begun.path.epoch() == claimed) return begun;
    if (history == nullptr || begun.path.epoch() > history->path.epoch()) history = &begun;
  }
  INVARIANT(history != nullptr);
  return *history;
}

// What the reads must claim. A segment serves the epoch that has begun there, if nothing higher has
// been promised: so the newest one in which a complete segment of every PG serves. Nothing: all PGs
// are not served by anybody but an opening that has sealed them.
std::optional<EpochId> OpeningRun::NewestServing(const OpenedReadOnly& snapshot) const {
  std::set<EpochId, std::greater<>> begun;
  for (const Pg& pg : pgs_) {
    for (const Member& member : pg.members) {
      if (member.polled.has_value()) begun.insert(member.polled->begun.path.epoch());
    }
  }
  for (const EpochId epoch : begun) {
    const auto serves = [&](size_t i) {
      for (size_t m = 0; m < pgs_[i].members.size(); ++m) {
        const auto& polled = pgs_[i].members[m].polled;
        if (polled.has_value() && polled->begun.path.epoch() == epoch &&
            polled->from.epoch <= epoch && snapshot.scls[i][m] >= snapshot.complete_to[i]) {
          return true;
        }
      }
      return false;
    };
    bool everywhere = true;
    for (size_t i = 0; i < pgs_.size(); ++i) everywhere = everywhere && serves(i);
    if (everywhere) return epoch;
  }
  SOMETIMES(snapshot_of_a_sealed_volume);
  return std::nullopt;
}

EpochId OpeningRun::HighestPromised() const {
  EpochId promised;
  for (const Pg& pg : pgs_) {
    for (const Member& member : pg.members) {
      if (member.polled.has_value()) promised = std::max(promised, member.polled->from.epoch);
    }
  }
  return promised;
}

}  // namespace hexad::backtrack

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
  const auto histories = HistoryToRead();
  if (!histories.has_value()) return StartOver();
  OpenedReadOnly snapshot;
  snapshot.manifest = manifest_;
  snapshot.histories = *histories;
  // A backtrack may have left behind what was heard of.
  snapshot.read_point = snapshot.histories.front().path.NewestAtOrBelow(read_point_);
  for (size_t i = 0; i < pgs_.size(); ++i) {
    const Pg& pg = pgs_[i];
    const quorum::PgPath& history = (*histories)[i];
    Lsn complete_to;
    std::vector<std::optional<Lsn>> scls;
    for (const Member& member : pg.members) {
      scls.emplace_back();
      if (!member.polled.has_value()) continue;
      scls.back() = history.SclFrom(member.polled->begun, member.polled->scl);
      complete_to = std::max(complete_to, *scls.back());
    }
    // An SCL beyond the read point says that everything up to the read point is there.
    snapshot.complete_to.push_back(std::min(complete_to, snapshot.read_point));
    snapshot.scls.push_back(std::move(scls));
  }
  const std::optional<EpochId> begun = NewestServing(snapshot);
  snapshot.sealed = !begun.has_value();
  snapshot.epoch = begun.value_or(HighestPromised());
  out_->push_back(std::move(snapshot));
  Enter(Phase::kDone);
}

// Answers of different epochs are compared on one history, the newest that every PG knows, as an
// opening does: what a segment holds beyond a fork that it has not heard of is no part of it.
//
// If a backtrack made one of its last epochs, that may still come to nothing, and until one of them
// has begun everywhere, what was acknowledged may lie on the branch that it leaves. Nothing: it is
// not known which.
std::optional<std::vector<quorum::PgPath>> OpeningRun::HistoryToRead() const {
  std::vector<std::vector<const quorum::PgPath*>> answers;
  for (const Pg& pg : pgs_) {
    answers.emplace_back();
    for (const Member& member : pg.members) {
      if (member.polled.has_value()) answers.back().push_back(&member.polled->begun);
    }
  }
  auto histories = NewestCommonHistory(answers);
  if (!histories.ok()) return std::nullopt;
  const quorum::PgPath& first = histories->front();
  for (size_t i = first.path.steps().size(); i-- > 0;) {
    const EpochId epoch = first.path.steps()[i].epoch;
    const WasBegun begun = HasBegunEverywhere(epoch);
    if (begun == WasBegun::kYes) break;
    const quorum::Branch* left = quorum::BranchLeftBy(first, epoch);
    if (left == nullptr) continue;  // it cut off nothing that was acknowledged
    if (begun == WasBegun::kUnknown) {
      SOMETIMES(snapshot_meets_a_backtrack_half_way);
      return std::nullopt;
    }
    SOMETIMES(snapshot_of_what_a_backtrack_would_leave);
    return HistoriesOf(*histories, left->path.epoch());
  }
  return *std::move(histories);
}

std::optional<std::vector<quorum::PgPath>> OpeningRun::HistoriesOf(
    const std::vector<quorum::PgPath>& known, EpochId epoch) {
  std::vector<quorum::PgPath> histories;
  for (const quorum::PgPath& path : known) {
    auto history = quorum::HistoryOf(path, epoch);
    if (!history.has_value()) return std::nullopt;
    histories.push_back(*std::move(history));
  }
  return histories;
}

// kNo: it had not when they were asked.
OpeningRun::WasBegun OpeningRun::HasBegunEverywhere(EpochId epoch) const {
  bool everywhere = true;
  bool lacking = false;
  for (const Pg& pg : pgs_) {
    quorum::MemberSet with, without;
    for (int i = 0; i < static_cast<int>(pg.members.size()); ++i) {
      const auto& polled = pg.members[i].polled;
      if (!polled.has_value()) continue;
      const quorum::Path& begun = polled->begun.path;
      // Its writer told a VDL.
      if (begun.epoch() == epoch && polled->vdl_heard > begun.fork_lsn()) return WasBegun::kYes;
      (quorum::HistoryOf(polled->begun, epoch).has_value() ? with : without).Add(i);
    }
    everywhere = everywhere && pg.membership.Quorums().CanWrite(with);
    lacking = lacking || pg.membership.Quorums().CanRead(without);
  }
  if (everywhere) return WasBegun::kYes;
  return lacking ? WasBegun::kNo : WasBegun::kUnknown;
}

// What the reads must claim. A segment serves the epoch that has begun there, if nothing higher has
// been promised: so the newest one in which a complete segment of every PG serves, and whose
// history is the snapshot's up to the read point. Nothing: all PGs
// are not served by anybody but an opening that has sealed them.
std::optional<EpochId> OpeningRun::NewestServing(const OpenedReadOnly& snapshot) const {
  std::set<EpochId, std::greater<>> begun;
  for (const Pg& pg : pgs_) {
    for (const Member& member : pg.members) {
      if (!member.polled.has_value()) continue;
      const quorum::Path& path = member.polled->begun.path;
      const Lsn shared = quorum::SharedUpTo(path, snapshot.histories.front().path);
      if (shared >= snapshot.read_point) begun.insert(path.epoch());
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

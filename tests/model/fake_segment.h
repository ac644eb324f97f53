// A segment as the writer's tests need it: the promises of a segment (chain, epoch, idempotence)
// without disk, pages or gossip of its own. What it has answered is what it keeps.
#pragma once

#include <map>
#include <optional>
#include <utility>
#include <variant>

#include "quorum/base/check.h"
#include "quorum/messages.h"
#include "quorum/trackers.h"

namespace hexad::model {

class FakeSegment {
 public:
  // One of a new PG, waiting for CreateSegment.
  FakeSegment() = default;
  // One of an existing PG, whole up to `scl` on the history that the writer's epoch continues.
  explicit FakeSegment(Lsn scl) : exists_(true), scl_(scl) {}

  quorum::SegmentAnswer Handle(const quorum::SegmentRequest& request) {
    return std::visit([this](const auto& r) { return On(r); }, request);
  }

  Lsn scl() const { return scl_.scl(); }
  Lsn vdl_heard() const { return vdl_heard_; }
  bool begun() const { return !begun_.path.empty(); }
  EpochId epoch() const { return begun() ? begun_.path.epoch() : EpochId::Root(); }
  const std::optional<quorum::Manifest>& manifest() const { return manifest_; }
  // Everything it stores, by first LSN, records above a gap included.
  const std::map<Lsn, quorum::Boxcar>& boxcars() const { return boxcars_; }

  // A contender's promise.
  void Promise(EpochId epoch) { promised_ = std::max(promised_, epoch); }
  // What a gossiping peer would bring.
  void TakeFrom(const FakeSegment& peer) {
    if (!begun()) return;
    for (const auto& [first, boxcar] : peer.boxcars_) Store(boxcar);
  }
  // The disk fails: everything is refused with `reason` until it is taken back.
  void RefuseWith(std::optional<quorum::RefusalReason> reason) { refuse_with_ = reason; }
  // The disk loses what it had fsynced, down to `scl`.
  void LoseDownTo(Lsn scl) {
    scl_.CutTo(scl);
    std::erase_if(boxcars_, [scl](const auto& entry) { return entry.first > scl; });
  }

  Lsn pinned_at = Lsn::Max();  // a clone forks there

 private:
  quorum::SegmentAnswer On(const quorum::CreateSegment& create) {
    if (refuse_with_) return Refuse(create.to, *refuse_with_);
    exists_ = true;
    return quorum::Created{create.to};
  }

  quorum::SegmentAnswer On(const quorum::Begin& begin) {
    if (auto refusal = FindRefusal(begin.to)) return *std::move(refusal);
    promised_ = begin.to.epoch;
    const Lsn kept = begun() ? begin.path.SclFrom(begun_, scl()) : scl();
    if (kept < scl()) scl_.CutTo(kept);
    const bool new_epoch = begin.to.epoch > epoch();
    begun_ = begin.path;
    if (begin.manifest &&
        (new_epoch || !manifest_ || begin.manifest->geometry_epoch > manifest_->geometry_epoch)) {
      manifest_ = begin.manifest;
    }
    return quorum::Begun{begin.to, scl(), manifest_ ? manifest_->geometry_epoch : GeometryEpoch(0),
                         manifest_ ? std::min(manifest_->retained_from, pinned_at) : Lsn()};
  }

  quorum::SegmentAnswer On(const quorum::Append& append) {
    if (auto refusal = FindRefusal(append.to)) return *std::move(refusal);
    if (epoch() != append.to.epoch) return Refuse(append.to, quorum::RefusalReason::kNeedsBegin);
    if (!append.boxcar.empty()) {
      auto boxcar = quorum::DecodeBoxcar(append.boxcar);
      if (!boxcar.ok()) return Refuse(append.to, quorum::RefusalReason::kBadRequest);
      Store(*boxcar);
    }
    vdl_heard_ = std::max(vdl_heard_, append.vdl);
    return quorum::Ack{append.to, scl()};
  }

  // The writer asks for nothing else.
  template <class Other>
  quorum::SegmentAnswer On(const Other& other) {
    return Refuse(other.to, quorum::RefusalReason::kBadRequest);
  }

  void Store(const quorum::Boxcar& boxcar) {
    const quorum::BoxcarHeader& header = boxcar.header;
    const auto verdict = scl_.Add(header.pg_prev, header.first_lsn, header.last_lsn);
    INVARIANT(verdict != quorum::SclTracker::Verdict::kConflict);
    boxcars_.emplace(header.first_lsn, boxcar);
  }

  std::optional<quorum::SegmentAnswer> FindRefusal(const quorum::Envelope& to) const {
    if (!exists_) return Refuse(to, quorum::RefusalReason::kUnknownSegment);
    if (to.epoch < promised_) return Refuse(to, quorum::RefusalReason::kStaleEpoch);
    if (refuse_with_) return Refuse(to, *refuse_with_);
    return std::nullopt;
  }

  quorum::SegmentAnswer Refuse(const quorum::Envelope& to, quorum::RefusalReason reason) const {
    return quorum::Refused{to, reason, promised_, to.membership_epoch, "by the fake"};
  }

  bool exists_ = false;
  EpochId promised_;
  quorum::PgPath begun_;
  std::optional<quorum::Manifest> manifest_;
  quorum::SclTracker scl_;
  std::map<Lsn, quorum::Boxcar> boxcars_;
  Lsn vdl_heard_;
  std::optional<quorum::RefusalReason> refuse_with_;
};

}  // namespace hexad::model

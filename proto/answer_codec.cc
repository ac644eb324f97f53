#include "proto/answer_codec.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/parts_codec.h"

namespace hexad::proto {
namespace {

using quorum::Envelope;
using quorum::InventoryRecord;
using quorum::SegmentAnswer;
using quorum::SegmentInventory;

void InventoryToWire(const SegmentInventory& inventory, v1::InventoryTaken* out) {
  out->set_scl(inventory.scl.value());
  out->set_vdl_heard(inventory.vdl_heard.value());
  out->set_tail_at_vdl(inventory.tail_at_vdl.value());
  Lsn before;
  for (const InventoryRecord& record : inventory.records) {
    out->add_lsn_steps(record.lsn.value() - before.value());
    out->add_volume_prev_back(record.lsn.value() - record.volume_prev.value());
    out->add_pg_prev_back(record.lsn.value() - record.pg_prev.value());
    out->add_is_cpl(record.is_cpl);
    before = record.lsn;
  }
}

struct Encoder {
  v1::SegmentAnswer* out;

  void operator()(const quorum::Created&) const { out->mutable_created(); }
  void operator()(const quorum::Polled& in) const {
    v1::Polled* wire = out->mutable_polled();
    ToWire(in.begun, wire->mutable_begun());
    wire->set_scl(in.scl.value());
    wire->set_vdl_heard(in.vdl_heard.value());
    wire->set_writer_silent_ms(in.writer_silent_ms);
    if (in.manifest) ToWire(*in.manifest, wire->mutable_manifest());
    wire->set_round(in.round);
    wire->set_damaged(in.damaged);
  }
  void operator()(const quorum::Promised& in) const {
    v1::Promised* wire = out->mutable_promised();
    ToWire(in.begun, wire->mutable_begun());
    ToWire(in.settled, wire->mutable_settled());
    if (in.manifest) ToWire(*in.manifest, wire->mutable_manifest());
  }
  void operator()(const quorum::InventoryTaken& in) const {
    InventoryToWire(in.inventory, out->mutable_inventory_taken());
    ToWire(in.history, out->mutable_inventory_taken()->mutable_history());
  }
  void operator()(const quorum::LogPart& in) const {
    v1::LogPart* wire = out->mutable_log_part();
    for (const BytesRef& boxcar : in.boxcars) wire->add_boxcars(std::string(boxcar.view()));
    wire->set_more(in.more);
  }
  void operator()(const quorum::Refilled& in) const {
    out->mutable_refilled()->set_scl(in.scl.value());
    ToWire(in.history, out->mutable_refilled()->mutable_history());
  }
  void operator()(const quorum::Begun& in) const {
    v1::Begun* wire = out->mutable_begun();
    wire->set_scl(in.scl.value());
    wire->set_geometry_epoch(in.geometry_epoch.value());
    wire->set_retained_from(in.retained_from.value());
  }
  void operator()(const quorum::Ack& in) const { out->mutable_ack()->set_scl(in.scl.value()); }
  void operator()(const quorum::CommitFound& in) const {
    v1::CommitFound* wire = out->mutable_commit_found();
    const auto put = [](const quorum::CommitPoint& commit, v1::CommitPoint* to) {
      to->set_lsn(commit.lsn.value());
      to->set_time(commit.time.value());
    };
    wire->set_scl(in.scl.value());
    if (in.before) put(*in.before, wire->mutable_before());
    if (in.after) put(*in.after, wire->mutable_after());
    wire->set_tail(in.tail.value());
    ToWire(in.history, wire->mutable_history());
    if (const auto* lsn = std::get_if<Lsn>(&in.target)) {
      wire->set_lsn(lsn->value());
    } else {
      wire->set_time(std::get<CommitTime>(in.target).value());
    }
  }
  void operator()(const quorum::Refused& in) const { ToWire(in, out->mutable_refused()); }
};

// Columns of one length, LSNs rising, back-links below their record.
absl::StatusOr<SegmentAnswer> Decode(Envelope from, const v1::InventoryTaken& wire) {
  const int count = wire.lsn_steps_size();
  if (wire.volume_prev_back_size() != count || wire.pg_prev_back_size() != count ||
      wire.is_cpl_size() != count) {
    return absl::InvalidArgumentError("inventory whose columns differ in length");
  }
  SegmentInventory inventory;
  inventory.scl = Lsn(wire.scl());
  inventory.vdl_heard = Lsn(wire.vdl_heard());
  inventory.tail_at_vdl = Lsn(wire.tail_at_vdl());
  inventory.records.reserve(static_cast<size_t>(count));
  uint64_t lsn = 0;
  for (int i = 0; i < count; ++i) {
    const uint64_t step = wire.lsn_steps(i);
    if (step == 0 || step > UINT64_MAX - lsn) {
      return absl::InvalidArgumentError(
          absl::StrCat("inventory whose LSNs do not rise after ", lsn));
    }
    lsn += step;
    const uint64_t volume_back = wire.volume_prev_back(i);
    const uint64_t pg_back = wire.pg_prev_back(i);
    if (volume_back == 0 || volume_back > lsn || pg_back == 0 || pg_back > lsn) {
      return absl::InvalidArgumentError(
          absl::StrCat("inventory whose record ", lsn, " does not link back"));
    }
    inventory.records.push_back(
        InventoryRecord{Lsn(lsn), Lsn(lsn - volume_back), Lsn(lsn - pg_back), wire.is_cpl(i)});
  }
  return quorum::InventoryTaken{from, std::move(inventory), FromWire(wire.history())};
}

template <class Wire>
absl::Status KeepManifest(const Wire& wire, std::optional<quorum::Manifest>& out) {
  if (!wire.has_manifest()) return absl::OkStatus();
  auto manifest = FromWire(wire.manifest());
  if (manifest.ok()) out = *std::move(manifest);
  return manifest.status();
}

absl::StatusOr<SegmentAnswer> Decode(Envelope from, const v1::Polled& wire) {
  auto begun = PathOrNoneFromWire(wire.begun());
  if (!begun.ok()) return begun.status();
  quorum::Polled polled{from,
                        *std::move(begun),
                        Lsn(wire.scl()),
                        Lsn(wire.vdl_heard()),
                        wire.writer_silent_ms(),
                        std::nullopt,
                        wire.round(),
                        wire.damaged()};
  if (auto status = KeepManifest(wire, polled.manifest); !status.ok()) return status;
  return polled;
}

absl::StatusOr<SegmentAnswer> Decode(Envelope from, const v1::Promised& wire) {
  auto begun = PathOrNoneFromWire(wire.begun());
  if (!begun.ok()) return begun.status();
  quorum::Promised promised{from, *std::move(begun), std::nullopt, FromWire(wire.settled())};
  if (auto status = KeepManifest(wire, promised.manifest); !status.ok()) return status;
  return promised;
}

absl::StatusOr<SegmentAnswer> Decode(Envelope from, v1::LogPart& wire) {
  quorum::LogPart part{from, {}, wire.more()};
  for (std::string& boxcar : *wire.mutable_boxcars()) {
    if (auto status = CheckBoxcarSize(boxcar.size()); !status.ok()) return status;
    part.boxcars.push_back(BytesRef::Own(std::move(boxcar)));
  }
  return part;
}

absl::StatusOr<SegmentAnswer> Decode(Envelope from, const v1::CommitFound& wire) {
  const auto point = [](const v1::CommitPoint& commit) {
    return quorum::CommitPoint{Lsn(commit.lsn()), CommitTime(commit.time())};
  };
  quorum::CommitFound found{
      from, Lsn(), Lsn(wire.scl()), {}, {}, Lsn(wire.tail()), FromWire(wire.history())};
  if (wire.has_before()) found.before = point(wire.before());
  if (wire.has_after()) found.after = point(wire.after());
  switch (wire.target_case()) {
    case v1::CommitFound::kLsn:
      found.target = Lsn(wire.lsn());
      return found;
    case v1::CommitFound::kTime:
      found.target = CommitTime(wire.time());
      return found;
    case v1::CommitFound::TARGET_NOT_SET:
      break;
  }
  return absl::InvalidArgumentError("a commit found for no target");
}

absl::StatusOr<SegmentAnswer> Decode(Envelope from, const v1::Refused& wire) {
  auto refused = FromWire(wire);
  if (!refused.ok()) return refused.status();
  refused->from = from;
  return *std::move(refused);
}

}  // namespace

void ToWire(const SegmentAnswer& answer, v1::SegmentAnswer* out) {
  ToWire(std::visit([](const auto& in) { return in.from; }, answer), out->mutable_from());
  std::visit(Encoder{out}, answer);
}

absl::StatusOr<SegmentAnswer> FromWire(v1::SegmentAnswer&& wire) {
  const Envelope from = FromWire(wire.from());
  switch (wire.answer_case()) {
    case v1::SegmentAnswer::kCreated:
      return quorum::Created{from};
    case v1::SegmentAnswer::kPolled:
      return Decode(from, wire.polled());
    case v1::SegmentAnswer::kPromised:
      return Decode(from, wire.promised());
    case v1::SegmentAnswer::kInventoryTaken:
      return Decode(from, wire.inventory_taken());
    case v1::SegmentAnswer::kLogPart:
      return Decode(from, *wire.mutable_log_part());
    case v1::SegmentAnswer::kRefilled:
      return quorum::Refilled{from, Lsn(wire.refilled().scl()),
                              FromWire(wire.refilled().history())};
    case v1::SegmentAnswer::kBegun:
      return quorum::Begun{from, Lsn(wire.begun().scl()),
                           GeometryEpoch(wire.begun().geometry_epoch()),
                           Lsn(wire.begun().retained_from())};
    case v1::SegmentAnswer::kAck:
      return quorum::Ack{from, Lsn(wire.ack().scl())};
    case v1::SegmentAnswer::kRefused:
      return Decode(from, wire.refused());
    case v1::SegmentAnswer::kCommitFound:
      return Decode(from, wire.commit_found());
    case v1::SegmentAnswer::ANSWER_NOT_SET:
      break;
  }
  return absl::InvalidArgumentError("an answer of a kind that this version does not know");
}

}  // namespace hexad::proto

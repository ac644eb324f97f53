#include "proto/request_codec.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/parts_codec.h"

namespace hexad::proto {
namespace {

using quorum::Envelope;
using quorum::SegmentRequest;

struct Encoder {
  v1::SegmentRequest* out;

  void operator()(const quorum::CreateSegment& in) const {
    v1::CreateSegment* wire = out->mutable_create_segment();
    ToWire(in.membership, wire->mutable_membership());
    wire->set_page_size(in.page_size);
    wire->set_first_page(in.first_page.value());
    wire->set_page_count(in.page_count);
  }
  void operator()(const quorum::Poll& in) const { out->mutable_poll()->set_round(in.round); }
  void operator()(const quorum::Seal&) const { out->mutable_seal(); }
  void operator()(const quorum::TakeInventory& in) const {
    v1::TakeInventory* wire = out->mutable_take_inventory();
    ToWire(in.parent, wire->mutable_parent());
    if (in.branch) ToWire(*in.branch, wire->mutable_branch());
  }
  void operator()(const quorum::FetchLog& in) const {
    v1::FetchLog* wire = out->mutable_fetch_log();
    ToWire(in.parent, wire->mutable_parent());
    wire->set_after(in.after.value());
    wire->set_up_to(in.up_to.value());
  }
  void operator()(const quorum::Refill& in) const {
    v1::Refill* wire = out->mutable_refill();
    ToWire(in.parent, wire->mutable_parent());
    for (const BytesRef& boxcar : in.boxcars) wire->add_boxcars(std::string(boxcar.view()));
  }
  void operator()(const quorum::Begin& in) const {
    v1::Begin* wire = out->mutable_begin();
    ToWire(in.path, wire->mutable_path());
    if (in.manifest) ToWire(*in.manifest, wire->mutable_manifest());
  }
  void operator()(const quorum::Append& in) const {
    v1::Append* wire = out->mutable_append();
    wire->set_vdl(in.vdl.value());
    wire->set_pgmrpl(in.pgmrpl.value());
    wire->set_boxcar(in.boxcar.view().data(), in.boxcar.size());
  }
  void operator()(const quorum::FindCommit& in) const {
    v1::FindCommit* wire = out->mutable_find_commit();
    ToWire(in.history, wire->mutable_history());
    wire->set_up_to(in.up_to.value());
    if (const auto* lsn = std::get_if<Lsn>(&in.target)) {
      wire->set_lsn(lsn->value());
    } else {
      wire->set_time(std::get<CommitTime>(in.target).value());
    }
  }
  void operator()(const quorum::CreateTimeline& in) const {
    v1::CreateTimeline* wire = out->mutable_create_timeline();
    ToWire(in.history, wire->mutable_history());
    if (in.manifest) ToWire(*in.manifest, wire->mutable_manifest());
  }
};

absl::StatusOr<SegmentRequest> Decode(Envelope to, const v1::CreateSegment& wire) {
  auto membership = FromWire(wire.membership());
  if (!membership.ok()) return membership.status();
  if (!quorum::IsValidPageSize(wire.page_size())) {
    return absl::InvalidArgumentError(absl::StrCat("page size ", wire.page_size()));
  }
  const uint64_t end = uint64_t{wire.first_page()} + wire.page_count();
  if (wire.page_count() == 0 || end > uint64_t{UINT32_MAX} + 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("a segment of ", wire.page_count(), " pages from page ", wire.first_page()));
  }
  return quorum::CreateSegment{to, *std::move(membership), wire.page_size(),
                               PageNo(wire.first_page()), wire.page_count()};
}

absl::StatusOr<SegmentRequest> Decode(Envelope to, const v1::TakeInventory& wire) {
  auto parent = FromWire(wire.parent());
  if (!parent.ok()) return parent.status();
  quorum::TakeInventory request{to, *std::move(parent), std::nullopt};
  if (wire.has_branch()) request.branch = FromWire(wire.branch());
  return request;
}

absl::StatusOr<SegmentRequest> Decode(Envelope to, const v1::FetchLog& wire) {
  auto parent = FromWire(wire.parent());
  if (!parent.ok()) return parent.status();
  return quorum::FetchLog{to, *std::move(parent), Lsn(wire.after()), Lsn(wire.up_to())};
}

absl::StatusOr<SegmentRequest> Decode(Envelope to, v1::Refill& wire) {
  auto parent = FromWire(wire.parent());
  if (!parent.ok()) return parent.status();
  quorum::Refill refill{to, *std::move(parent), {}};
  for (std::string& boxcar : *wire.mutable_boxcars()) {
    if (auto status = CheckBoxcarSize(boxcar.size()); !status.ok()) return status;
    refill.boxcars.push_back(BytesRef::Own(std::move(boxcar)));
  }
  return refill;
}

absl::StatusOr<SegmentRequest> Decode(Envelope to, const v1::Begin& wire) {
  auto path = FromWire(wire.path());
  if (!path.ok()) return path.status();
  quorum::Begin begin{to, *std::move(path), std::nullopt};
  if (wire.has_manifest()) {
    auto manifest = FromWire(wire.manifest());
    if (!manifest.ok()) return manifest.status();
    begin.manifest = *std::move(manifest);
  }
  return begin;
}

absl::StatusOr<SegmentRequest> Decode(Envelope to, v1::Append& wire) {
  if (auto status = CheckBoxcarSize(wire.boxcar().size()); !status.ok()) return status;
  BytesRef boxcar;
  if (!wire.boxcar().empty()) boxcar = BytesRef::Own(std::move(*wire.mutable_boxcar()));
  return quorum::Append{to, Lsn(wire.vdl()), Lsn(wire.pgmrpl()), std::move(boxcar)};
}

absl::StatusOr<SegmentRequest> Decode(Envelope to, const v1::FindCommit& wire) {
  auto history = FromWire(wire.history());
  if (!history.ok()) return history.status();
  quorum::FindCommit find{to, *std::move(history), Lsn(wire.up_to()), Lsn()};
  switch (wire.target_case()) {
    case v1::FindCommit::kLsn:
      find.target = Lsn(wire.lsn());
      return find;
    case v1::FindCommit::kTime:
      find.target = CommitTime(wire.time());
      return find;
    case v1::FindCommit::TARGET_NOT_SET:
      break;
  }
  return absl::InvalidArgumentError("a search for a commit without a target");
}

absl::StatusOr<SegmentRequest> Decode(Envelope to, const v1::CreateTimeline& wire) {
  auto history = FromWire(wire.history());
  if (!history.ok()) return history.status();
  quorum::CreateTimeline create{to, *std::move(history), std::nullopt};
  if (wire.has_manifest()) {
    auto manifest = FromWire(wire.manifest());
    if (!manifest.ok()) return manifest.status();
    create.manifest = *std::move(manifest);
  }
  return create;
}

}  // namespace

void ToWire(const SegmentRequest& request, v1::SegmentRequest* out) {
  ToWire(std::visit([](const auto& in) { return in.to; }, request), out->mutable_to());
  std::visit(Encoder{out}, request);
}

absl::StatusOr<SegmentRequest> FromWire(v1::SegmentRequest&& wire) {
  const Envelope to = FromWire(wire.to());
  switch (wire.request_case()) {
    case v1::SegmentRequest::kCreateSegment:
      return Decode(to, wire.create_segment());
    case v1::SegmentRequest::kPoll:
      return quorum::Poll{to, wire.poll().round()};
    case v1::SegmentRequest::kSeal:
      return quorum::Seal{to};
    case v1::SegmentRequest::kTakeInventory:
      return Decode(to, wire.take_inventory());
    case v1::SegmentRequest::kFetchLog:
      return Decode(to, wire.fetch_log());
    case v1::SegmentRequest::kRefill:
      return Decode(to, *wire.mutable_refill());
    case v1::SegmentRequest::kBegin:
      return Decode(to, wire.begin());
    case v1::SegmentRequest::kAppend:
      return Decode(to, *wire.mutable_append());
    case v1::SegmentRequest::kFindCommit:
      return Decode(to, wire.find_commit());
    case v1::SegmentRequest::kCreateTimeline:
      return Decode(to, wire.create_timeline());
    case v1::SegmentRequest::REQUEST_NOT_SET:
      break;
  }
  return absl::InvalidArgumentError("a request of a kind that this version does not know");
}

}  // namespace hexad::proto

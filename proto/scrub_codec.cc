#include "proto/scrub_codec.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/parts_codec.h"

namespace hexad::proto {
namespace {

using State = quorum::PageDigest::State;

bool IsState(int value) {
  return value >= static_cast<int>(State::kWhole) &&
         value <= static_cast<int>(State::kInheritedDamage);
}

}  // namespace

void ToWire(const quorum::ScrubAsk& ask, v1::ScrubAsk* out) {
  ToWire(ask.to, out->mutable_to());
  out->set_first_page(ask.first_page.value());
  out->set_page_count(ask.page_count);
  out->set_at(ask.at.value());
  out->set_with_versions(ask.with_versions);
  out->set_coalesced(ask.coalesced.value());
}

void ToWire(const ScrubAnswer& answer, v1::ScrubFill* out) {
  ToWire(std::visit([](const auto& in) { return in.from; }, answer), out->mutable_from());
  if (const auto* refused = std::get_if<quorum::Refused>(&answer)) {
    ToWire(*refused, out->mutable_refused());
    return;
  }
  const auto& fill = std::get<quorum::ScrubFill>(answer);
  for (const quorum::PageDigest& digest : fill.digests) {
    v1::PageDigest* wire = out->add_digests();
    wire->set_state(static_cast<v1::PageDigest::State>(digest.state));
    wire->set_page_lsn(digest.page_lsn.value());
    wire->set_checksum(digest.checksum);
  }
  out->set_coalesced(fill.coalesced.value());
  out->set_gc_floor(fill.gc_floor.value());
  for (const quorum::StoredVersion& version : fill.versions) {
    v1::StoredVersion* wire = out->add_versions();
    wire->set_lsn(version.lsn.value());
    wire->set_is_image(version.is_image);
    wire->set_bytes(version.bytes.view().data(), version.bytes.size());
  }
}

quorum::ScrubAsk FromWire(const v1::ScrubAsk& wire) {
  quorum::ScrubAsk ask;
  ask.to = FromWire(wire.to());
  ask.first_page = PageNo(wire.first_page());
  ask.page_count = wire.page_count();
  ask.at = Lsn(wire.at());
  ask.with_versions = wire.with_versions();
  ask.coalesced = Lsn(wire.coalesced());
  return ask;
}

absl::StatusOr<ScrubAnswer> FromWire(v1::ScrubFill&& wire) {
  const quorum::Envelope from = FromWire(wire.from());
  if (wire.has_refused()) {
    auto refused = FromWire(wire.refused());
    if (!refused.ok()) return refused.status();
    refused->from = from;
    return *std::move(refused);
  }
  quorum::ScrubFill fill;
  fill.from = from;
  for (const v1::PageDigest& digest : wire.digests()) {
    if (!IsState(digest.state())) {
      return absl::InvalidArgumentError(absl::StrCat("a page in state ", digest.state()));
    }
    fill.digests.push_back(
        {static_cast<State>(digest.state()), Lsn(digest.page_lsn()), digest.checksum()});
  }
  fill.coalesced = Lsn(wire.coalesced());
  fill.gc_floor = Lsn(wire.gc_floor());
  for (v1::StoredVersion& version : *wire.mutable_versions()) {
    fill.versions.push_back({Lsn(version.lsn()), version.is_image(),
                             BytesRef::Own(std::move(*version.mutable_bytes()))});
  }
  return fill;
}

}  // namespace hexad::proto

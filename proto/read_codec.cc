#include "proto/read_codec.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/parts_codec.h"

namespace hexad::proto {

void ToWire(const quorum::ReadPage& read, v1::ReadPageRequest* out) {
  ToWire(read.to, out->mutable_to());
  out->set_page(read.page.value());
  out->set_read_point(read.read_point.value());
  out->set_complete_to(read.complete_to.value());
  out->set_sealed(read.sealed);
}

void ToWire(const ReadAnswer& answer, v1::ReadPageAnswer* out) {
  if (const auto* refused = std::get_if<quorum::Refused>(&answer)) {
    ToWire(*refused, out->mutable_refused());
    return;
  }
  const auto& read = std::get<quorum::PageRead>(answer);
  v1::PageRead* wire = out->mutable_page();
  wire->set_page_lsn(read.page_lsn.value());
  wire->set_scl(read.scl.value());
  wire->set_page(read.page.view().data(), read.page.size());
}

void ToWire(const quorum::GossipAsk& ask, v1::GossipAsk* out) {
  ToWire(ask.to, out->mutable_to());
  out->set_asker(ask.asker.value());
  out->set_scl(ask.scl.value());
  if (ask.branch) ToWire(*ask.branch, out->mutable_branch());
}

void ToWire(const GossipAnswer& answer, v1::GossipFill* out) {
  ToWire(std::visit([](const auto& in) { return in.from; }, answer), out->mutable_from());
  if (const auto* refused = std::get_if<quorum::Refused>(&answer)) {
    ToWire(*refused, out->mutable_refused());
    return;
  }
  const auto& fill = std::get<quorum::GossipFill>(answer);
  ToWire(fill.begun, out->mutable_begun());
  out->set_scl(fill.scl.value());
  out->set_vdl_heard(fill.vdl_heard.value());
  for (const BytesRef& boxcar : fill.boxcars) out->add_boxcars(std::string(boxcar.view()));
  out->set_more(fill.more);
  out->set_in_use(fill.in_use);
  if (fill.branch) ToWire(*fill.branch, out->mutable_branch());
}

quorum::ReadPage FromWire(const v1::ReadPageRequest& wire) {
  return quorum::ReadPage{FromWire(wire.to()), PageNo(wire.page()), Lsn(wire.read_point()),
                          Lsn(wire.complete_to()), wire.sealed()};
}

absl::StatusOr<quorum::GossipAsk> FromWire(const v1::GossipAsk& wire) {
  if (auto status = CheckName("gossip's asker", wire.asker()); !status.ok()) return status;
  quorum::GossipAsk ask{FromWire(wire.to()), NodeId(wire.asker()), Lsn(wire.scl())};
  if (wire.has_branch()) ask.branch = FromWire(wire.branch());
  return ask;
}

absl::StatusOr<ReadAnswer> FromWire(v1::ReadPageAnswer&& wire) {
  if (wire.has_refused()) {
    auto refused = FromWire(wire.refused());
    if (!refused.ok()) return refused.status();
    return *std::move(refused);
  }
  if (!wire.has_page()) return absl::InvalidArgumentError("an answer without a page or a refusal");
  v1::PageRead& read = *wire.mutable_page();
  if (!quorum::IsValidPageSize(read.page().size())) {
    return absl::InvalidArgumentError(absl::StrCat("a page of ", read.page().size(), " bytes"));
  }
  return quorum::PageRead{Lsn(read.page_lsn()), Lsn(read.scl()),
                          BytesRef::Own(std::move(*read.mutable_page()))};
}

absl::StatusOr<GossipAnswer> FromWire(v1::GossipFill&& wire) {
  const quorum::Envelope from = FromWire(wire.from());
  if (wire.has_refused()) {
    auto refused = FromWire(wire.refused());
    if (!refused.ok()) return refused.status();
    refused->from = from;
    return *std::move(refused);
  }
  auto begun = PathOrNoneFromWire(wire.begun());
  if (!begun.ok()) return begun.status();
  quorum::GossipFill fill{from, *std::move(begun), Lsn(wire.scl()), Lsn(wire.vdl_heard()),
                          {},   wire.more(),       wire.in_use()};
  if (wire.has_branch()) fill.branch = FromWire(wire.branch());
  for (std::string& boxcar : *wire.mutable_boxcars()) {
    if (auto status = CheckBoxcarSize(boxcar.size()); !status.ok()) return status;
    fill.boxcars.push_back(BytesRef::Own(std::move(boxcar)));
  }
  return fill;
}

}  // namespace hexad::proto

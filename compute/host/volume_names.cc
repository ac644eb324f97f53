#include "compute/host/volume_names.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "compute/core/user_error.h"
#include "proto/node.pb.h"
#include "proto/node_codec.h"
#include "proto/parts_codec.h"
#include "quorum/record.h"

namespace hexad::compute {
namespace {

absl::StatusOr<v1::NameValue> Parse(const std::string& name, const std::string& value) {
  v1::NameValue wire;
  if (wire.ParseFromString(value)) return wire;
  return absl::DataLossError(absl::StrCat("the register of volume ", name, " is damaged"));
}

bool IsFree(const std::string& value, const v1::NameValue& wire) {
  return value.empty() || wire.freed() != 0;
}

std::string Freed(TimelineId from, uint64_t random) {
  v1::NameValue wire;
  wire.set_timeline(from.value());
  wire.set_freed(random == 0 ? 1 : random);
  return wire.SerializeAsString();
}

}  // namespace

absl::StatusOr<std::optional<VolumeEntry>> DecodeName(const std::string& name,
                                                      const std::string& value) {
  const auto wire = Parse(name, value);
  if (!wire.ok()) return wire.status();
  if (IsFree(value, *wire)) return std::optional<VolumeEntry>();
  VolumeEntry entry;
  entry.name = name;
  entry.timeline = TimelineId(wire->timeline());
  entry.page_size = wire->page_size();
  entry.pages_per_pg = wire->pages_per_pg();
  entry.first_pg.pg = PgId(wire->first_pg());
  entry.first_pg.write = wire->write();
  const auto roster = proto::RosterFromWire(wire->members());
  if (!roster.ok()) return roster.status();
  for (const quorum::RosterNode& node : *roster) {
    entry.first_pg.members.push_back(quorum::Member{node.node, node.az, node.incarnation});
  }
  if (wire->has_retention()) {
    entry.retention = {wire->retention().window_ms(), wire->retention().log_bytes()};
  }
  absl::Status status = entry.first_pg.Check();
  if (status.ok()) status = entry.retention.Check();
  if (!quorum::IsValidPageSize(entry.page_size) || entry.pages_per_pg == 0) {
    status = absl::InvalidArgumentError("page size or PG size out of range");
  }
  if (status.ok()) return std::optional<VolumeEntry>(std::move(entry));
  return absl::DataLossError(
      absl::StrCat("the register of volume ", name, " makes no sense: ", status.message()));
}

std::string EncodeEntry(const VolumeEntry& entry) {
  v1::NameValue wire;
  wire.set_timeline(entry.timeline.value());
  wire.set_page_size(entry.page_size);
  wire.set_pages_per_pg(entry.pages_per_pg);
  wire.set_first_pg(entry.first_pg.pg.value());
  wire.set_write(entry.first_pg.write);
  wire.mutable_retention()->set_window_ms(entry.retention.window_ms);
  wire.mutable_retention()->set_log_bytes(entry.retention.log_bytes);
  for (const quorum::Member& member : entry.first_pg.members) {
    proto::ToWire(quorum::RosterNode{member.node, member.az, member.incarnation},
                  wire.add_members());
  }
  return wire.SerializeAsString();
}

absl::StatusOr<std::string> RegisterVolume(const std::string& now, const VolumeEntry& entry) {
  std::string value = EncodeEntry(entry);
  if (now == value) return value;
  const auto wire = Parse(entry.name, now);
  if (!wire.ok()) return wire.status();
  if (!IsFree(now, *wire)) {
    return absl::AlreadyExistsError(absl::StrCat("volume ", entry.name, " exists already"));
  }
  // It had the name, by an attempt whose answer was lost, and somebody has dropped it.
  if (!now.empty() && TimelineId(wire->timeline()) == entry.timeline) {
    return absl::NotFoundError(absl::StrCat("volume ", entry.name, " was dropped meanwhile"));
  }
  return value;
}

absl::StatusOr<std::string> RegisterClone(const std::string& now, const std::string& before,
                                          const VolumeEntry& entry) {
  auto value = RegisterVolume(now, entry);
  const bool unmoved = value.ok() && (now == before || now == *value);
  const bool dropped = absl::IsNotFound(value.status());
  if (unmoved || (!value.ok() && !dropped)) return value;
  return MakeUserError(UserError::kRetry,
                       absl::StrCat("the name ", entry.name, " was taken away while the clone was ",
                                    "made, which took too long; it is not there"));
}

absl::StatusOr<std::string> TakeNameFrom(const std::string& now, const std::string& name,
                                         TimelineId timeline, uint64_t random) {
  const auto wire = Parse(name, now);
  if (!wire.ok()) return wire.status();
  const bool names_it = !now.empty() && TimelineId(wire->timeline()) == timeline;
  if (!IsFree(now, *wire)) {
    if (!names_it) return now;  // its creator has missed another volume's coming
    return absl::AlreadyExistsError(absl::StrCat("the clone has its name, ", name));
  }
  return names_it ? now : Freed(timeline, random);
}

absl::StatusOr<std::string> FreeName(const std::string& now, const VolumeEntry& entry,
                                     uint64_t random) {
  const auto wire = Parse(entry.name, now);
  if (!wire.ok()) return wire.status();
  if (IsFree(now, *wire)) return now;
  if (now == EncodeEntry(entry)) return Freed(entry.timeline, random);
  return absl::FailedPreconditionError(
      absl::StrCat("volume ", entry.name, " was made anew meanwhile"));
}

}  // namespace hexad::compute

#include "proto/parts_codec.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

namespace hexad::proto {
namespace {

constexpr size_t kMaxNameBytes = 32;

absl::StatusOr<quorum::Member> MemberFromWire(const v1::Member& wire) {
  if (auto status = CheckName("member's node", wire.node()); !status.ok()) return status;
  if (auto status = CheckName("member's az", wire.az()); !status.ok()) return status;
  return quorum::Member{NodeId(wire.node()), AzId(wire.az()), Incarnation(wire.incarnation())};
}

bool IsReason(v1::RefusalReason reason) {
  return reason != v1::REFUSAL_REASON_UNSPECIFIED && v1::RefusalReason_IsValid(reason);
}

static_assert(static_cast<int>(quorum::RefusalReason::kStaleEpoch) == v1::STALE_EPOCH);
static_assert(static_cast<int>(quorum::RefusalReason::kStaleMembership) == v1::STALE_MEMBERSHIP);
static_assert(static_cast<int>(quorum::RefusalReason::kUnknownSegment) == v1::UNKNOWN_SEGMENT);
static_assert(static_cast<int>(quorum::RefusalReason::kAmnesiac) == v1::AMNESIAC);
static_assert(static_cast<int>(quorum::RefusalReason::kNeedsBegin) == v1::NEEDS_BEGIN);
static_assert(static_cast<int>(quorum::RefusalReason::kNotPromised) == v1::NOT_PROMISED);
static_assert(static_cast<int>(quorum::RefusalReason::kBadRequest) == v1::BAD_REQUEST);
static_assert(static_cast<int>(quorum::RefusalReason::kDiskFull) == v1::DISK_FULL);
static_assert(static_cast<int>(quorum::RefusalReason::kOutOfRange) == v1::OUT_OF_RANGE);
static_assert(static_cast<int>(quorum::RefusalReason::kDamaged) == v1::DAMAGED);
static_assert(static_cast<int>(quorum::RefusalReason::kOverloaded) == v1::OVERLOADED);

}  // namespace

absl::Status CheckName(std::string_view what, std::string_view name) {
  const bool legal = std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
  });
  if (!legal || name.empty() || name.size() > kMaxNameBytes) {
    return absl::InvalidArgumentError(absl::StrCat(std::string(what), " is not a name: 1 to ",
                                                   kMaxNameBytes, " bytes of a-z, 0-9 and -"));
  }
  return absl::OkStatus();
}

absl::Status CheckBoxcarSize(size_t bytes) {
  if (bytes > quorum::kMaxBoxcarBytes) {
    return absl::InvalidArgumentError(absl::StrCat("boxcar of ", bytes, " bytes; at most ",
                                                   quorum::kMaxBoxcarBytes, " are allowed"));
  }
  return absl::OkStatus();
}

void ToWire(const EpochId& epoch, v1::EpochId* out) {
  out->set_number(epoch.number);
  out->set_claimant(epoch.claimant);
}

void ToWire(const quorum::Envelope& envelope, v1::Envelope* out) {
  out->set_timeline(envelope.timeline.value());
  out->set_pg(envelope.pg.value());
  ToWire(envelope.epoch, out->mutable_epoch());
  out->set_membership_epoch(envelope.membership_epoch.value());
}

void ToWire(const quorum::Membership& membership, v1::Membership* out) {
  out->set_pg(membership.pg.value());
  out->set_epoch(membership.epoch.value());
  out->set_write(membership.write);
  for (const quorum::Member& member : membership.members) {
    v1::Member* wire = out->add_members();
    wire->set_node(member.node.value());
    wire->set_az(member.az.value());
    wire->set_incarnation(member.incarnation.value());
  }
}

void ToWire(const quorum::Manifest& manifest, v1::Manifest* out) {
  out->set_timeline(manifest.timeline.value());
  out->set_name(manifest.name);
  out->set_page_size(manifest.page_size);
  out->set_pages_per_pg(manifest.pages_per_pg);
  out->set_geometry_epoch(manifest.geometry_epoch.value());
  ToWire(manifest.written_in, out->mutable_written_in());
  out->set_retention_window_ms(manifest.retention.window_ms);
  out->set_retention_log_bytes(manifest.retention.log_bytes);
  out->set_retained_from(manifest.retained_from.value());
  for (const quorum::RetentionMark& mark : manifest.marks) {
    v1::RetentionMark* wire = out->add_marks();
    wire->set_lsn(mark.lsn.value());
    wire->set_time(mark.time.value());
    wire->set_log_bytes(mark.log_bytes);
  }
  for (const quorum::Membership& pg : manifest.pgs) ToWire(pg, out->add_pgs());
}

namespace {

// A PgPath and a Branch: both are a path and its tails.
template <class History, class Wire>
void HistoryToWire(const History& history, Wire* out) {
  for (const quorum::PathStep& step : history.path.steps()) {
    v1::PathStep* wire = out->add_steps();
    wire->set_timeline(step.timeline.value());
    ToWire(step.epoch, wire->mutable_epoch());
    wire->set_first_lsn(step.first_lsn.value());
    wire->set_last_lsn(step.last_lsn.value());
    wire->set_backtracked(step.backtracked);
  }
  for (Lsn tail : history.tails) out->add_tails(tail.value());
}

template <class History, class Wire>
absl::Status HistoryFromWire(const Wire& wire, History& history) {
  std::vector<quorum::PathStep> steps;
  steps.reserve(static_cast<size_t>(wire.steps_size()));
  for (const v1::PathStep& step : wire.steps()) {
    steps.push_back(quorum::PathStep{TimelineId(step.timeline()), FromWire(step.epoch()),
                                     Lsn(step.first_lsn()), Lsn(step.last_lsn()),
                                     step.backtracked()});
  }
  if (steps.empty()) return absl::InvalidArgumentError("history without a single epoch");
  auto path = quorum::Path::FromSteps(std::move(steps));
  if (!path.ok()) return path.status();
  history.path = *std::move(path);
  history.tails.reserve(static_cast<size_t>(wire.tails_size()));
  for (uint64_t tail : wire.tails()) history.tails.push_back(Lsn(tail));
  return absl::OkStatus();
}

}  // namespace

void ToWire(const quorum::PgPath& path, v1::PgPath* out) {
  HistoryToWire(path, out);
  for (const quorum::Branch& branch : path.branches) {
    v1::Branch* wire = out->add_branches();
    HistoryToWire(branch, wire);
    wire->set_end(branch.end.at.value());
    wire->set_end_tail(branch.end.tail.value());
    ToWire(branch.left_by, wire->mutable_left_by());
  }
}

void ToWire(const quorum::Refused& refused, v1::Refused* out) {
  out->set_reason(static_cast<v1::RefusalReason>(refused.reason));
  ToWire(refused.promised, out->mutable_promised());
  out->set_membership_epoch(refused.membership_epoch.value());
  out->set_message(refused.message);
}

EpochId FromWire(const v1::EpochId& wire) { return EpochId{wire.number(), wire.claimant()}; }

quorum::Envelope FromWire(const v1::Envelope& wire) {
  return quorum::Envelope{TimelineId(wire.timeline()), PgId(wire.pg()), FromWire(wire.epoch()),
                          MembershipEpoch(wire.membership_epoch())};
}

absl::StatusOr<quorum::Membership> FromWire(const v1::Membership& wire) {
  if (wire.members_size() > quorum::kMaxMembers) {
    return absl::InvalidArgumentError(absl::StrCat("membership with ", wire.members_size(),
                                                   " members; at most ", quorum::kMaxMembers));
  }
  quorum::Membership membership;
  membership.pg = PgId(wire.pg());
  membership.epoch = MembershipEpoch(wire.epoch());
  membership.write = wire.write();
  for (const v1::Member& member : wire.members()) {
    auto decoded = MemberFromWire(member);
    if (!decoded.ok()) return decoded.status();
    membership.members.push_back(*std::move(decoded));
  }
  if (auto status = membership.Check(); !status.ok()) return status;
  return membership;
}

absl::StatusOr<quorum::Manifest> FromWire(const v1::Manifest& wire) {
  quorum::Manifest manifest;
  manifest.timeline = TimelineId(wire.timeline());
  manifest.name = wire.name();
  manifest.page_size = wire.page_size();
  manifest.pages_per_pg = wire.pages_per_pg();
  manifest.geometry_epoch = GeometryEpoch(wire.geometry_epoch());
  manifest.written_in = FromWire(wire.written_in());
  manifest.retention = {wire.retention_window_ms(), wire.retention_log_bytes()};
  manifest.retained_from = Lsn(wire.retained_from());
  for (const v1::RetentionMark& mark : wire.marks()) {
    manifest.marks.push_back({Lsn(mark.lsn()), CommitTime(mark.time()), mark.log_bytes()});
  }
  for (const v1::Membership& pg : wire.pgs()) {
    auto membership = FromWire(pg);
    if (!membership.ok()) return membership.status();
    manifest.pgs.push_back(*std::move(membership));
  }
  if (auto status = manifest.Check(); !status.ok()) return status;
  return manifest;
}

absl::StatusOr<quorum::PgPath> FromWire(const v1::PgPath& wire) {
  quorum::PgPath path;
  if (auto status = HistoryFromWire(wire, path); !status.ok()) return status;
  for (const v1::Branch& from : wire.branches()) {
    quorum::Branch branch;
    if (auto status = HistoryFromWire(from, branch); !status.ok()) return status;
    branch.end = {Lsn(from.end()), Lsn(from.end_tail())};
    branch.left_by = FromWire(from.left_by());
    path.branches.push_back(std::move(branch));
  }
  if (auto status = path.Check(); !status.ok()) return status;
  return path;
}

absl::StatusOr<quorum::PgPath> PathOrNoneFromWire(const v1::PgPath& wire) {
  if (wire.steps_size() == 0 && wire.tails_size() == 0 && wire.branches_size() == 0)
    return quorum::PgPath{};
  return FromWire(wire);
}

absl::StatusOr<quorum::Refused> FromWire(const v1::Refused& wire) {
  if (!IsReason(wire.reason())) {
    return absl::InvalidArgumentError(
        absl::StrCat("refusal without a known reason (", static_cast<int>(wire.reason()), ")"));
  }
  quorum::Refused refused;
  refused.reason = static_cast<quorum::RefusalReason>(wire.reason());
  refused.promised = FromWire(wire.promised());
  refused.membership_epoch = MembershipEpoch(wire.membership_epoch());
  refused.message = wire.message();
  return refused;
}

}  // namespace hexad::proto

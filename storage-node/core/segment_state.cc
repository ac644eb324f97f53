#include "storage-node/core/segment_state.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "quorum/base/bytes.h"

namespace hexad::storage_node {
namespace {

using quorum::Branch;
using quorum::Manifest;
using quorum::Member;
using quorum::Membership;
using quorum::PathStep;
using quorum::PgPath;
using quorum::RegisterState;
using quorum::RosterNode;

constexpr uint8_t kFormat = 3;

// --- pieces --------------------------------------------------------------------------------------

void Put(std::string& out, std::string_view text) {
  AppendLe<uint32_t>(out, static_cast<uint32_t>(text.size()));
  out.append(text);
}
void Put(std::string& out, EpochId epoch) {
  AppendLe(out, epoch.number);
  AppendLe(out, epoch.claimant);
}
void Put(std::string& out, quorum::Ballot ballot) {
  AppendLe(out, ballot.number);
  AppendLe(out, ballot.claimant);
}
template <class NodeLike>  // a Member or a RosterNode: the same three fields
void PutNode(std::string& out, const NodeLike& node) {
  Put(out, node.node.value());
  Put(out, node.az.value());
  AppendLe(out, node.incarnation.value());
}
void Put(std::string& out, const Membership& membership) {
  AppendLe(out, membership.pg.value());
  AppendLe(out, membership.epoch.value());
  AppendLe(out, membership.write);
  AppendLe<uint32_t>(out, static_cast<uint32_t>(membership.members.size()));
  for (const Member& member : membership.members) PutNode(out, member);
}
template <class History>  // a PgPath or a Branch: both are a path and its tails
void PutHistory(std::string& out, const History& history) {
  AppendLe<uint32_t>(out, static_cast<uint32_t>(history.path.steps().size()));
  for (const PathStep& step : history.path.steps()) {
    AppendLe(out, step.timeline.value());
    Put(out, step.epoch);
    AppendLe(out, step.first_lsn.value());
    AppendLe(out, step.last_lsn.value());
    AppendLe<uint8_t>(out, step.backtracked ? 1 : 0);
  }
  AppendLe<uint32_t>(out, static_cast<uint32_t>(history.tails.size()));
  for (const Lsn tail : history.tails) AppendLe(out, tail.value());
}

std::string GetText(ByteReader& in) {
  const auto length = in.Int<uint32_t>();
  return std::string(in.Bytes(length));
}
EpochId GetEpoch(ByteReader& in) {
  EpochId epoch;
  epoch.number = in.Int<uint32_t>();
  epoch.claimant = in.Int<uint64_t>();
  return epoch;
}
quorum::Ballot GetBallot(ByteReader& in) {
  quorum::Ballot ballot;
  ballot.number = in.Int<uint64_t>();
  ballot.claimant = in.Int<uint64_t>();
  return ballot;
}
Lsn GetLsn(ByteReader& in) { return Lsn(in.Int<uint64_t>()); }

// A list whose length is read first: `one` is called while bytes last, so a lying length allocates
// nothing.
template <class T, class ReadOne>
std::vector<T> GetList(ByteReader& in, ReadOne one) {
  std::vector<T> list;
  const auto count = in.Int<uint32_t>();
  for (uint32_t i = 0; i < count && in.ok(); ++i) list.push_back(one(in));
  return list;
}
template <class NodeLike>
NodeLike GetNode(ByteReader& in) {
  NodeLike node;
  node.node = NodeId(GetText(in));
  node.az = AzId(GetText(in));
  node.incarnation = Incarnation(in.Int<uint64_t>());
  return node;
}
Membership GetMembership(ByteReader& in) {
  Membership membership;
  membership.pg = PgId(in.Int<uint64_t>());
  membership.epoch = MembershipEpoch(in.Int<uint32_t>());
  membership.write = in.Int<uint32_t>();
  membership.members = GetList<Member>(in, GetNode<Member>);
  return membership;
}
PathStep GetStep(ByteReader& in) {
  PathStep step;
  step.timeline = TimelineId(in.Int<uint64_t>());
  step.epoch = GetEpoch(in);
  step.first_lsn = GetLsn(in);
  step.last_lsn = GetLsn(in);
  step.backtracked = in.Int<uint8_t>() != 0;
  return step;
}

template <class History>
absl::Status GetHistory(ByteReader& in, History& history) {
  auto path = quorum::Path::FromSteps(GetList<PathStep>(in, GetStep));
  if (!path.ok()) return path.status();
  history.path = *std::move(path);
  history.tails = GetList<Lsn>(in, GetLsn);
  return absl::OkStatus();
}

std::string Begin() {
  std::string out;
  AppendLe(out, kFormat);
  return out;
}

absl::StatusOr<ByteReader> Open(std::string_view bytes, const char* what) {
  ByteReader in(bytes);
  const auto format = in.Int<uint8_t>();
  if (!in.ok()) return absl::DataLossError(absl::StrCat(what, ": empty"));
  if (format != kFormat) {
    return absl::DataLossError(
        absl::StrCat(what, ": format ", format, ", this version reads ", kFormat));
  }
  return in;
}

absl::Status Close(const ByteReader& in, const char* what) {
  if (in.AtEnd()) return absl::OkStatus();
  return absl::DataLossError(absl::StrCat(what, ": wrong length"));
}

std::string TimelineKey(PgId pg, TimelineId timeline, const char* leaf) {
  return TimelineMetaPrefix(pg, timeline) + leaf;
}

}  // namespace

// --- keys ----------------------------------------------------------------------------------------

std::string ConfigKey(PgId pg) { return SegmentMetaPrefix(pg) + "config"; }
std::string PromiseKey(PgId pg, TimelineId t) { return TimelineKey(pg, t, "promise"); }
std::string PathKey(PgId pg, TimelineId t) { return TimelineKey(pg, t, "path"); }
std::string ManifestKey(PgId pg, TimelineId t) { return TimelineKey(pg, t, "manifest"); }
std::string CoalescedKey(PgId pg, TimelineId t) { return TimelineKey(pg, t, "coalesced"); }
std::string DroppedKey(PgId pg, TimelineId t) { return TimelineKey(pg, t, "dropped"); }
std::string RegisterKey(std::string_view key) { return "r/" + std::string(key); }

absl::StatusOr<MetaName> ParseMetaKey(std::string_view key) {
  MetaName name;
  const auto unknown = absl::InvalidArgumentError("unknown meta key '" + std::string(key) + "'");
  const auto hex = [&](size_t at, uint64_t& value) {
    return key.size() >= at + 16 && absl::SimpleHexAtoi(std::string(key.substr(at, 16)), &value);
  };
  if (key == kIdentityKey) {
    name.kind = MetaKind::kIdentity;
    return name;
  }
  if (key.substr(0, 2) == "r/") {
    name.kind = MetaKind::kRegister;
    name.register_key = std::string(key.substr(2));
    return name;
  }
  uint64_t pg = 0;
  if (key.substr(0, 3) != "pg/" || !hex(3, pg)) return unknown;
  name.pg = PgId(pg);
  if (key == ConfigKey(name.pg)) return name;
  uint64_t timeline = 0;
  if (!hex(SegmentMetaPrefix(name.pg).size() + 2, timeline)) return unknown;
  name.timeline = TimelineId(timeline);
  if (key == PromiseKey(name.pg, name.timeline)) {
    name.kind = MetaKind::kPromise;
  } else if (key == PathKey(name.pg, name.timeline)) {
    name.kind = MetaKind::kPath;
  } else if (key == ManifestKey(name.pg, name.timeline)) {
    name.kind = MetaKind::kManifest;
  } else if (key == CoalescedKey(name.pg, name.timeline)) {
    name.kind = MetaKind::kCoalesced;
  } else if (key == DroppedKey(name.pg, name.timeline)) {
    name.kind = MetaKind::kDropped;
  } else {
    return unknown;
  }
  return name;
}

// --- encodings -----------------------------------------------------------------------------------

std::string Encode(const SegmentConfig& config) {
  std::string out = Begin();
  Put(out, config.membership);
  AppendLe(out, config.page_size);
  AppendLe(out, config.first_page.value());
  AppendLe(out, config.page_count);
  return out;
}

std::string Encode(EpochId promise) {
  std::string out = Begin();
  Put(out, promise);
  return out;
}

std::string Encode(const PgPath& path) {
  std::string out = Begin();
  PutHistory(out, path);
  AppendLe<uint32_t>(out, static_cast<uint32_t>(path.branches.size()));
  for (const Branch& branch : path.branches) {
    PutHistory(out, branch);
    AppendLe(out, branch.end.at.value());
    AppendLe(out, branch.end.tail.value());
    Put(out, branch.left_by);
  }
  return out;
}

std::string Encode(const Manifest& manifest) {
  std::string out = Begin();
  AppendLe(out, manifest.timeline.value());
  Put(out, manifest.name);
  AppendLe(out, manifest.page_size);
  AppendLe(out, manifest.pages_per_pg);
  AppendLe(out, manifest.geometry_epoch.value());
  Put(out, manifest.written_in);
  AppendLe(out, manifest.retention.window_ms);
  AppendLe(out, manifest.retention.log_bytes);
  AppendLe(out, manifest.retained_from.value());
  AppendLe<uint32_t>(out, static_cast<uint32_t>(manifest.marks.size()));
  for (const quorum::RetentionMark& mark : manifest.marks) {
    AppendLe(out, mark.lsn.value());
    AppendLe(out, mark.time.value());
    AppendLe(out, mark.log_bytes);
  }
  AppendLe<uint32_t>(out, static_cast<uint32_t>(manifest.pgs.size()));
  for (const Membership& pg : manifest.pgs) Put(out, pg);
  return out;
}

std::string Encode(const CoalescedMark& mark) {
  std::string out = Begin();
  AppendLe(out, mark.up_to.value());
  AppendLe(out, mark.gc_floor.value());
  AppendLe(out, mark.pages_seen);
  AppendLe(out, mark.vdl.value());
  AppendLe<uint32_t>(out, static_cast<uint32_t>(mark.truncates.size()));
  for (const TruncateMark& truncate : mark.truncates) {
    AppendLe(out, truncate.lsn.value());
    AppendLe(out, truncate.from_page.value());
  }
  return out;
}

std::string Encode(const NodeIdentity& identity) {
  std::string out = Begin();
  AppendLe(out, identity.cluster.value());
  AppendLe<uint32_t>(out, static_cast<uint32_t>(identity.roster.size()));
  for (const RosterNode& node : identity.roster) PutNode(out, node);
  return out;
}

std::string Encode(const RegisterState& state) {
  std::string out = Begin();
  Put(out, state.promised);
  Put(out, state.accepted);
  Put(out, state.value);
  return out;
}

absl::StatusOr<SegmentConfig> DecodeConfig(std::string_view bytes) {
  auto in = Open(bytes, "segment config");
  if (!in.ok()) return in.status();
  SegmentConfig config;
  config.membership = GetMembership(*in);
  config.page_size = in->Int<uint32_t>();
  config.first_page = PageNo(in->Int<uint32_t>());
  config.page_count = in->Int<uint32_t>();
  if (auto status = Close(*in, "segment config"); !status.ok()) return status;
  if (auto status = config.membership.Check(); !status.ok()) return status;
  return config;
}

absl::StatusOr<EpochId> DecodePromise(std::string_view bytes) {
  auto in = Open(bytes, "promise");
  if (!in.ok()) return in.status();
  const EpochId epoch = GetEpoch(*in);
  if (auto status = Close(*in, "promise"); !status.ok()) return status;
  return epoch;
}

absl::StatusOr<PgPath> DecodePath(std::string_view bytes) {
  auto in = Open(bytes, "path");
  if (!in.ok()) return in.status();
  const auto damaged = [](const absl::Status& status) {
    return absl::DataLossError(absl::StrCat("path: ", std::string(status.message())));
  };
  PgPath path;
  if (auto status = GetHistory(*in, path); !status.ok()) return damaged(status);
  const auto branches = in->Int<uint32_t>();
  for (uint32_t i = 0; i < branches && in->ok(); ++i) {
    Branch branch;
    if (auto status = GetHistory(*in, branch); !status.ok()) return damaged(status);
    branch.end.at = GetLsn(*in);
    branch.end.tail = GetLsn(*in);
    branch.left_by = GetEpoch(*in);
    path.branches.push_back(std::move(branch));
  }
  if (auto status = Close(*in, "path"); !status.ok()) return status;
  if (auto status = path.Check(); !status.ok()) return damaged(status);
  return path;
}

absl::StatusOr<Manifest> DecodeManifest(std::string_view bytes) {
  auto in = Open(bytes, "manifest");
  if (!in.ok()) return in.status();
  Manifest manifest;
  manifest.timeline = TimelineId(in->Int<uint64_t>());
  manifest.name = GetText(*in);
  manifest.page_size = in->Int<uint32_t>();
  manifest.pages_per_pg = in->Int<uint32_t>();
  manifest.geometry_epoch = GeometryEpoch(in->Int<uint32_t>());
  manifest.written_in = GetEpoch(*in);
  manifest.retention.window_ms = in->Int<int64_t>();
  manifest.retention.log_bytes = in->Int<uint64_t>();
  manifest.retained_from = GetLsn(*in);
  manifest.marks = GetList<quorum::RetentionMark>(*in, [](ByteReader& r) {
    quorum::RetentionMark mark;
    mark.lsn = GetLsn(r);
    mark.time = CommitTime(r.Int<int64_t>());
    mark.log_bytes = r.Int<uint64_t>();
    return mark;
  });
  manifest.pgs = GetList<Membership>(*in, GetMembership);
  if (auto status = Close(*in, "manifest"); !status.ok()) return status;
  if (auto status = manifest.Check(); !status.ok()) return status;
  return manifest;
}

absl::StatusOr<CoalescedMark> DecodeCoalesced(std::string_view bytes) {
  auto in = Open(bytes, "coalesced mark");
  if (!in.ok()) return in.status();
  CoalescedMark mark;
  mark.up_to = GetLsn(*in);
  mark.gc_floor = GetLsn(*in);
  mark.pages_seen = in->Int<uint64_t>();
  mark.vdl = GetLsn(*in);
  mark.truncates = GetList<TruncateMark>(*in, [](ByteReader& r) {
    TruncateMark truncate;
    truncate.lsn = GetLsn(r);
    truncate.from_page = PageNo(r.Int<uint32_t>());
    return truncate;
  });
  if (auto status = Close(*in, "coalesced mark"); !status.ok()) return status;
  if (mark.vdl < mark.up_to) {
    return absl::DataLossError("coalesced mark: it lies above the VDL that was heard");
  }
  return mark;
}

absl::StatusOr<NodeIdentity> DecodeIdentity(std::string_view bytes) {
  auto in = Open(bytes, "node identity");
  if (!in.ok()) return in.status();
  NodeIdentity identity;
  identity.cluster = ClusterId(in->Int<uint64_t>());
  identity.roster = GetList<RosterNode>(*in, GetNode<RosterNode>);
  if (auto status = Close(*in, "node identity"); !status.ok()) return status;
  return identity;
}

absl::StatusOr<RegisterState> DecodeRegister(std::string_view bytes) {
  auto in = Open(bytes, "register");
  if (!in.ok()) return in.status();
  RegisterState state;
  state.promised = GetBallot(*in);
  state.accepted = GetBallot(*in);
  state.value = GetText(*in);
  if (auto status = Close(*in, "register"); !status.ok()) return status;
  return state;
}

}  // namespace hexad::storage_node

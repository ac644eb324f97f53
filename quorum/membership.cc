// Memberships and manifests come from disks, peers and cluster files, so their checks give a Status
// that names the PG and what is wrong. The placement at the end is rendezvous hashing: every node
// draws a score for the key, and the best scores win. A node that joins or leaves changes no other
// node's score, so it moves only the segments that it wins or held.
#include "quorum/membership.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <map>
#include <set>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "quorum/base/check.h"
#include "quorum/base/prng.h"
#include "quorum/record.h"

namespace hexad::quorum {
namespace {

constexpr size_t kMaxNodeNameBytes = 32;  // NodeId, AzId: see quorum/base/types.h
constexpr uint64_t kMaxPages = uint64_t{std::numeric_limits<uint32_t>::max()} + 1;
constexpr int kAzsPerPg = 3;  // 2017, section 2.1: an AZ may fail, and one more node

bool IsLowerOrDigit(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }

bool IsNodeName(std::string_view name) {
  return !name.empty() && name.size() <= kMaxNodeNameBytes &&
         std::all_of(name.begin(), name.end(),
                     [](char c) { return IsLowerOrDigit(c) || c == '-'; });
}

enum class Drawing : uint64_t {
  kAz = 1,
  kNode = 2
};  // so that an AZ and a node named alike differ

uint64_t Score(uint64_t key, Drawing drawing, std::string_view name) {
  uint64_t hash = Mix64(key ^ Mix64(static_cast<uint64_t>(drawing)));
  for (const char c : name) hash = Mix64(hash ^ static_cast<unsigned char>(c));
  return Mix64(hash ^ name.size());
}

// The `count` of `names` that score highest; equal scores go by name. REQUIRES: enough names.
std::vector<std::string> Winners(uint64_t key, Drawing drawing, std::vector<std::string> names,
                                 size_t count) {
  INVARIANT(names.size() >= count);
  std::sort(names.begin(), names.end(), [&](const std::string& a, const std::string& b) {
    const uint64_t score_a = Score(key, drawing, a);
    const uint64_t score_b = Score(key, drawing, b);
    return score_a != score_b ? score_a > score_b : a < b;
  });
  names.resize(count);
  return names;
}

// Nodes by AZ and name, in that order.
using NodesByAz = std::map<std::string, std::map<std::string, Incarnation>>;

absl::StatusOr<NodesByAz> GroupByAz(const std::vector<RosterNode>& roster) {
  NodesByAz azs;
  std::set<std::string> names;
  for (const RosterNode& node : roster) {
    if (!names.insert(node.node.value()).second) {
      return absl::InvalidArgumentError(
          absl::StrCat("node ", node.node.value(), " is listed twice"));
    }
    azs[node.az.value()][node.node.value()] = node.incarnation;
  }
  return azs;
}

// "a: 2, b: 1", for messages.
std::string NodesPerAz(const NodesByAz& azs) {
  return absl::StrJoin(azs, ", ", [](std::string* out, const auto& az) {
    absl::StrAppend(out, az.first, ": ", az.second.size());
  });
}

}  // namespace

QuorumSet Membership::Quorums() const {
  const absl::StatusOr<QuorumSet> set =
      QuorumSet::KOfN(static_cast<int>(write), static_cast<int>(members.size()));
  INVARIANT(set.ok());
  return *set;
}

std::optional<int> Membership::IndexOf(const NodeId& node) const {
  for (size_t i = 0; i < members.size(); ++i) {
    if (members[i].node == node) return static_cast<int>(i);
  }
  return std::nullopt;
}

std::vector<AzId> Membership::AzOf() const {
  std::vector<AzId> az_of;
  az_of.reserve(members.size());
  for (const Member& member : members) az_of.push_back(member.az);
  return az_of;
}

absl::Status Membership::Check() const {
  const auto bad = [this](const auto&... what) {
    return absl::InvalidArgumentError(
        absl::StrCat("PG ", pg.value(), " membership epoch ", epoch.value(), ": ", what...));
  };
  if (epoch.value() == 0) return bad("membership epochs start at 1");
  // Before any cast to int: both numbers come from outside.
  if (members.size() > kMaxMembers || write > kMaxMembers) {
    return bad("write quorum ", write, " of ", members.size(), ": at most ", kMaxMembers,
               " members");
  }
  const absl::StatusOr<QuorumSet> quorums =
      QuorumSet::KOfN(static_cast<int>(write), static_cast<int>(members.size()));
  if (!quorums.ok()) return bad(quorums.status().message());
  for (size_t i = 0; i < members.size(); ++i) {
    const Member& member = members[i];
    if (!IsNodeName(member.node.value())) return bad("member ", i, " has no valid node name");
    if (!IsNodeName(member.az.value())) return bad(member.node.value(), " has no valid AZ name");
    if (IndexOf(member.node) != static_cast<int>(i)) {
      return bad(member.node.value(), " is a member twice");
    }
  }
  return absl::OkStatus();
}

absl::Status CheckVolumeName(std::string_view name) {
  const auto legal = [](char c) { return IsLowerOrDigit(c) || c == '-' || c == '_'; };
  if (!name.empty() && name.size() <= kMaxVolumeNameBytes && IsLowerOrDigit(name[0]) &&
      std::all_of(name.begin(), name.end(), legal)) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "volume name '", std::string(name.substr(0, kMaxVolumeNameBytes + 1)), "': it must be 1 to ",
      kMaxVolumeNameBytes, " of a-z, 0-9, - and _, the first a letter or a digit"));
}

namespace {

// Bounds that no sum of two of them leaves int64_t.
constexpr int64_t kLongestWindowMs = int64_t{200} * 365 * 24 * 3600 * 1000;
constexpr int64_t kLatestMarkUs = int64_t{1} << 61;

}  // namespace

absl::Status Retention::Check() const {
  if (window_ms >= 0 && window_ms <= kLongestWindowMs) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("a retention window of ", window_ms, " ms"));
}

absl::Status Manifest::Check() const {
  const auto bad = [this](const auto&... what) {
    return absl::InvalidArgumentError(
        absl::StrCat("manifest of timeline ", timeline.value(), ": ", what...));
  };
  if (absl::Status named = CheckVolumeName(name); !named.ok()) return bad(named.message());
  if (!IsValidPageSize(page_size)) return bad("page size ", page_size, " is not possible");
  if (pages_per_pg == 0) return bad("a PG without pages");
  if (geometry_epoch.value() == 0) return bad("geometry epochs start at 1");
  if (absl::Status status = retention.Check(); !status.ok()) return bad(status.message());
  if (marks.size() > kMaxRetentionMarks) return bad(marks.size(), " retention marks");
  for (size_t i = 0; i < marks.size(); ++i) {
    const int64_t time = marks[i].time.value();
    if (i > 0 && marks[i].lsn <= marks[i - 1].lsn) return bad("retention marks out of order");
    if (time < 0 || time > kLatestMarkUs) return bad("a retention mark at ", time, " us");
  }
  if (pgs.empty()) return bad("no PG");
  // FirstPageOf() of every PG must be a page number. The product cannot wrap: neither factor
  // reaches 2^32.
  if (pgs.size() > kMaxPages || (pgs.size() - 1) * uint64_t{pages_per_pg} >= kMaxPages) {
    return bad(pgs.size(), " PGs of ", pages_per_pg, " pages pass the last page number");
  }
  std::set<PgId> ids;
  for (const Membership& pg : pgs) {
    if (absl::Status status = pg.Check(); !status.ok()) return status;
    if (!ids.insert(pg.pg).second) return bad("PG ", pg.pg.value(), " is listed twice");
  }
  return absl::OkStatus();
}

// For one timeline this is a bijection of the index, so that a volume's own PGs can never collide.
PgId MakePgId(TimelineId timeline, uint32_t index) {
  return PgId(Mix64(timeline.value() ^ Mix64(index)));
}

absl::StatusOr<std::vector<Member>> PlaceSegments(uint64_t key,
                                                  const std::vector<RosterNode>& roster,
                                                  int copies) {
  // One or two copies, for development, have no use for a third AZ.
  const int az_count = std::min(copies, kAzsPerPg);
  if (copies < 1 || copies > kMaxMembers || copies % az_count != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat(copies, " copies cannot be spread evenly over ", kAzsPerPg, " AZs"));
  }
  const size_t per_az = static_cast<size_t>(copies / az_count);
  absl::StatusOr<NodesByAz> azs = GroupByAz(roster);
  if (!azs.ok()) return azs.status();

  std::vector<std::string> roomy;  // AZs with enough nodes
  for (const auto& [az, nodes] : *azs) {
    if (nodes.size() >= per_az) roomy.push_back(az);
  }
  if (roomy.size() < static_cast<size_t>(az_count)) {
    return absl::FailedPreconditionError(absl::StrCat(
        copies, " copies need ", az_count, " AZs with ", per_az, " nodes each; there are ",
        roomy.size(), " (nodes per AZ: ", azs->empty() ? "none" : NodesPerAz(*azs), ")"));
  }
  std::vector<std::string> chosen = Winners(key, Drawing::kAz, std::move(roomy), az_count);
  std::sort(chosen.begin(), chosen.end());

  std::vector<Member> members;
  for (const std::string& az : chosen) {
    std::vector<std::string> names;
    for (const auto& [name, incarnation] : (*azs)[az]) names.push_back(name);
    names = Winners(key, Drawing::kNode, std::move(names), per_az);
    std::sort(names.begin(), names.end());
    for (const std::string& name : names) {
      members.push_back(Member{NodeId(name), AzId(az), (*azs)[az][name]});
    }
  }
  INVARIANT(members.size() == static_cast<size_t>(copies));
  return members;
}

}  // namespace hexad::quorum

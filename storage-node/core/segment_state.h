// What a segment keeps durable beside its log: small values under keys of their own, each written
// by one owner, so that no write undoes another.
//
//   pg/<pg>/config                  SegmentConfig    written once, when the segment is created
//   pg/<pg>/t/<timeline>/promise    EpochId          before Promised and Begun are answered
//   pg/<pg>/t/<timeline>/path       PgPath           before Begun is answered
//   pg/<pg>/t/<timeline>/manifest   Manifest         with the path, at a timeline's first PG
//   pg/<pg>/t/<timeline>/coalesced  CoalescedMark    last write of each coalescing
//   pg/<pg>/t/<timeline>/dropped    nothing          it was dropped, and clones continue it
//   n/identity                     NodeIdentity     when the node joins its cluster
//   r/<key>                        RegisterState    before a register's answer
//
// Encodings are little-endian, with a format number first; a newer one is refused by name.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "quorum/membership.h"
#include "quorum/pg_path.h"
#include "quorum/register.h"
#include "storage-node/core/plans.h"
#include "storage-node/core/store_batch.h"

namespace hexad::storage_node {

struct SegmentConfig {
  quorum::Membership membership;
  uint32_t page_size = 0;
  PageNo first_page;
  uint32_t page_count = 0;
  friend bool operator==(const SegmentConfig&, const SegmentConfig&) = default;
};

struct CoalescedMark {
  Lsn up_to;     // every visible record at or below it is in the page store
  Lsn gc_floor;  // read points below it may have been merged away
  std::vector<TruncateMark> truncates;
  uint64_t pages_seen = 0;  // one more than the highest page that any record named
  Lsn vdl;                  // heard by then: up_to may lie inside an MTR, this does not
  friend bool operator==(const CoalescedMark&, const CoalescedMark&) = default;
};

struct NodeIdentity {
  ClusterId cluster;
  std::vector<quorum::RosterNode> roster;
  friend bool operator==(const NodeIdentity&, const NodeIdentity&) = default;
};

std::string ConfigKey(PgId pg);
std::string PromiseKey(PgId pg, TimelineId timeline);
std::string PathKey(PgId pg, TimelineId timeline);
std::string ManifestKey(PgId pg, TimelineId timeline);
std::string CoalescedKey(PgId pg, TimelineId timeline);
std::string DroppedKey(PgId pg, TimelineId timeline);
inline constexpr std::string_view kIdentityKey = "n/identity";
std::string RegisterKey(std::string_view key);

// What a key names. INVALID_ARGUMENT for a key that this version does not know.
enum class MetaKind : uint8_t {
  kConfig,
  kPromise,
  kPath,
  kManifest,
  kCoalesced,
  kDropped,
  kIdentity,
  kRegister
};
struct MetaName {
  MetaKind kind = MetaKind::kConfig;
  PgId pg;
  TimelineId timeline;
  std::string register_key;
};
absl::StatusOr<MetaName> ParseMetaKey(std::string_view key);

std::string Encode(const SegmentConfig& config);
std::string Encode(EpochId promise);
std::string Encode(const quorum::PgPath& path);
std::string Encode(const quorum::Manifest& manifest);
std::string Encode(const CoalescedMark& mark);
std::string Encode(const NodeIdentity& identity);
std::string Encode(const quorum::RegisterState& state);

absl::StatusOr<SegmentConfig> DecodeConfig(std::string_view bytes);
absl::StatusOr<EpochId> DecodePromise(std::string_view bytes);
absl::StatusOr<quorum::PgPath> DecodePath(std::string_view bytes);
absl::StatusOr<quorum::Manifest> DecodeManifest(std::string_view bytes);
absl::StatusOr<CoalescedMark> DecodeCoalesced(std::string_view bytes);
absl::StatusOr<NodeIdentity> DecodeIdentity(std::string_view bytes);
absl::StatusOr<quorum::RegisterState> DecodeRegister(std::string_view bytes);

}  // namespace hexad::storage_node

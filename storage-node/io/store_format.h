// How the segment store lays out its keys and values. Keys are big-endian, so that byte order is
// LSN order; values that the store checks itself start with a checksum of what they are and where
// they belong.
//
//   log     key   pg:8 timeline:8 first_lsn:8              value  the boxcar as it came (checksum
//   inside) pages   key   pg:8 timeline:8 page:4 ~lsn:8            value  checksum:8 kind:1 bytes
//   meta    key   as its owner chose it                    value  checksum:8 bytes
//
// What one timeline of a segment holds is one range of keys in each family, so that a clone's own
// part can be measured, and dropped, without looking at what it shares.
//
// The LSN of a page's version is inverted: the newest comes first, which is the end that reads
// start from, and a forward scan is the cheap one in RocksDB.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "storage-node/core/store_batch.h"

namespace hexad::storage_node {

inline constexpr size_t kLogPrefixBytes = 16;  // pg, timeline
inline constexpr size_t kLogKeyBytes = 24;
inline constexpr size_t kVersionPrefixBytes = 20;  // pg, timeline, page
inline constexpr size_t kVersionKeyBytes = 28;

std::string LogKey(PgId pg, TimelineId timeline, Lsn first_lsn);
// REQUIRES: a key of kLogKeyBytes.
Lsn LsnOfLogKey(std::string_view key);

std::string VersionKey(PgId pg, PageNo page, TimelineId timeline, Lsn lsn);
// REQUIRES: a key of kVersionKeyBytes.
Lsn LsnOfVersionKey(std::string_view key);

// Every log and every version key of a PG starts with this.
std::string PgPrefix(PgId pg);

// The same of one timeline of it.
std::string TimelinePrefix(PgId pg, TimelineId timeline);

// The first key after all keys that start with `prefix`; empty if there is none (all bytes 0xff).
std::string PrefixEnd(std::string_view prefix);

// What comes before a version's bytes in its value: checksum and kind.
std::string VersionHead(std::string_view key, VersionKind kind, std::string_view bytes);
std::string SealVersion(std::string_view key, VersionKind kind, std::string_view bytes);
std::string SealMeta(std::string_view key, std::string_view bytes);

// What a sealed value holds; a view into it. Nothing if it was not sealed under this key, or is
// damaged.
struct OpenedVersion {
  VersionKind kind = VersionKind::kImage;
  std::string_view bytes;
};
std::optional<OpenedVersion> OpenVersion(std::string_view key, std::string_view value);
std::optional<std::string_view> OpenMeta(std::string_view key, std::string_view value);

}  // namespace hexad::storage_node

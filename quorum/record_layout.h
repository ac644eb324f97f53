// Where the fields of a record header stand, and the checks that need nothing but its bytes. Shared
// by the codecs of records and of boxcars, private to them; docs/log-format.md is the prose.
//
// The checks live in a header because DecodeBoxcar runs them for every record on six nodes: they
// compile to a dozen compares on one cache line, with no call, no allocation and no status.
#pragma once

#include <string_view>

#include "quorum/base/bytes.h"
#include "quorum/record.h"

namespace hexad::quorum::record_layout {

inline constexpr size_t kLsn = 0;          // u64
inline constexpr size_t kVolumePrev = 8;   // u64
inline constexpr size_t kPgPrev = 16;      // u64
inline constexpr size_t kPagePrev = 24;    // u64
inline constexpr size_t kPage = 32;        // u32
inline constexpr size_t kEpoch = 36;       // u32
inline constexpr size_t kLength = 40;      // u32, payload bytes
inline constexpr size_t kKind = 44;        // u8
inline constexpr size_t kFlags = 45;       // u8
inline constexpr size_t kReserved = 46;    // u16, zero
inline constexpr size_t kCommitTime = 48;  // i64, microseconds; zero unless CPL
static_assert(kCommitTime + sizeof(int64_t) == kRecordHeaderBytes);

// REQUIRES: kRecordHeaderBytes at `from`, here and below.
inline Lsn LoadLsn(const char* from) { return Lsn(LoadLe<uint64_t>(from + kLsn)); }
inline Lsn LoadPgPrev(const char* from) { return Lsn(LoadLe<uint64_t>(from + kPgPrev)); }
inline uint32_t LoadEpoch(const char* from) { return LoadLe<uint32_t>(from + kEpoch); }
// Header and payload together. Cannot wrap: a u32 and a small constant in 64 bits.
inline size_t LoadSize(const char* from) {
  return kRecordHeaderBytes + LoadLe<uint32_t>(from + kLength);
}

// What is wrong with the record that `bytes` starts with; nullptr if nothing is. Reads no byte past
// `bytes`, whatever the length field says.
inline const char* FindFault(std::string_view bytes) {
  if (bytes.size() < kRecordHeaderBytes) return "header cut off";
  const char* const from = bytes.data();
  const uint32_t length = LoadLe<uint32_t>(from + kLength);
  if (length > kMaxPayloadBytes) return "payload length above the limit";
  if (length > bytes.size() - kRecordHeaderBytes) return "payload cut off";

  const uint64_t lsn = LoadLe<uint64_t>(from + kLsn);
  if (lsn == Lsn::None().value()) return "lsn is zero";
  if (lsn == Lsn::Max().value()) return "lsn is the reserved highest value";
  if (LoadLe<uint64_t>(from + kVolumePrev) >= lsn) return "volume_prev not below the lsn";
  if (LoadLe<uint64_t>(from + kPgPrev) >= lsn) return "pg_prev not below the lsn";
  if (LoadLe<uint64_t>(from + kPagePrev) >= lsn) return "page_prev not below the lsn";

  const uint8_t kind = LoadLe<uint8_t>(from + kKind);
  if (kind < static_cast<uint8_t>(RecordKind::kPageImage)) return "unknown kind";
  if (kind > static_cast<uint8_t>(RecordKind::kNop)) return "unknown kind";
  const uint8_t flags = LoadLe<uint8_t>(from + kFlags);
  if ((flags & ~RecordFlags::kAll) != 0) return "unknown flags";
  if (LoadLe<uint16_t>(from + kReserved) != 0) return "reserved bytes not zero";
  const bool is_cpl = (flags & RecordFlags::kCpl) != 0;
  if (!is_cpl && LoadLe<int64_t>(from + kCommitTime) != 0) return "commit time without CPL";
  return nullptr;
}

// REQUIRES: FindFault() is nullptr for the bytes at `from`.
inline RecordView Load(const char* from) {
  RecordView record;
  record.lsn = LoadLsn(from);
  record.volume_prev = Lsn(LoadLe<uint64_t>(from + kVolumePrev));
  record.pg_prev = LoadPgPrev(from);
  record.page_prev = Lsn(LoadLe<uint64_t>(from + kPagePrev));
  record.page = PageNo(LoadLe<uint32_t>(from + kPage));
  record.epoch_number = LoadEpoch(from);
  record.kind = static_cast<RecordKind>(LoadLe<uint8_t>(from + kKind));
  record.flags = LoadLe<uint8_t>(from + kFlags);
  record.commit_time = CommitTime(LoadLe<int64_t>(from + kCommitTime));
  record.payload = {from + kRecordHeaderBytes, LoadSize(from) - kRecordHeaderBytes};
  return record;
}

}  // namespace hexad::quorum::record_layout

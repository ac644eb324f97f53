// The redo record: one change to one page. docs/log-format.md gives the layout byte by byte.
//
// Three back-links make holes visible (Verbitski 2018, section 2.2):
//   volume_prev  the previous LSN of the timeline     finds holes in the volume   (VCL)
//   pg_prev      the previous LSN of this PG          finds holes in a segment    (SCL)
//   page_prev    the previous LSN of this page        finds holes in a page's history
// Across a fork the links of the first record after it point at or below the fork.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "quorum/base/types.h"

namespace hexad::quorum {

enum class RecordKind : uint8_t {
  kPageImage = 1,  // payload: the whole page
  kDelta = 2,      // payload: one or more ranges, see DeltaReader
  kTruncate = 3,   // no payload: pages >= `page` of this PG read as zeros from this LSN on
  kNop = 4,        // no payload: fills an LSN, changes nothing
};

struct RecordFlags {
  static constexpr uint8_t kMtrBegin = 1;  // first record of its MTR
  static constexpr uint8_t kCpl = 2;       // last record of its MTR: a consistency point
  static constexpr uint8_t kAll = kMtrBegin | kCpl;
};

// A decoded record. `payload` points into the bytes it was decoded from.
struct RecordView {
  Lsn lsn;
  Lsn volume_prev;
  Lsn pg_prev;
  Lsn page_prev;
  PageNo page;
  uint32_t epoch_number = 0;
  RecordKind kind = RecordKind::kNop;
  uint8_t flags = 0;
  CommitTime commit_time;  // zero unless is_cpl()
  std::string_view payload;

  bool is_cpl() const { return (flags & RecordFlags::kCpl) != 0; }
};

inline constexpr size_t kRecordHeaderBytes = 56;
inline constexpr uint32_t kMinPageSize = 4 * 1024;
inline constexpr uint32_t kMaxPageSize = 64 * 1024;
// A delta's payload may exceed the page by its range headers, never by more.
inline constexpr uint32_t kMaxPayloadBytes = kMaxPageSize + 4 * 1024;

// Appends header and payload. REQUIRES: payload within kMaxPayloadBytes, prev links below lsn.
void EncodeRecord(const RecordView& record, std::string& out);

// Decodes the record that `bytes` starts with, and reports its whole size. Checks lengths, kind,
// flags, reserved bytes and that each back-link lies below the LSN; INVALID_ARGUMENT names the
// field.
struct DecodedRecord {
  RecordView record;
  size_t size = 0;
};
absl::StatusOr<DecodedRecord> DecodeRecord(std::string_view bytes);

// Checks what depends on the volume: payload shape against the page size (image = exactly one page;
// every delta range inside the page; no payload otherwise).
absl::Status CheckPayload(const RecordView& record, uint32_t page_size);

// A delta payload is a run of ranges: u16 offset, u16 length (0 = 65,536), bytes.
struct DeltaRange {
  uint32_t offset = 0;
  std::string_view bytes;
};
inline constexpr size_t kDeltaRangeHeaderBytes = 4;

void AppendDeltaRange(uint32_t offset, std::string_view bytes, std::string& payload);

class DeltaReader {
 public:
  explicit DeltaReader(std::string_view payload) : rest_(payload) {}
  // False at the end, or at damage: then ok() is false.
  bool Next(DeltaRange& range);
  bool ok() const { return ok_; }

 private:
  std::string_view rest_;
  bool ok_ = true;
};

// Applies an image or delta to a page in place; nop changes nothing, truncate zeroes the page.
// REQUIRES: CheckPayload(record, page.size()) was OK.
void ApplyRecord(const RecordView& record, std::string& page);

// "4 KiB .. 64 KiB, power of two".
bool IsValidPageSize(uint64_t page_size);

}  // namespace hexad::quorum

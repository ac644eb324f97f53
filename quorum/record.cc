#include "quorum/record.h"

#include <bit>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "quorum/base/bytes.h"
#include "quorum/base/check.h"
#include "quorum/record_layout.h"

namespace hexad::quorum {
namespace {

namespace layout = record_layout;

// A range's length field has 16 bits and a range is never empty, so 0 stands for the one length
// that does not fit: a whole page of the largest size.
constexpr size_t kMaxRangeBytes = size_t{1} << 16;
static_assert(kMaxPageSize == kMaxRangeBytes, "a range's offset and length must reach every byte");

absl::Status Refuse(const RecordView& record, const std::string& why) {
  return absl::InvalidArgumentError(
      absl::StrCat("record ", record.lsn.value(), " of page ", record.page.value(), ": ", why));
}

absl::Status CheckDelta(const RecordView& record, uint32_t page_size) {
  DeltaReader reader(record.payload);
  DeltaRange range;
  size_t ranges = 0;
  for (; reader.Next(range); ++ranges) {
    // The sum fits easily: both come from 16-bit fields.
    if (range.offset + range.bytes.size() > page_size) {
      return Refuse(record, absl::StrCat("delta range at ", range.offset, " of ",
                                         range.bytes.size(), " bytes leaves the page"));
    }
  }
  if (!reader.ok()) return Refuse(record, "delta range cut off");
  if (ranges == 0) return Refuse(record, "delta without a range");
  return absl::OkStatus();
}

}  // namespace

void EncodeRecord(const RecordView& record, std::string& out) {
  INVARIANT(!record.lsn.IsNone() && record.lsn < Lsn::Max());
  INVARIANT(record.volume_prev < record.lsn);
  INVARIANT(record.pg_prev < record.lsn);
  INVARIANT(record.page_prev < record.lsn);
  INVARIANT((record.flags & ~RecordFlags::kAll) == 0);
  INVARIANT(record.is_cpl() || record.commit_time == CommitTime());
  INVARIANT(record.payload.size() <= kMaxPayloadBytes);

  char header[kRecordHeaderBytes];
  StoreLe<uint64_t>(header + layout::kLsn, record.lsn.value());
  StoreLe<uint64_t>(header + layout::kVolumePrev, record.volume_prev.value());
  StoreLe<uint64_t>(header + layout::kPgPrev, record.pg_prev.value());
  StoreLe<uint64_t>(header + layout::kPagePrev, record.page_prev.value());
  StoreLe<uint32_t>(header + layout::kPage, record.page.value());
  StoreLe<uint32_t>(header + layout::kEpoch, record.epoch_number);
  StoreLe<uint32_t>(header + layout::kLength, static_cast<uint32_t>(record.payload.size()));
  StoreLe<uint8_t>(header + layout::kKind, static_cast<uint8_t>(record.kind));
  StoreLe<uint8_t>(header + layout::kFlags, record.flags);
  StoreLe<uint16_t>(header + layout::kReserved, 0);
  StoreLe<int64_t>(header + layout::kCommitTime, record.commit_time.value());
  out.append(header, sizeof header);
  out.append(record.payload);
}

absl::StatusOr<DecodedRecord> DecodeRecord(std::string_view bytes) {
  if (const char* fault = layout::FindFault(bytes)) {
    const Lsn lsn = bytes.size() < kRecordHeaderBytes ? Lsn::None() : layout::LoadLsn(bytes.data());
    return absl::InvalidArgumentError(absl::StrCat("record ", lsn.value(), ": ", fault));
  }
  return DecodedRecord{layout::Load(bytes.data()), layout::LoadSize(bytes.data())};
}

absl::Status CheckPayload(const RecordView& record, uint32_t page_size) {
  INVARIANT(IsValidPageSize(page_size));
  switch (record.kind) {
    case RecordKind::kPageImage:
      if (record.payload.size() == page_size) return absl::OkStatus();
      return Refuse(record, absl::StrCat("image of ", record.payload.size(),
                                         " bytes for a page of ", page_size));
    case RecordKind::kDelta:
      return CheckDelta(record, page_size);
    case RecordKind::kTruncate:
    case RecordKind::kNop:
      if (record.payload.empty()) return absl::OkStatus();
      return Refuse(record, "payload where none belongs");
  }
  return Refuse(record, "unknown kind");
}

void AppendDeltaRange(uint32_t offset, std::string_view bytes, std::string& payload) {
  INVARIANT(!bytes.empty() && bytes.size() <= kMaxRangeBytes);
  INVARIANT(offset < kMaxPageSize && offset + bytes.size() <= kMaxPageSize);
  AppendLe<uint16_t>(payload, static_cast<uint16_t>(offset));
  AppendLe<uint16_t>(payload, static_cast<uint16_t>(bytes.size()));  // 65,536 wraps to 0
  payload.append(bytes);
}

bool DeltaReader::Next(DeltaRange& range) {
  if (!ok_ || rest_.empty()) return false;
  if (rest_.size() < kDeltaRangeHeaderBytes) return ok_ = false;
  const size_t stored = LoadLe<uint16_t>(rest_.data() + sizeof(uint16_t));
  const size_t length = stored == 0 ? kMaxRangeBytes : stored;
  if (rest_.size() - kDeltaRangeHeaderBytes < length) return ok_ = false;
  range.offset = LoadLe<uint16_t>(rest_.data());
  range.bytes = rest_.substr(kDeltaRangeHeaderBytes, length);
  rest_.remove_prefix(kDeltaRangeHeaderBytes + length);
  return true;
}

void ApplyRecord(const RecordView& record, std::string& page) {
  switch (record.kind) {
    case RecordKind::kPageImage:
      INVARIANT(record.payload.size() == page.size());
      page.assign(record.payload);
      return;
    case RecordKind::kDelta: {
      DeltaReader reader(record.payload);
      DeltaRange range;
      while (reader.Next(range)) {
        INVARIANT(range.offset + range.bytes.size() <= page.size());
        std::memcpy(page.data() + range.offset, range.bytes.data(), range.bytes.size());
      }
      INVARIANT(reader.ok());
      return;
    }
    case RecordKind::kTruncate:
      page.assign(page.size(), '\0');
      return;
    case RecordKind::kNop:
      return;
  }
  INVARIANT(false && "a checked record has a known kind");
}

bool IsValidPageSize(uint64_t page_size) {
  return page_size >= kMinPageSize && page_size <= kMaxPageSize && std::has_single_bit(page_size);
}

}  // namespace hexad::quorum

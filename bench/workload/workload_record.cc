#include "bench/workload/workload_record.h"

#include "quorum/base/bytes.h"
#include "quorum/base/check.h"
#include "quorum/base/checksum.h"
#include "quorum/base/prng.h"

namespace hexad::workload {
namespace {

constexpr uint32_t kMagic = 0x52575848;  // "HXWR"
constexpr size_t kChecksumAt = 24;
constexpr size_t kHeaderBytes = kChecksumAt + sizeof(uint64_t);
static_assert(kHeaderBytes == kMinRecordBytes);

uint64_t ChecksumOf(std::string_view record) {
  return ChecksumAt(record.substr(0, kChecksumAt), record.substr(kHeaderBytes));
}

}  // namespace

void EncodeRecord(WorkloadRecord& record, std::string& out) {
  INVARIANT(record.length >= kMinRecordBytes && record.length <= kMaxRecordBytes);
  INVARIANT(record.count >= 1 && record.count <= kMaxRecordsPerMtr);
  INVARIANT(record.position < record.count && record.offset < kMaxRecordBytes);
  out.clear();
  AppendLe(out, kMagic);
  AppendLe(out, record.page.value());
  AppendLe(out, record.sequence);
  AppendLe(out, static_cast<uint16_t>(record.offset));
  AppendLe(out, static_cast<uint16_t>(record.length - 1));
  AppendLe(out, static_cast<uint16_t>(record.position));
  AppendLe(out, static_cast<uint16_t>(record.count));
  AppendLe(out, uint64_t{0});
  uint64_t filler = Mix64(record.sequence + record.position);
  while (out.size() + sizeof filler <= record.length) AppendLe(out, filler = Mix64(filler));
  out.resize(record.length, 'f');
  record.checksum = ChecksumOf(out);
  StoreLe(out.data() + kChecksumAt, record.checksum);
}

std::optional<WorkloadRecord> DecodeRecordAt(PageNo page, std::string_view bytes, uint32_t offset) {
  if (offset >= bytes.size()) return std::nullopt;
  ByteReader reader(bytes.substr(offset));
  if (reader.Int<uint32_t>() != kMagic) return std::nullopt;
  WorkloadRecord record;
  record.page = PageNo(reader.Int<uint32_t>());
  record.sequence = reader.Int<uint64_t>();
  record.offset = reader.Int<uint16_t>();
  record.length = uint32_t{reader.Int<uint16_t>()} + 1;
  record.position = reader.Int<uint16_t>();
  record.count = reader.Int<uint16_t>();
  record.checksum = reader.Int<uint64_t>();
  const bool in_place = reader.ok() && record.page == page && record.offset == offset;
  if (!in_place || record.length < kMinRecordBytes || record.length > bytes.size() - offset) {
    return std::nullopt;
  }
  if (record.position >= record.count || record.position > page.value()) return std::nullopt;
  if (ChecksumOf(bytes.substr(offset, record.length)) != record.checksum) return std::nullopt;
  return record;
}

std::vector<WorkloadRecord> FindRecords(PageNo page, std::string_view bytes) {
  std::vector<WorkloadRecord> records;
  uint32_t offset = 0;
  while (offset + kMinRecordBytes <= bytes.size()) {
    const auto record = DecodeRecordAt(page, bytes, offset);
    if (record.has_value()) records.push_back(*record);
    offset += record.has_value() ? record->length : 1;
  }
  return records;
}

}  // namespace hexad::workload

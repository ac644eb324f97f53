// Any bytes as a boxcar: refused, or decoded exactly. A second look at the same bytes mends what a
// fuzzer cannot guess (checksum, magic, lengths, and the links between records), so that the checks
// behind them are reached too.
#include <cstdint>
#include <string>
#include <string_view>

#include "quorum/base/check.h"
#include "quorum/base/checksum.h"
#include "quorum/boxcar.h"

namespace hexad::quorum {
namespace {

void Fuzz(std::string bytes) {
  const absl::StatusOr<Boxcar> boxcar = DecodeBoxcar(BytesRef::Own(std::move(bytes)));
  if (!boxcar.ok()) return;
  const BoxcarHeader& header = boxcar->header;
  BoxcarBuilder builder(header.timeline, header.pg, header.epoch);
  RecordCursor cursor(*boxcar);
  RecordView record;
  while (cursor.Next(record)) builder.Add(record);
  INVARIANT(builder.Seal(header.vdl, header.pgmrpl).bytes == boxcar->bytes);

  if (!CheckPayloads(*boxcar, kMinPageSize, PageNo(0), 1u << 20).ok()) return;
  std::string page(kMinPageSize, 'p');
  RecordCursor applied(*boxcar);
  while (applied.Next(record)) ApplyRecord(record, page);
}

// Mends the outer fields, and each record's epoch and pg_prev, as far as the records' lengths lead.
void Mend(std::string& bytes) {
  if (bytes.size() < kBoxcarHeaderBytes + kRecordHeaderBytes) return;
  char* const base = bytes.data();
  uint32_t count = 0;
  uint64_t lsn = LoadLe<uint64_t>(base + 48);  // pg_prev
  size_t at = kBoxcarHeaderBytes;
  StoreLe<uint64_t>(base + 32, LoadLe<uint64_t>(base + at));  // first LSN
  while (at < bytes.size() && bytes.size() - at >= kRecordHeaderBytes) {
    StoreLe<uint64_t>(base + at + 16, lsn);
    StoreLe<uint32_t>(base + at + 36, LoadLe<uint32_t>(base + 64));
    lsn = LoadLe<uint64_t>(base + at);
    ++count;
    at += kRecordHeaderBytes + LoadLe<uint32_t>(base + at + 40);
  }
  StoreLe<uint32_t>(base + 8, kBoxcarMagic);
  StoreLe<uint32_t>(base + 12, count);
  StoreLe<uint64_t>(base + 40, lsn);  // last LSN
  StoreLe<uint32_t>(base + 68, static_cast<uint32_t>(bytes.size() - kBoxcarHeaderBytes));
  StoreLe<uint64_t>(base, Checksum(std::string_view(bytes).substr(8)));
}

}  // namespace
}  // namespace hexad::quorum

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string bytes(reinterpret_cast<const char*>(data), size);
  hexad::quorum::Fuzz(bytes);
  std::string mended = bytes;
  hexad::quorum::Mend(mended);
  hexad::quorum::Fuzz(mended);
  return 0;
}

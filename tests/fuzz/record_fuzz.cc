// Any bytes as a record, and as a delta's payload: refused, or decoded exactly and safe to apply.
#include <cstdint>
#include <string>
#include <string_view>

#include "quorum/base/check.h"
#include "quorum/record.h"

namespace hexad::quorum {
namespace {

void ApplyIfSound(const RecordView& record) {
  for (const uint32_t page_size : {kMinPageSize, kMaxPageSize}) {
    if (!CheckPayload(record, page_size).ok()) continue;
    std::string page(page_size, 'p');
    ApplyRecord(record, page);
    INVARIANT(page.size() == page_size);
  }
}

void Fuzz(std::string_view bytes) {
  const absl::StatusOr<DecodedRecord> decoded = DecodeRecord(bytes);
  if (decoded.ok()) {
    std::string again;
    EncodeRecord(decoded->record, again);
    INVARIANT(again == bytes.substr(0, decoded->size));
    ApplyIfSound(decoded->record);
  }

  // The whole input as a delta, so that payloads are reached without a sound header before them.
  RecordView delta;
  delta.lsn = Lsn::First();
  delta.kind = RecordKind::kDelta;
  delta.payload = bytes;
  ApplyIfSound(delta);

  DeltaReader reader(bytes);
  DeltaRange range;
  std::string again;
  while (reader.Next(range)) {
    if (range.offset + range.bytes.size() > kMaxPageSize) return;  // no writer can build it
    AppendDeltaRange(range.offset, range.bytes, again);
  }
  INVARIANT(!reader.ok() || again == bytes);
}

}  // namespace
}  // namespace hexad::quorum

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  hexad::quorum::Fuzz({reinterpret_cast<const char*>(data), size});
  return 0;
}

// What `hexad bench write` writes: records that can be told apart, and proved, long after.
//
// One record is one byte range of a page:
//
//   offset  bytes  field
//        0      4  magic "HXWR"
//        4      4  page          where it was written: a record that is found elsewhere is no
//        record 8      8  sequence      of its MTR; rises from MTR to MTR and from run to run
//       16      2  offset        in the page
//       18      2  length - 1    of the whole record, 32 bytes or more
//       20      2  position      among the records of its MTR, from 0
//       22      2  count         records of its MTR
//       24      8  checksum      of all other bytes
//       32    ...  filler, made from sequence and position
//
// The records of one MTR lie at one offset of `count` neighbouring pages, each carries the MTR's
// sequence. So three things can be read off the pages alone, at any read point:
//   present    where an MTR wrote, its record stands, or a valid one with a higher sequence over it
//   whole      where one record of an MTR stands, its neighbours carry that sequence or a higher
//   one undamaged  checksum and place agree
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "quorum/base/types.h"

namespace hexad::workload {

struct WorkloadRecord {
  PageNo page;
  uint64_t sequence = 0;
  uint32_t offset = 0;
  uint32_t length = 0;
  uint32_t position = 0;
  uint32_t count = 1;
  uint64_t checksum = 0;  // set by Encode and Decode

  friend bool operator==(const WorkloadRecord&, const WorkloadRecord&) = default;
};

inline constexpr uint32_t kMinRecordBytes = 32;
inline constexpr uint32_t kMaxRecordBytes = 65536;
inline constexpr uint32_t kMaxRecordsPerMtr = 65535;

// Replaces `out` by the record's bytes, and sets record.checksum. REQUIRES: kMinRecordBytes <=
// length
// <= kMaxRecordBytes.
void EncodeRecord(WorkloadRecord& record, std::string& out);

// The record that starts at `offset` of this page's bytes; nothing if none does.
std::optional<WorkloadRecord> DecodeRecordAt(PageNo page, std::string_view bytes, uint32_t offset);

// Every record of a page, by offset, of whatever length. Records do not overlap.
std::vector<WorkloadRecord> FindRecords(PageNo page, std::string_view bytes);

}  // namespace hexad::workload

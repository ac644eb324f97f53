// The boxcar: a run of records of one PG, travelling and stored together (Verbitski 2018, 2.2).
//
// It is encoded once by the writer, sent to six nodes as it is, stored as it is, and handed on by
// gossip and by refill as it is. One checksum covers where it belongs and what it says. It also
// carries the VDL and PGMRPL of the moment it was sealed, so that "the highest VDL heard" survives
// a node's restart without a write of its own. docs/log-format.md gives the layout.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "quorum/base/bytes.h"
#include "quorum/record.h"

namespace hexad::quorum {

inline constexpr uint32_t kBoxcarMagic = 0x31425848;  // "HXB1"
inline constexpr size_t kBoxcarHeaderBytes = 88;
inline constexpr size_t kMaxBoxcarBytes = size_t{1024} * 1024;  // header included

struct BoxcarHeader {
  TimelineId timeline;
  PgId pg;
  EpochId epoch;  // of the writer that issued the records
  Lsn first_lsn;  // of the first and the last record inside; both belong to `pg`,
  Lsn last_lsn;   // LSNs between them may belong to other PGs
  Lsn pg_prev;    // the first record's: where this boxcar attaches to the PG's chain
  Lsn vdl;        // the writer's VDL when it sealed the boxcar
  Lsn pgmrpl;     // lowest read point in use then
  uint32_t record_count = 0;
};

// A boxcar whose checksum and inner structure were verified once. Immutable and cheap to copy.
struct Boxcar {
  BoxcarHeader header;
  BytesRef bytes;  // the whole encoding, header included

  size_t size() const { return bytes.size(); }
  std::string_view records() const { return bytes.view().substr(kBoxcarHeaderBytes); }
};

// Verifies bytes from outside: length, magic, checksum, record count, each record's header, rising
// LSNs, each pg_prev equal to the record before, one epoch throughout, VDL below the first LSN
// (what was not yet sent cannot be durable). INVALID_ARGUMENT or DATA_LOSS (checksum) says what is
// wrong. No allocation but for a refusal's message. Payloads are checked against the page size by
// CheckPayloads.
absl::StatusOr<Boxcar> DecodeBoxcar(BytesRef bytes);

// CheckPayload for each record, and each page inside [first_page, first_page + page_count).
absl::Status CheckPayloads(const Boxcar& boxcar, uint32_t page_size, PageNo first_page,
                           uint64_t page_count);

// Walks the records of a verified boxcar.
class RecordCursor {
 public:
  explicit RecordCursor(std::string_view records) : records_(records) {}
  explicit RecordCursor(const Boxcar& boxcar) : RecordCursor(boxcar.records()) {}
  // False at the end. INVARIANT: the bytes were verified.
  bool Next(RecordView& record);
  // Where the record that Next() last gave starts, from the start of `records`.
  size_t offset() const { return offset_; }

 private:
  std::string_view records_;
  size_t offset_ = 0;
  size_t next_ = 0;
};

// Builds one boxcar, record by record. Reusable after Seal().
class BoxcarBuilder {
 public:
  BoxcarBuilder(TimelineId timeline, PgId pg, EpochId epoch)
      : timeline_(timeline), pg_(pg), epoch_(epoch) {}

  bool empty() const { return count_ == 0; }
  uint32_t record_count() const { return count_; }
  // Bytes of the encoding so far, header included.
  size_t size() const { return buffer_.empty() ? kBoxcarHeaderBytes : buffer_.size(); }
  Lsn first_lsn() const { return first_lsn_; }
  Lsn last_lsn() const { return last_lsn_; }
  // True if a record with this payload still fits kMaxBoxcarBytes.
  bool Fits(size_t payload_bytes) const {
    return size() + kRecordHeaderBytes + payload_bytes <= kMaxBoxcarBytes;
  }
  // REQUIRES: Fits(payload), lsn above the last one, pg_prev equal to the last one (if any), the
  // builder's epoch number.
  void Add(const RecordView& record);
  // Writes header and checksum and starts over. REQUIRES: !empty(), vdl < first_lsn().
  Boxcar Seal(Lsn vdl, Lsn pgmrpl);

 private:
  TimelineId timeline_;
  PgId pg_;
  EpochId epoch_;
  std::string buffer_;
  Lsn first_lsn_;
  Lsn last_lsn_;
  Lsn pg_prev_;
  uint32_t count_ = 0;
};

}  // namespace hexad::quorum

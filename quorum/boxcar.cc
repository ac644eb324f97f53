#include "quorum/boxcar.h"

#include <cstring>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "quorum/base/check.h"
#include "quorum/base/checksum.h"
#include "quorum/record_layout.h"

namespace hexad::quorum {
namespace {

namespace layout = record_layout;

// Offsets in the boxcar header; docs/log-format.md is the prose.
constexpr size_t kChecksum = 0;        // u64 over all that follows it
constexpr size_t kMagic = 8;           // u32
constexpr size_t kRecordCount = 12;    // u32
constexpr size_t kTimeline = 16;       // u64
constexpr size_t kPg = 24;             // u64
constexpr size_t kFirstLsn = 32;       // u64
constexpr size_t kLastLsn = 40;        // u64
constexpr size_t kPgPrev = 48;         // u64
constexpr size_t kEpochClaimant = 56;  // u64
constexpr size_t kEpochNumber = 64;    // u32
constexpr size_t kBodyBytes = 68;      // u32, all that follows the header
constexpr size_t kVdl = 72;            // u64
constexpr size_t kPgmrpl = 80;         // u64
constexpr size_t kCovered = kMagic;    // where the checksum's cover begins
static_assert(kPgmrpl + sizeof(uint64_t) == kBoxcarHeaderBytes);
constexpr size_t kKeptBufferBytes = 131072;  // by a builder at rest: a volume may have thousands
static_assert(kBoxcarHeaderBytes + kRecordHeaderBytes + kMaxPayloadBytes <= kMaxBoxcarBytes,
              "the largest record must fit a boxcar");

uint64_t ChecksumOf(std::string_view boxcar) { return Checksum(boxcar.substr(kCovered)); }

Lsn LoadLsnAt(const char* from) { return Lsn(LoadLe<uint64_t>(from)); }
void StoreLsnAt(char* to, Lsn lsn) { StoreLe<uint64_t>(to, lsn.value()); }

BoxcarHeader LoadHeader(const char* from) {
  BoxcarHeader header;
  header.timeline = TimelineId(LoadLe<uint64_t>(from + kTimeline));
  header.pg = PgId(LoadLe<uint64_t>(from + kPg));
  header.epoch.number = LoadLe<uint32_t>(from + kEpochNumber);
  header.epoch.claimant = LoadLe<uint64_t>(from + kEpochClaimant);
  header.first_lsn = LoadLsnAt(from + kFirstLsn);
  header.last_lsn = LoadLsnAt(from + kLastLsn);
  header.pg_prev = LoadLsnAt(from + kPgPrev);
  header.vdl = LoadLsnAt(from + kVdl);
  header.pgmrpl = LoadLsnAt(from + kPgmrpl);
  header.record_count = LoadLe<uint32_t>(from + kRecordCount);
  return header;
}

void StoreHeader(const BoxcarHeader& header, size_t body_bytes, char* to) {
  StoreLe<uint32_t>(to + kMagic, kBoxcarMagic);
  StoreLe<uint32_t>(to + kRecordCount, header.record_count);
  StoreLe<uint64_t>(to + kTimeline, header.timeline.value());
  StoreLe<uint64_t>(to + kPg, header.pg.value());
  StoreLsnAt(to + kFirstLsn, header.first_lsn);
  StoreLsnAt(to + kLastLsn, header.last_lsn);
  StoreLsnAt(to + kPgPrev, header.pg_prev);
  StoreLe<uint64_t>(to + kEpochClaimant, header.epoch.claimant);
  StoreLe<uint32_t>(to + kEpochNumber, header.epoch.number);
  StoreLe<uint32_t>(to + kBodyBytes, static_cast<uint32_t>(body_bytes));
  StoreLsnAt(to + kVdl, header.vdl);
  StoreLsnAt(to + kPgmrpl, header.pgmrpl);
}

std::string Name(const BoxcarHeader& header) {
  return absl::StrCat("boxcar [", header.first_lsn.value(), ",", header.last_lsn.value(),
                      "] of PG ", header.pg.value(), " on timeline ", header.timeline.value(),
                      ", epoch ", header.epoch.number, ".", absl::Hex(header.epoch.claimant));
}

// What is wrong with the outer shape, before a byte of the body is trusted; nullptr if nothing is.
const char* FindEnvelopeFault(std::string_view bytes) {
  if (bytes.size() < kBoxcarHeaderBytes + kRecordHeaderBytes) return "too short";
  if (bytes.size() > kMaxBoxcarBytes) return "too long";
  if (LoadLe<uint32_t>(bytes.data() + kMagic) != kBoxcarMagic) return "wrong magic";
  if (LoadLe<uint32_t>(bytes.data() + kBodyBytes) != bytes.size() - kBoxcarHeaderBytes) {
    return "body length does not match";
  }
  return nullptr;
}

struct RecordFault {
  const char* what = nullptr;  // nullptr: none
  Lsn after;                   // the last sound record before it
};

// Walks the records once. Rising LSNs need no compare of their own: each record's pg_prev lies
// below its LSN (FindFault) and is the LSN before it (here).
RecordFault FindRecordFault(const BoxcarHeader& header, std::string_view records) {
  Lsn previous = header.pg_prev;
  uint32_t count = 0;
  while (!records.empty()) {
    if (const char* fault = layout::FindFault(records)) return {fault, previous};
    const char* const from = records.data();
    if (layout::LoadPgPrev(from) != previous) return {"pg_prev is not the LSN before", previous};
    if (layout::LoadEpoch(from) != header.epoch.number) return {"of another epoch", previous};
    previous = layout::LoadLsn(from);
    if (count == 0 && previous != header.first_lsn) return {"not the first LSN", previous};
    ++count;
    records.remove_prefix(layout::LoadSize(from));
  }
  if (previous != header.last_lsn) return {"the last LSN is missing", previous};
  if (count != header.record_count) return {"record count does not match", previous};
  return {};
}

}  // namespace

absl::StatusOr<Boxcar> DecodeBoxcar(BytesRef bytes) {
  const std::string_view view = bytes.view();
  if (const char* fault = FindEnvelopeFault(view)) {
    return absl::InvalidArgumentError(absl::StrCat("boxcar of ", view.size(), " bytes: ", fault));
  }
  BoxcarHeader header = LoadHeader(view.data());
  if (ChecksumOf(view) != LoadLe<uint64_t>(view.data() + kChecksum)) {
    return absl::DataLossError(absl::StrCat(Name(header), ": checksum does not match"));
  }
  // The checksum guards against damage; what follows guards against a peer that is wrong.
  const RecordFault fault = FindRecordFault(header, view.substr(kBoxcarHeaderBytes));
  if (fault.what != nullptr) {
    return absl::InvalidArgumentError(
        absl::StrCat(Name(header), ": the record after ", fault.after.value(), ": ", fault.what));
  }
  if (header.vdl >= header.first_lsn) {
    return absl::InvalidArgumentError(absl::StrCat(Name(header), ": VDL ", header.vdl.value(),
                                                   " covers records that were not yet sent"));
  }
  return Boxcar{header, std::move(bytes)};
}

absl::Status CheckPayloads(const Boxcar& boxcar, uint32_t page_size, PageNo first_page,
                           uint64_t page_count) {
  RecordCursor cursor(boxcar);
  RecordView record;
  while (cursor.Next(record)) {
    // In two steps, so that no sum can wrap whatever page_count is.
    const bool inside =
        record.page >= first_page && record.page.value() - first_page.value() < page_count;
    absl::Status status =
        inside
            ? CheckPayload(record, page_size)
            : absl::InvalidArgumentError(absl::StrCat("record ", record.lsn.value(), ": page ",
                                                      record.page.value(), " lies outside the PG"));
    if (!status.ok()) {
      return absl::Status(status.code(), absl::StrCat(Name(boxcar.header), ": ", status.message()));
    }
  }
  return absl::OkStatus();
}

bool RecordCursor::Next(RecordView& record) {
  if (next_ == records_.size()) return false;
  INVARIANT(records_.size() - next_ >= kRecordHeaderBytes);
  const char* const from = records_.data() + next_;
  const size_t size = layout::LoadSize(from);
  INVARIANT(records_.size() - next_ >= size);
  record = layout::Load(from);
  offset_ = next_;
  next_ += size;
  return true;
}

void BoxcarBuilder::Add(const RecordView& record) {
  INVARIANT(Fits(record.payload.size()));
  INVARIANT(record.epoch_number == epoch_.number);
  INVARIANT(empty() || record.pg_prev == last_lsn_);
  INVARIANT(empty() || record.lsn > last_lsn_);
  if (empty()) {
    buffer_.resize(kBoxcarHeaderBytes);  // Seal() fills it in
    first_lsn_ = record.lsn;
    pg_prev_ = record.pg_prev;
  }
  EncodeRecord(record, buffer_);
  last_lsn_ = record.lsn;
  ++count_;
}

Boxcar BoxcarBuilder::Seal(Lsn vdl, Lsn pgmrpl) {
  INVARIANT(!empty());
  INVARIANT(vdl < first_lsn_);
  INVARIANT(buffer_.size() <= kMaxBoxcarBytes);
  const BoxcarHeader header{.timeline = timeline_,
                            .pg = pg_,
                            .epoch = epoch_,
                            .first_lsn = first_lsn_,
                            .last_lsn = last_lsn_,
                            .pg_prev = pg_prev_,
                            .vdl = vdl,
                            .pgmrpl = pgmrpl,
                            .record_count = count_};
  StoreHeader(header, buffer_.size() - kBoxcarHeaderBytes, buffer_.data());
  StoreLe<uint64_t>(buffer_.data() + kChecksum, ChecksumOf(buffer_));
  // The one allocation of a boxcar: the buffer stays, at its size, for the next.
  const std::shared_ptr<char[]> bytes = std::make_shared_for_overwrite<char[]>(buffer_.size());
  std::memcpy(bytes.get(), buffer_.data(), buffer_.size());
  Boxcar boxcar{header, BytesRef(bytes, {bytes.get(), buffer_.size()})};

  buffer_.clear();
  if (buffer_.capacity() > kKeptBufferBytes) buffer_.shrink_to_fit();
  count_ = 0;
  first_lsn_ = last_lsn_ = pg_prev_ = Lsn::None();
  return boxcar;
}

}  // namespace hexad::quorum

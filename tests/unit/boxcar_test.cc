// The boxcar's codec (quorum/boxcar.h, docs/log-format.md): what is sealed comes back exactly, and
// nothing else is let in.
#include "quorum/boxcar.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <fstream>
#include <sstream>
#include <vector>

#include "quorum/base/checksum.h"

namespace hexad::quorum {
namespace {

constexpr TimelineId kTimeline(0x7100000000000001);
constexpr PgId kPg(0x9600000000000002);
constexpr EpochId kEpoch{2, 0xc1a1};
constexpr uint32_t kPageSize = 4096;

std::string Delta(uint32_t offset, std::string_view bytes) {
  std::string payload;
  AppendDeltaRange(offset, bytes, payload);
  return payload;
}

RecordView Record(uint64_t lsn, uint64_t pg_prev, std::string_view payload) {
  RecordView record;
  record.lsn = Lsn(lsn);
  record.volume_prev = Lsn(lsn - 1);
  record.pg_prev = Lsn(pg_prev);
  record.page = PageNo(7);
  record.epoch_number = kEpoch.number;
  record.kind = RecordKind::kDelta;
  record.payload = payload;
  return record;
}

// The example of docs/log-format.md: one MTR of two records, a delta and a delta that is the CPL.
Boxcar Example() {
  const std::string first_payload = Delta(16, "hexad");
  const std::string second_payload = Delta(0, "*") + Delta(4092, "tail");
  RecordView first = Record(1901, 890, first_payload);
  first.volume_prev = Lsn(900);
  first.page_prev = Lsn(640);
  first.flags = RecordFlags::kMtrBegin;
  RecordView second = Record(1902, 1901, second_payload);
  second.page_prev = Lsn(890);
  second.page = PageNo(9);
  second.flags = RecordFlags::kCpl;
  second.commit_time = CommitTime(1'700'000'000'000'000);

  BoxcarBuilder builder(kTimeline, kPg, kEpoch);
  builder.Add(first);
  builder.Add(second);
  return builder.Seal(Lsn(900), Lsn(850));
}

TEST(Checksum, InTwoPartsIsThatOfTheWhole) {
  std::string bytes;
  for (size_t size = 1; size < 2000; size += 1 + size / 7) {
    while (bytes.size() < size) bytes.push_back(static_cast<char>(bytes.size() * 31));
    const std::string_view view = bytes;
    for (const size_t cut : {size_t{0}, size_t{1}, size / 2, size}) {
      EXPECT_EQ(ChecksumAt("place", view.substr(0, cut), view.substr(cut)),
                ChecksumAt("place", view))
          << size << " cut at " << cut;
    }
  }
  EXPECT_NE(ChecksumAt("place", bytes, ""), ChecksumAt("elsewhere", bytes, ""));
}

// A damaged or lying boxcar whose checksum is right: what only the structural checks can refuse.
std::string Resealed(std::string bytes) {
  StoreLe<uint64_t>(bytes.data(), Checksum(std::string_view(bytes).substr(8)));
  return bytes;
}

template <class T>
std::string WithField(std::string_view bytes, size_t at, T value) {
  std::string changed(bytes);
  StoreLe<T>(changed.data() + at, value);
  return Resealed(std::move(changed));
}

absl::Status Decode(std::string bytes) {
  return DecodeBoxcar(BytesRef::Own(std::move(bytes))).status();
}

void ExpectRefused(std::string bytes, const char* why) {
  const absl::Status status = Decode(std::move(bytes));
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << why;
  EXPECT_NE(status.message().find(why), std::string::npos) << status << "\nwanted: " << why;
}

// --- The golden example -----------------------------------------------------------------------

// The bytes of the first ```hex block of a document. Each line is "offset  bytes  comment", the
// three parted by two spaces; the offset must be where the line's bytes start.
std::string ReadHexBlock(const std::string& path) {
  std::ifstream file(path);
  EXPECT_TRUE(file.is_open()) << path << " (tests run in the source root)";
  std::string line;
  while (std::getline(file, line) && line != "```hex") {
  }
  std::string bytes;
  while (std::getline(file, line) && line != "```") {
    EXPECT_EQ(std::stoul(line.substr(0, 4), nullptr, 16), bytes.size()) << line;
    std::istringstream pairs(line.substr(6, line.find("  ", 6) - 6));
    for (std::string pair; pairs >> pair;) {
      bytes.push_back(static_cast<char>(std::stoi(pair, nullptr, 16)));
    }
  }
  return bytes;
}

std::string Hex(std::string_view bytes) {
  std::string text;
  for (size_t i = 0; i < bytes.size(); ++i) {
    char piece[32];
    if (i % 8 == 0) {
      std::snprintf(piece, sizeof piece, "\n%04zx ", i);
      text += piece;
    }
    std::snprintf(piece, sizeof piece, " %02x", static_cast<uint8_t>(bytes[i]));
    text += piece;
  }
  return text;
}

TEST(Boxcar, TheExampleInTheDocumentIsWhatTheBuilderMakes) {
  const std::string documented = ReadHexBlock("docs/log-format.md");
  const Boxcar example = Example();
  ASSERT_TRUE(documented == example.bytes.view())
      << "documented:" << Hex(documented) << "\nbuilt:" << Hex(example.bytes.view());
  EXPECT_TRUE(Decode(documented).ok());
}

// --- Round trips ------------------------------------------------------------------------------

void ExpectSameHeader(const BoxcarHeader& a, const BoxcarHeader& b) {
  RC_ASSERT(a.timeline == b.timeline);
  RC_ASSERT(a.pg == b.pg);
  RC_ASSERT(a.epoch == b.epoch);
  RC_ASSERT(a.first_lsn == b.first_lsn);
  RC_ASSERT(a.last_lsn == b.last_lsn);
  RC_ASSERT(a.pg_prev == b.pg_prev);
  RC_ASSERT(a.vdl == b.vdl);
  RC_ASSERT(a.pgmrpl == b.pgmrpl);
  RC_ASSERT(a.record_count == b.record_count);
}

RC_GTEST_PROP(Boxcar, RoundTrips, ()) {
  const auto any = rc::gen::arbitrary<uint64_t>();
  const EpochId epoch{*rc::gen::arbitrary<uint32_t>(), *any};
  BoxcarBuilder builder{TimelineId(*any), PgId(*any), epoch};
  const auto payloads = *rc::gen::nonEmpty(rc::gen::arbitrary<std::vector<std::string>>());
  std::vector<RecordView> in;
  uint64_t lsn = *rc::gen::inRange<uint64_t>(1, uint64_t{1} << 62);
  uint64_t pg_prev = *any % lsn;
  const Lsn vdl(*any % lsn);
  for (const std::string& payload : payloads) {
    RecordView record = Record(lsn, pg_prev, payload);
    record.volume_prev = Lsn(*any % lsn);
    record.page_prev = Lsn(*any % lsn);
    record.page = PageNo(*rc::gen::arbitrary<uint32_t>());
    record.epoch_number = epoch.number;
    record.kind = static_cast<RecordKind>(*rc::gen::inRange(1, 5));
    record.flags = static_cast<uint8_t>(*rc::gen::inRange(0, 4));
    if (record.is_cpl()) record.commit_time = CommitTime(*rc::gen::arbitrary<int64_t>());
    builder.Add(record);
    in.push_back(record);
    pg_prev = lsn;
    lsn += *rc::gen::inRange<uint64_t>(1, 1000);  // other PGs' records lie between
  }
  const size_t size = builder.size();
  const Boxcar sealed = builder.Seal(vdl, Lsn(*any));
  RC_ASSERT(sealed.size() == size);
  RC_ASSERT(builder.empty());

  const absl::StatusOr<Boxcar> decoded = DecodeBoxcar(sealed.bytes);
  RC_ASSERT(decoded.ok());
  RC_ASSERT(decoded->bytes == sealed.bytes);
  ExpectSameHeader(decoded->header, sealed.header);
  RC_ASSERT(decoded->header.record_count == in.size());
  RecordCursor cursor(*decoded);
  RecordView out;
  for (const RecordView& record : in) {
    RC_ASSERT(cursor.Next(out));
    RC_ASSERT(out.lsn == record.lsn);
    RC_ASSERT(out.volume_prev == record.volume_prev);
    RC_ASSERT(out.pg_prev == record.pg_prev);
    RC_ASSERT(out.page_prev == record.page_prev);
    RC_ASSERT(out.page == record.page);
    RC_ASSERT(out.kind == record.kind);
    RC_ASSERT(out.flags == record.flags);
    RC_ASSERT(out.commit_time == record.commit_time);
    RC_ASSERT(out.payload == record.payload);
    // offset() is where the record can be found again.
    const auto again = DecodeRecord(decoded->records().substr(cursor.offset()));
    RC_ASSERT(again.ok());
    RC_ASSERT(again->record.lsn == record.lsn);
  }
  RC_ASSERT(!cursor.Next(out));
}

TEST(Boxcar, TheBuilderStartsOverAfterSeal) {
  BoxcarBuilder builder(kTimeline, kPg, kEpoch);
  EXPECT_EQ(builder.size(), kBoxcarHeaderBytes);
  builder.Add(Record(5, 4, "abc"));
  EXPECT_EQ(builder.size(), kBoxcarHeaderBytes + kRecordHeaderBytes + 3);
  const Boxcar first = builder.Seal(Lsn(4), Lsn(4));
  EXPECT_EQ(builder.size(), kBoxcarHeaderBytes);
  EXPECT_EQ(builder.first_lsn(), Lsn::None());
  EXPECT_EQ(builder.last_lsn(), Lsn::None());
  builder.Add(Record(9, 5, ""));
  const Boxcar second = builder.Seal(Lsn(5), Lsn(4));
  EXPECT_EQ(first.header.last_lsn, Lsn(5));
  EXPECT_EQ(second.header.first_lsn, Lsn(9));
  EXPECT_EQ(second.header.pg_prev, Lsn(5));
  EXPECT_EQ(second.header.record_count, 1u);
  EXPECT_TRUE(DecodeBoxcar(first.bytes).ok());
  EXPECT_TRUE(DecodeBoxcar(second.bytes).ok());
}

TEST(Boxcar, FitsIsExactAtTheLimit) {
  const std::string payload(kMaxPayloadBytes, 'x');
  BoxcarBuilder builder(kTimeline, kPg, kEpoch);
  uint64_t lsn = 1;
  for (; builder.Fits(payload.size()); ++lsn) builder.Add(Record(lsn, lsn - 1, payload));
  const size_t room = kMaxBoxcarBytes - builder.size() - kRecordHeaderBytes;
  EXPECT_TRUE(builder.Fits(room));
  EXPECT_FALSE(builder.Fits(room + 1));
  builder.Add(Record(lsn, lsn - 1, std::string_view(payload).substr(0, room)));
  const Boxcar full = builder.Seal(Lsn::None(), Lsn::None());
  EXPECT_EQ(full.size(), kMaxBoxcarBytes);
  EXPECT_TRUE(DecodeBoxcar(full.bytes).ok());
}

TEST(BoxcarDeathTest, TheBuilderChecksItsCaller) {
  BoxcarBuilder builder(kTimeline, kPg, kEpoch);
  EXPECT_DEATH(builder.Seal(Lsn(1), Lsn(1)), "empty");
  builder.Add(Record(10, 4, "x"));
  EXPECT_DEATH(builder.Add(Record(12, 11, "x")), "pg_prev == last_lsn_");
  RecordView other = Record(11, 10, "x");
  other.epoch_number = kEpoch.number + 1;
  EXPECT_DEATH(builder.Add(other), "epoch_number");
  EXPECT_DEATH(builder.Seal(Lsn(10), Lsn(4)), "vdl < first_lsn_");
}

// --- Damage -----------------------------------------------------------------------------------

TEST(Boxcar, EverySingleBitFlipIsRefused) {
  const std::string good(Example().bytes.view());
  for (size_t bit = 0; bit < good.size() * 8; ++bit) {
    std::string flipped = good;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << (bit % 8)));
    const absl::StatusCode code = Decode(std::move(flipped)).code();
    // Damage is DATA_LOSS, except where the bytes no longer look like a boxcar of this length.
    const bool outer = (bit / 8 >= 8 && bit / 8 < 12) || (bit / 8 >= 68 && bit / 8 < 72);
    EXPECT_EQ(code, outer ? absl::StatusCode::kInvalidArgument : absl::StatusCode::kDataLoss)
        << "bit " << bit;
  }
}

TEST(Boxcar, EveryTruncationAndExtensionIsRefused) {
  const std::string good(Example().bytes.view());
  for (size_t length = 0; length < good.size(); ++length) {
    EXPECT_FALSE(Decode(good.substr(0, length)).ok()) << length;
  }
  for (size_t extra = 1; extra <= 2 * kRecordHeaderBytes; ++extra) {
    EXPECT_FALSE(Decode(good + std::string(extra, '\0')).ok()) << extra;
  }
  EXPECT_FALSE(Decode(good + good).ok());
}

TEST(Boxcar, BytesOfAnotherPlaceFailTheChecksum) {
  // A misdirected write: everything sound, but the place was changed after sealing.
  std::string moved(Example().bytes.view());
  StoreLe<uint64_t>(moved.data() + 24, kPg.value() + 1);
  EXPECT_EQ(Decode(moved).code(), absl::StatusCode::kDataLoss);
}

// --- Lies with a right checksum ---------------------------------------------------------------

constexpr size_t kFirstRecord = kBoxcarHeaderBytes;
constexpr size_t kSecondRecord = kFirstRecord + kRecordHeaderBytes + 9;

TEST(Boxcar, LiesInTheHeaderAreRefused) {
  const Boxcar boxcar = Example();
  const std::string_view good = boxcar.bytes.view();
  ASSERT_TRUE(Decode(Resealed(std::string(good))).ok()) << "resealing alone changes nothing";
  ExpectRefused(WithField<uint32_t>(good, 8, kBoxcarMagic + 1), "wrong magic");
  ExpectRefused(WithField<uint32_t>(good, 12, 0), "record count does not match");
  ExpectRefused(WithField<uint32_t>(good, 12, 1), "record count does not match");
  ExpectRefused(WithField<uint32_t>(good, 12, UINT32_MAX), "record count does not match");
  ExpectRefused(WithField<uint64_t>(good, 32, 1900), "not the first LSN");
  ExpectRefused(WithField<uint64_t>(good, 40, 1903), "the last LSN is missing");
  ExpectRefused(WithField<uint64_t>(good, 40, 1901), "the last LSN is missing");
  ExpectRefused(WithField<uint64_t>(good, 48, 889), "pg_prev is not the LSN before");
  ExpectRefused(WithField<uint32_t>(good, 64, 4), "of another epoch");
  ExpectRefused(WithField<uint32_t>(good, 68, 0), "body length does not match");
  ExpectRefused(WithField<uint32_t>(good, 68, UINT32_MAX), "body length does not match");
  ExpectRefused(WithField<uint64_t>(good, 72, 1901), "covers records that were not yet sent");
}

TEST(Boxcar, LiesInTheRecordsAreRefused) {
  const Boxcar boxcar = Example();
  const std::string_view good = boxcar.bytes.view();
  ExpectRefused(WithField<uint32_t>(good, kFirstRecord + 40, UINT32_MAX), "above the limit");
  ExpectRefused(WithField<uint32_t>(good, kSecondRecord + 40, kMaxPayloadBytes), "payload cut off");
  ExpectRefused(WithField<uint32_t>(good, kSecondRecord + 40, 12), "header cut off");
  ExpectRefused(WithField<uint32_t>(good, kSecondRecord + 36, 3), "of another epoch");
  ExpectRefused(WithField<uint64_t>(good, kSecondRecord + 16, 1900), "pg_prev is not the LSN");
  ExpectRefused(WithField<uint64_t>(good, kSecondRecord, 1901), "volume_prev not below");
  ExpectRefused(WithField<uint8_t>(good, kSecondRecord + 44, 9), "unknown kind");
  // The message says which boxcar, and where in it.
  ExpectRefused(WithField<uint8_t>(good, kSecondRecord + 44, 9),
                "boxcar [1901,1902] of PG 10808639105689190402 on timeline 8142508126285856769, "
                "epoch 2.c1a1: the record after 1901: unknown kind");
}

TEST(Boxcar, LongerThanTheLimitIsRefusedEvenIfItIsSound) {
  const std::string payload(kMaxPayloadBytes, 'x');
  BoxcarBuilder builder(kTimeline, kPg, kEpoch);
  uint64_t lsn = 1;
  for (; builder.Fits(payload.size()); ++lsn) builder.Add(Record(lsn, lsn - 1, payload));
  // One record more than the builder would take.
  std::string bytes(builder.Seal(Lsn::None(), Lsn::None()).bytes.view());
  EncodeRecord(Record(lsn, lsn - 1, payload), bytes);
  StoreLe<uint32_t>(bytes.data() + 12, static_cast<uint32_t>(lsn));
  StoreLe<uint64_t>(bytes.data() + 40, lsn);
  StoreLe<uint32_t>(bytes.data() + 68, static_cast<uint32_t>(bytes.size() - kBoxcarHeaderBytes));
  ExpectRefused(Resealed(std::move(bytes)), "too long");
}

TEST(Boxcar, CheckPayloadsSeesEachRecordAndItsPage) {
  const Boxcar boxcar = Example();  // pages 7 and 9
  EXPECT_TRUE(CheckPayloads(boxcar, kPageSize, PageNo(0), 10).ok());
  EXPECT_TRUE(CheckPayloads(boxcar, kPageSize, PageNo(7), 3).ok());
  EXPECT_FALSE(CheckPayloads(boxcar, kPageSize, PageNo(8), 2).ok());
  EXPECT_FALSE(CheckPayloads(boxcar, kPageSize, PageNo(8), UINT64_MAX).ok());
  EXPECT_FALSE(CheckPayloads(boxcar, kPageSize, PageNo(7), 2).ok());
  EXPECT_TRUE(CheckPayloads(boxcar, kPageSize, PageNo(7), UINT64_MAX).ok());

  BoxcarBuilder builder(kTimeline, kPg, kEpoch);
  builder.Add(Record(1, 0, Delta(0, "fine")));
  builder.Add(Record(2, 1, Delta(kPageSize - 1, "no")));
  const absl::Status status =
      CheckPayloads(builder.Seal(Lsn::None(), Lsn::None()), kPageSize, PageNo(0), 10);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_NE(status.message().find("record 2 of page 7"), std::string::npos) << status;
}

}  // namespace
}  // namespace hexad::quorum

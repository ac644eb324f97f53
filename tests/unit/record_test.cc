// The redo record's codec and what a record does to a page (quorum/record.h, docs/log-format.md).
#include "quorum/record.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <vector>

#include "quorum/base/bytes.h"

namespace hexad::quorum {
namespace {

constexpr uint32_t kPage = kMinPageSize;

RecordView DeltaRecord(std::string_view payload) {
  RecordView record;
  record.lsn = Lsn(40);
  record.volume_prev = Lsn(39);
  record.pg_prev = Lsn(35);
  record.page_prev = Lsn(12);
  record.page = PageNo(7);
  record.epoch_number = 3;
  record.kind = RecordKind::kDelta;
  record.payload = payload;
  return record;
}

std::string Encoded(const RecordView& record) {
  std::string bytes;
  EncodeRecord(record, bytes);
  return bytes;
}

void ExpectEqual(const RecordView& a, const RecordView& b) {
  RC_ASSERT(a.lsn == b.lsn);
  RC_ASSERT(a.volume_prev == b.volume_prev);
  RC_ASSERT(a.pg_prev == b.pg_prev);
  RC_ASSERT(a.page_prev == b.page_prev);
  RC_ASSERT(a.page == b.page);
  RC_ASSERT(a.epoch_number == b.epoch_number);
  RC_ASSERT(a.kind == b.kind);
  RC_ASSERT(a.flags == b.flags);
  RC_ASSERT(a.commit_time == b.commit_time);
  RC_ASSERT(a.payload == b.payload);
}

// The message of a refusal, or "ok".
std::string Refusal(std::string_view bytes) {
  const absl::StatusOr<DecodedRecord> decoded = DecodeRecord(bytes);
  if (decoded.ok()) return "ok";
  EXPECT_EQ(decoded.status().code(), absl::StatusCode::kInvalidArgument);
  return std::string(decoded.status().message());
}

template <class T>
std::string WithField(std::string bytes, size_t at, T value) {
  StoreLe<T>(bytes.data() + at, value);
  return bytes;
}

RC_GTEST_PROP(Record, RoundTrips, ()) {
  const auto number = rc::gen::arbitrary<uint64_t>();
  RecordView in;
  in.lsn = Lsn(*rc::gen::inRange<uint64_t>(1, UINT64_MAX));
  in.volume_prev = Lsn(*number % in.lsn.value());
  in.pg_prev = Lsn(*number % in.lsn.value());
  in.page_prev = Lsn(*number % in.lsn.value());
  in.page = PageNo(*rc::gen::arbitrary<uint32_t>());
  in.epoch_number = *rc::gen::arbitrary<uint32_t>();
  in.kind = static_cast<RecordKind>(*rc::gen::inRange(1, 5));
  in.flags = static_cast<uint8_t>(*rc::gen::inRange(0, 4));
  if (in.is_cpl()) in.commit_time = CommitTime(*rc::gen::arbitrary<int64_t>());
  const auto payload = *rc::gen::arbitrary<std::string>();
  in.payload = payload;

  // What follows the record in the buffer is not looked at.
  const auto follows = *rc::gen::arbitrary<std::string>();
  const std::string bytes = Encoded(in) + follows;
  const absl::StatusOr<DecodedRecord> out = DecodeRecord(bytes);
  RC_ASSERT(out.ok());
  RC_ASSERT(out->size == kRecordHeaderBytes + payload.size());
  ExpectEqual(out->record, in);
}

TEST(Record, RefusesEveryTruncation) {
  const std::string bytes = Encoded(DeltaRecord("0123456789"));
  for (size_t length = 0; length < bytes.size(); ++length) {
    EXPECT_NE(Refusal(std::string_view(bytes).substr(0, length)), "ok") << length;
  }
  EXPECT_EQ(Refusal(bytes), "ok");
}

TEST(Record, RefusesAndNamesTheField) {
  const std::string good = Encoded(DeltaRecord("payload"));
  EXPECT_EQ(Refusal(WithField<uint64_t>(good, 0, 0)), "record 0: lsn is zero");
  EXPECT_EQ(Refusal(WithField<uint64_t>(good, 0, UINT64_MAX)),
            "record 18446744073709551615: lsn is the reserved highest value");
  EXPECT_EQ(Refusal(WithField<uint64_t>(good, 8, 40)), "record 40: volume_prev not below the lsn");
  EXPECT_EQ(Refusal(WithField<uint64_t>(good, 16, 41)), "record 40: pg_prev not below the lsn");
  EXPECT_EQ(Refusal(WithField<uint64_t>(good, 24, 40)), "record 40: page_prev not below the lsn");
  EXPECT_EQ(Refusal(WithField<uint8_t>(good, 44, 0)), "record 40: unknown kind");
  EXPECT_EQ(Refusal(WithField<uint8_t>(good, 44, 5)), "record 40: unknown kind");
  EXPECT_EQ(Refusal(WithField<uint8_t>(good, 45, 4)), "record 40: unknown flags");
  EXPECT_EQ(Refusal(WithField<uint8_t>(good, 46, 1)), "record 40: reserved bytes not zero");
  EXPECT_EQ(Refusal(WithField<uint8_t>(good, 47, 1)), "record 40: reserved bytes not zero");
  EXPECT_EQ(Refusal(WithField<int64_t>(good, 48, 1)), "record 40: commit time without CPL");
  EXPECT_EQ(Refusal(WithField<uint8_t>(WithField<int64_t>(good, 48, 1), 45, RecordFlags::kCpl)),
            "ok");
}

TEST(Record, LengthThatLiesIsRefusedWithoutBelievingIt) {
  const std::string good = Encoded(DeltaRecord("payload"));
  for (const uint32_t lie : {8u, kMaxPayloadBytes}) {
    EXPECT_EQ(Refusal(WithField<uint32_t>(good, 40, lie)), "record 40: payload cut off") << lie;
  }
  for (const uint32_t lie : {kMaxPayloadBytes + 1, UINT32_MAX - 55, UINT32_MAX}) {
    EXPECT_EQ(Refusal(WithField<uint32_t>(good, 40, lie)),
              "record 40: payload length above the limit")
        << lie;
  }
}

TEST(Record, TheLongestPayloadIsAccepted) {
  const std::string payload(kMaxPayloadBytes, 'x');
  EXPECT_EQ(Refusal(Encoded(DeltaRecord(payload))), "ok");
}

TEST(RecordDeathTest, TheWriterMayNotEncodeWhatWouldBeRefused) {
  const std::string too_long(kMaxPayloadBytes + 1, 'x');
  EXPECT_DEATH(Encoded(DeltaRecord(too_long)), "payload.size");
  RecordView link = DeltaRecord("");
  link.pg_prev = link.lsn;
  EXPECT_DEATH(Encoded(link), "pg_prev < record.lsn");
  RecordView commit_time = DeltaRecord("");
  commit_time.commit_time = CommitTime(1);
  EXPECT_DEATH(Encoded(commit_time), "is_cpl");
}

// --- Payloads ---------------------------------------------------------------------------------

std::string Range(uint32_t offset, std::string_view bytes) {
  std::string payload;
  AppendDeltaRange(offset, bytes, payload);
  return payload;
}

absl::Status Check(RecordKind kind, std::string_view payload, uint32_t page_size = kPage) {
  RecordView record = DeltaRecord(payload);
  record.kind = kind;
  return CheckPayload(record, page_size);
}

TEST(CheckPayload, ImageIsExactlyOnePage) {
  EXPECT_TRUE(Check(RecordKind::kPageImage, std::string(kPage, 'i')).ok());
  EXPECT_FALSE(Check(RecordKind::kPageImage, std::string(kPage - 1, 'i')).ok());
  EXPECT_FALSE(Check(RecordKind::kPageImage, std::string(kPage + 1, 'i')).ok());
  EXPECT_FALSE(Check(RecordKind::kPageImage, "").ok());
}

TEST(CheckPayload, TruncateAndNopCarryNothing) {
  for (const RecordKind kind : {RecordKind::kTruncate, RecordKind::kNop}) {
    EXPECT_TRUE(Check(kind, "").ok());
    EXPECT_FALSE(Check(kind, "x").ok());
  }
}

TEST(CheckPayload, DeltaStaysInsideThePage) {
  EXPECT_TRUE(Check(RecordKind::kDelta, Range(kPage - 3, "abc")).ok());
  EXPECT_FALSE(Check(RecordKind::kDelta, Range(kPage - 2, "abc")).ok());
  EXPECT_FALSE(Check(RecordKind::kDelta, Range(0, "fine") + Range(kPage, "x")).ok());
  EXPECT_TRUE(Check(RecordKind::kDelta, Range(kPage, "x"), 2 * kPage).ok());
  EXPECT_FALSE(Check(RecordKind::kDelta, "").ok()) << "a delta has at least one range";
}

TEST(CheckPayload, DeltaRangeCutOffIsRefused) {
  const std::string payload = Range(8, "first") + Range(100, "second");
  const size_t whole = Range(8, "first").size();  // cut there, one sound range is left
  for (size_t length = 0; length < payload.size(); ++length) {
    EXPECT_EQ(Check(RecordKind::kDelta, payload.substr(0, length)).ok(), length == whole) << length;
  }
}

TEST(CheckPayload, ARangeOfTheLargestPageIsStoredAsLengthZero) {
  const std::string whole(kMaxPageSize, 'w');
  const std::string payload = Range(0, whole);
  EXPECT_EQ(payload.size(), kMaxPageSize + kDeltaRangeHeaderBytes);
  EXPECT_EQ(LoadLe<uint16_t>(payload.data() + 2), 0);
  EXPECT_TRUE(Check(RecordKind::kDelta, payload, kMaxPageSize).ok());
  EXPECT_FALSE(Check(RecordKind::kDelta, payload, kMaxPageSize / 2).ok());

  std::string page(kMaxPageSize, '.');
  ApplyRecord(DeltaRecord(payload), page);
  EXPECT_EQ(page, whole);
}

TEST(RecordDeathTest, ARangeBeyondTheLargestPageCannotBeBuilt) {
  std::string payload;
  EXPECT_DEATH(AppendDeltaRange(kMaxPageSize - 1, "ab", payload), "kMaxPageSize");
  EXPECT_DEATH(AppendDeltaRange(0, "", payload), "bytes.empty");
}

TEST(Record, PageSizes) {
  for (const uint64_t size : {4096, 8192, 16384, 32768, 65536}) EXPECT_TRUE(IsValidPageSize(size));
  for (const uint64_t size : {0, 1, 2048, 4095, 4097, 12288, 65535, 131072}) {
    EXPECT_FALSE(IsValidPageSize(size)) << size;
  }
}

// --- Dumb twins -------------------------------------------------------------------------------

struct TwinRange {
  size_t offset;
  std::string bytes;
};

// DeltaReader's twin: byte by byte, lengths by arithmetic. False if the payload is damaged; what
// was sound before the damage is in `ranges`.
bool ReadTwin(const std::string& payload, std::vector<TwinRange>& ranges) {
  const auto byte = [&](size_t at) {
    return static_cast<size_t>(static_cast<uint8_t>(payload[at]));
  };
  for (size_t at = 0; at != payload.size();) {
    if (at + 4 > payload.size()) return false;
    TwinRange range{.offset = byte(at) + 256 * byte(at + 1), .bytes = ""};
    size_t length = byte(at + 2) + 256 * byte(at + 3);
    if (length == 0) length = 65536;
    at += 4;
    if (at + length > payload.size()) return false;
    for (size_t i = 0; i < length; ++i) range.bytes += payload[at++];
    ranges.push_back(range);
  }
  return true;
}

void CompareWithTwin(const std::string& payload) {
  std::vector<TwinRange> expected;
  const bool sound = ReadTwin(payload, expected);
  DeltaReader reader(payload);
  DeltaRange range;
  for (const TwinRange& twin : expected) {
    RC_ASSERT(reader.Next(range));
    RC_ASSERT(range.offset == twin.offset);
    RC_ASSERT(range.bytes == twin.bytes);
  }
  RC_ASSERT(!reader.Next(range));
  RC_ASSERT(reader.ok() == sound);
  RC_ASSERT(!reader.Next(range));  // and stays there

  bool inside = sound && !expected.empty();
  for (const TwinRange& twin : expected) inside &= twin.offset + twin.bytes.size() <= kPage;
  const RecordView record = DeltaRecord(payload);
  RC_ASSERT(CheckPayload(record, kPage).ok() == inside);
  if (!inside) return;

  std::string page(kPage, '.');
  std::string twin_page = page;
  ApplyRecord(record, page);
  for (const TwinRange& twin : expected) {
    for (size_t i = 0; i < twin.bytes.size(); ++i) twin_page[twin.offset + i] = twin.bytes[i];
  }
  RC_ASSERT(page == twin_page);
}

RC_GTEST_PROP(DeltaReader, AgreesWithItsTwinOnSoundPayloads, ()) {
  // Ranges may overlap: a later one wins.
  std::string payload;
  const int ranges = *rc::gen::inRange(1, 6);
  for (int i = 0; i < ranges; ++i) {
    const auto bytes =
        *rc::gen::nonEmpty(rc::gen::container<std::string>(rc::gen::arbitrary<char>()));
    const auto offset = *rc::gen::inRange<uint32_t>(0, 200) * 20;
    AppendDeltaRange(offset, bytes, payload);
  }
  CompareWithTwin(payload);
  // The same, with one byte changed or with its end cut off.
  std::string damaged = payload;
  char& hit = damaged[*rc::gen::inRange<size_t>(0, damaged.size())];
  hit = static_cast<char>(hit ^ *rc::gen::inRange(1, 256));
  CompareWithTwin(damaged);
  CompareWithTwin(payload.substr(0, *rc::gen::inRange<size_t>(0, payload.size())));
}

RC_GTEST_PROP(DeltaReader, AgreesWithItsTwinOnAnyBytes, ()) {
  CompareWithTwin(
      *rc::gen::container<std::string>(rc::gen::elementOf(std::string("\0\1\2\5ab", 6))));
}

TEST(ApplyRecord, KindsOtherThanDelta) {
  std::string page(kPage, 'o');
  RecordView record = DeltaRecord("");
  record.kind = RecordKind::kNop;
  ApplyRecord(record, page);
  EXPECT_EQ(page, std::string(kPage, 'o'));

  const std::string image(kPage, 'n');
  record.kind = RecordKind::kPageImage;
  record.payload = image;
  ApplyRecord(record, page);
  EXPECT_EQ(page, image);

  record.kind = RecordKind::kTruncate;
  record.payload = {};
  ApplyRecord(record, page);
  EXPECT_EQ(page, std::string(kPage, '\0'));
}

}  // namespace
}  // namespace hexad::quorum

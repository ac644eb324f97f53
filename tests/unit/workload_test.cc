// The proof of acknowledged MTRs: what it accepts, and that it refuses everything else.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "bench/workload/ack_check.h"
#include "bench/workload/ack_log.h"
#include "bench/workload/workload_record.h"
#include "bench/workload/write_workload.h"

namespace hexad::workload {
namespace {

constexpr uint32_t kPageSize = 4096;

// A volume of pages, and the MTRs that were written to it.
class Pages {
 public:
  explicit Pages(uint32_t count) : pages(count, std::string(kPageSize, '\0')) {}

  // One record per page from `first` on; `landed` of them reach their page. Returns the ack line.
  AckLine WriteMtr(uint64_t sequence, uint32_t first, uint32_t offset, uint32_t length,
                   uint32_t count, uint32_t landed) {
    AckLine line;
    line.lsn = Lsn(++lsn);
    WorkloadRecord record;
    record.sequence = sequence;
    record.offset = offset;
    record.length = length;
    record.count = count;
    for (record.position = 0; record.position < count; ++record.position) {
      record.page = PageNo(first + record.position);
      std::string bytes;
      EncodeRecord(record, bytes);
      if (record.position < landed) pages[first + record.position].replace(offset, length, bytes);
      if (record.position == 0) line.record = record;
    }
    return line;
  }

  AckVerdict Check(const std::vector<AckLine>& acks) const {
    AckCheck check;
    for (const AckLine& line : acks) check.Add(line);
    for (uint32_t page = 0; page < pages.size(); ++page) check.Show(PageNo(page), pages[page]);
    return check.Finish();
  }

  std::vector<std::string> pages;
  uint64_t lsn = 0;
};

TEST(WorkloadRecordTest, IsFoundWhereItWasWrittenAndNowhereElse) {
  WorkloadRecord record{PageNo(7), 99, 100, 64, 2, 3, 0};
  std::string bytes;
  EncodeRecord(record, bytes);
  ASSERT_EQ(bytes.size(), 64u);
  std::string page(kPageSize, '\0');
  page.replace(100, 64, bytes);
  EXPECT_THAT(FindRecords(PageNo(7), page), ::testing::ElementsAre(record));
  EXPECT_TRUE(FindRecords(PageNo(8), page).empty()) << "on another page it is no record";
  std::string moved(kPageSize, '\0');
  moved.replace(200, 64, bytes);
  EXPECT_TRUE(FindRecords(PageNo(7), moved).empty()) << "nor at another offset";
  for (size_t at = 100; at < 164; ++at) {
    std::string damaged = page;
    damaged[at] = static_cast<char>(damaged[at] ^ 1);
    EXPECT_TRUE(FindRecords(PageNo(7), damaged).empty()) << "bit flipped in byte " << at;
  }
  EXPECT_TRUE(FindRecords(PageNo(7), page.substr(0, 163)).empty()) << "cut short";
}

RC_GTEST_PROP(AckLineTest, IsReadBackAsItWasWritten, ()) {
  AckLine line;
  line.lsn = Lsn(*rc::gen::inRange<uint64_t>(1, UINT64_MAX));
  line.record.page = PageNo(*rc::gen::arbitrary<uint32_t>());
  line.record.sequence = *rc::gen::arbitrary<uint64_t>();
  line.record.offset = *rc::gen::inRange<uint32_t>(0, kMaxRecordBytes);
  line.record.length = *rc::gen::inRange<uint32_t>(kMinRecordBytes, kMaxRecordBytes + 1);
  line.record.checksum = *rc::gen::arbitrary<uint64_t>();
  const auto parsed = ParseAckLine(FormatAckLine(line));
  RC_ASSERT(parsed.ok());
  RC_ASSERT(*parsed == line);
}

TEST(AckLineTest, RefusesWhatIsNone) {
  for (const char* text : {"", "1", "1 2", "1 2 3", "1 2 3-64.5", "x 2 3-64.5.6", "1 2 3-64.5.6 ",
                           "0 2 3-64.5.6", "1 2 3-5.5.6", "1 -2 3-64.5.6", "1 2 ffffff-64.5.6"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(ParseAckLine(text).status())) << "'" << text << "'";
  }
  EXPECT_TRUE(ParseAckLine("1 2 3-64.5.6").ok());
}

TEST(AckCheckTest, ALostMtrIsMissing) {
  Pages pages(4);
  std::vector<AckLine> acks;
  acks.push_back(pages.WriteMtr(1, 0, 0, 64, 1, 1));
  acks.push_back(pages.WriteMtr(2, 1, 0, 64, 1, 0));  // acknowledged, and never there
  const AckVerdict verdict = pages.Check(acks);
  EXPECT_EQ(verdict.acked, 2u);
  EXPECT_EQ(verdict.present, 1u);
  EXPECT_EQ(verdict.missing, 1u);
  EXPECT_FALSE(verdict.ok());
  EXPECT_EQ(verdict.examples.size(), 1u);
}

TEST(AckCheckTest, VdlReachedTheHighestLsnOfTheLog) {
  EXPECT_EQ(AckCheck().HighestAcked(), Lsn::None());
  AckCheck check;
  for (const char* line : {"7 2 3-64.5.6", "9 2 3-64.6.6", "8 2 3-64.7.6"}) {
    check.Add(ParseAckLine(line).value());
  }
  EXPECT_EQ(check.HighestAcked(), Lsn(9));
}

TEST(AckCheckTest, AnOlderRecordInThePlaceOfAnAcknowledgedOneProvesNothing) {
  Pages pages(4);
  pages.WriteMtr(1, 0, 128, 64, 1, 1);
  const AckLine later = pages.WriteMtr(2, 0, 128, 64, 1, 0);
  EXPECT_EQ(pages.Check({later}).missing, 1u);
}

TEST(AckCheckTest, ALaterRecordOverItProvesThatItWasThere) {
  Pages pages(4);
  const AckLine first = pages.WriteMtr(1, 0, 128, 64, 1, 1);
  pages.WriteMtr(2, 0, 100, 200, 1, 1);  // of another layout, not acknowledged
  EXPECT_TRUE(pages.Check({first}).ok());
}

TEST(AckCheckTest, AnMtrThatIsThereInPartIsReported) {
  Pages pages(8);
  pages.WriteMtr(1, 2, 0, 64, 3, 3);
  EXPECT_TRUE(pages.Check({}).ok());
  pages.WriteMtr(2, 2, 0, 64, 3, 2);  // not acknowledged, and yet
  EXPECT_EQ(pages.Check({}).partial_mtrs, 2u) << "seen from each of its two records";
}

// Any history in which every MTR landed whole passes; taking one acknowledged MTR that nothing
// covers back out never does.
RC_GTEST_PROP(AckCheckTest, AcceptsEveryWholeHistoryAndNoneWithALoss, ()) {
  constexpr uint32_t kPages = 6;
  constexpr uint32_t kSlots = 4;
  constexpr uint32_t kLength = 64;
  Pages pages(kPages);
  std::vector<AckLine> acks;
  const auto count = *rc::gen::element<uint32_t>(1, 2, 3);
  const auto mtrs = *rc::gen::inRange(1, 60);
  for (int i = 0; i < mtrs; ++i) {
    const uint32_t first = *rc::gen::inRange<uint32_t>(0, kPages / count) * count;
    const uint32_t slot = *rc::gen::inRange<uint32_t>(0, kSlots);
    const AckLine line =
        pages.WriteMtr(static_cast<uint64_t>(i) + 10, first, slot * kLength, kLength, count, count);
    if (*rc::gen::arbitrary<bool>()) acks.push_back(line);
  }
  RC_ASSERT(pages.Check(acks).ok());
  if (acks.empty()) return;
  // The last acknowledged one goes, and with it whatever came after it at its place.
  const WorkloadRecord& lost = acks.back().record;
  const std::string zeros(kLength, '\0');
  pages.pages[lost.page.value()].replace(lost.offset, lost.length, zeros);
  RC_ASSERT(!pages.Check(acks).ok());
}

TEST(WriteJson, HasTheFieldsThatTheCommandLinePromises) {
  WriteResult result;
  result.elapsed = Duration::Seconds(2);
  result.acked = 10;
  result.records = 20;
  result.boxcars = 5;
  result.log_bytes = 4000;
  result.commit_us.Add(50);
  result.fourth_ack = {{"n1", 1}, {"n2", 3}};
  EXPECT_EQ(FormatJson(result),
            R"({"records_per_s":10.0,"mtrs_per_s":5.0,"bytes_per_s":2000.0,"boxcars_per_s":2.5,)"
            R"("records_per_boxcar":4.0,"commit_us":{"p50":50,"p95":50,"p99":50,"p999":50,)"
            R"("max":50},"ack_us":[{"rank":1,"p50":0,"p99":0},{"rank":2,"p50":0,"p99":0},)"
            R"({"rank":3,"p50":0,"p99":0},{"rank":4,"p50":0,"p99":0},{"rank":5,"p50":0,"p99":0},)"
            R"({"rank":6,"p50":0,"p99":0}],"fourth_ack_node":{"n1":0.25,"n2":0.75},"acked":10,)"
            R"("failed":0,"unknown":0})");
}

// --- the ack log's file --------------------------------------------------------------------------

class AckLogFile : public ::testing::Test {
 protected:
  std::string Content() const {
    std::ifstream in(file);
    return std::string(std::istreambuf_iterator<char>(in), {});
  }
  const std::string file = ::testing::TempDir() + "ack_log_file_" + std::to_string(getpid());
  void TearDown() override { std::filesystem::remove(file); }
};

TEST_F(AckLogFile, OfAWriterThatDiedInTheMiddleOfALineIsGoneOnWith) {
  std::ofstream(file) << "7 1 0-40.1.00000000000000aa\n8 2 0-40.2.0000";
  AckLine line;
  line.lsn = Lsn(9);
  line.record.length = 64;
  auto log = AckLogWriter::Open(file);
  ASSERT_TRUE(log.ok()) << log.status();
  (*log)->Add(line);
  EXPECT_TRUE((*log)->Flush().ok());
  EXPECT_EQ(Content(), "7 1 0-40.1.00000000000000aa\n" + FormatAckLine(line) + "\n");
}

TEST_F(AckLogFile, ThatIsSomethingElseIsLeftAlone) {
  std::ofstream(file) << "my notes\nof today";
  EXPECT_TRUE(absl::IsInvalidArgument(AckLogWriter::Open(file).status()));
  EXPECT_EQ(Content(), "my notes\nof today");
}

}  // namespace
}  // namespace hexad::workload

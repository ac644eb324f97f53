// What the command line makes of numbers, of mistyped words, and of a trace that grows.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "cli/format.h"
#include "cli/launcher/explain.h"
#include "cli/launcher/ports.h"
#include "cli/load/load_trace.h"
#include "cli/status_view.h"
#include "cli/suggest.h"
#include "cli/table.h"

namespace hexad::cli {
namespace {

TEST(Format, LsnsCarryThousandsSeparators) {
  EXPECT_EQ(Thousands(0), "0");
  EXPECT_EQ(Thousands(999), "999");
  EXPECT_EQ(Thousands(1000), "1,000");
  EXPECT_EQ(Thousands(118204), "118,204");
  EXPECT_EQ(Thousands(UINT64_MAX), "18,446,744,073,709,551,615");
}

TEST(Format, SizesAndTimesFitTheirUnit) {
  EXPECT_EQ(Bytes(999), "999 B");
  EXPECT_EQ(Bytes(12'000'000), "12 MB");
  EXPECT_EQ(Bytes(1'500), "1.5 kB");
  EXPECT_EQ(Micros(900), "0.9 ms");
  EXPECT_EQ(Micros(31'400), "31 ms");
  EXPECT_EQ(Micros(2'500'000), "2.5 s");
  EXPECT_EQ(Seconds(95), "1 min 35 s");
  EXPECT_EQ(Iso8601(0), "1970-01-01T00:00:00Z");
  EXPECT_EQ(Count(1, "node"), "1 node");
  EXPECT_EQ(Count(6, "node"), "6 nodes");
}

TEST(Format, WhatCanBeLostReadsAsASentence) {
  EXPECT_EQ(CanLoseInWords({.nodes = 2, .azs = 1, .az_plus_nodes = 0},
                           {.nodes = 3, .azs = 1, .az_plus_nodes = 1}),
            "any 2 nodes or one AZ and still write; one AZ and one node and still read");
  EXPECT_EQ(CanLoseInWords({.nodes = 0, .azs = 0, .az_plus_nodes = -1},
                           {.nodes = 1, .azs = 0, .az_plus_nodes = -1}),
            "no node and still write; any 1 node and still read");
  EXPECT_EQ(CanLoseInWords({}, {}), "writes have stopped; reads have stopped");
}

TEST(Suggest, CountsSingleLetterEdits) {
  EXPECT_EQ(EditDistance("status", "status"), 0);
  EXPECT_EQ(EditDistance("stauts", "status"), 1) << "neighbours swapped";
  EXPECT_EQ(EditDistance("statu", "status"), 1);
  EXPECT_EQ(EditDistance("", "abc"), 3);
}

TEST(Suggest, OffersOnlyWhatMayBeMeant) {
  const std::vector<std::string> verbs = {"up", "down", "status", "restart"};
  EXPECT_EQ(Nearest("statsu", verbs), "status");
  EXPECT_EQ(Nearest("dwon", verbs), "down");
  EXPECT_EQ(Nearest("backtrack", verbs), "");
}

TEST(Explain, TheExitCodeTravelsWithTheError) {
  using launcher::ExitCode;
  EXPECT_EQ(launcher::ExitCodeOf(absl::OkStatus()), ExitCode::kDone);
  EXPECT_EQ(launcher::ExitCodeOf(absl::InternalError("any")), ExitCode::kFailed);
  EXPECT_EQ(launcher::ExitCodeOf(launcher::WrongUsage({"w", "y", "n"})), ExitCode::kUsage);
  const absl::Status refused = launcher::Refused({"what", "because", "do this"});
  EXPECT_EQ(launcher::ExitCodeOf(refused), ExitCode::kRefused);
  EXPECT_EQ(refused.message(), "what\n  why:  because\n  next: do this");
}

TEST(Ports, AddressesAreHostAndPort) {
  ASSERT_TRUE(launcher::ParseAddress("127.0.0.1:7001").has_value());
  EXPECT_EQ(launcher::ParseAddress("[::1]:7001")->port, 7001);
  for (const char* bad : {"", "7001", ":7001", "host:", "host:0", "host:65536", "host:7o1"}) {
    EXPECT_FALSE(launcher::ParseAddress(bad).has_value()) << bad;
  }
}

TEST(Table, AlignsAndEndsLinesClean) {
  Table table({{"NODE"}, {"SCL", Align::kRight}, {"NOTE"}});
  table.AddRow({"n1", "118,204", ""});
  table.AddRow({"n10", "7", {"lagging", Colour::kBad}});
  std::ostringstream plain;
  table.Print(plain, false);
  EXPECT_EQ(plain.str(),
            "  NODE      SCL  NOTE\n"
            "  n1    118,204\n"
            "  n10         7  lagging\n");
  std::ostringstream coloured;
  table.Print(coloured, true);
  EXPECT_THAT(coloured.str(), testing::HasSubstr("\033[31mlagging\033[0m"));
}

class LoadTrace : public testing::Test {
 protected:
  LoadTrace() : file_(testing::TempDir() + "/trace-" + std::to_string(getpid())) {}
  ~LoadTrace() override { std::filesystem::remove(file_); }

  static workload::WriteProgress Interval(uint64_t acked_in_all, std::vector<uint64_t> commits) {
    workload::WriteProgress progress;
    progress.interval = Duration::Millis(250);
    progress.acked = acked_in_all;
    progress.interval_acked = commits.size();
    progress.vdl = Lsn(acked_in_all);
    for (const uint64_t micros : commits) progress.interval_commit_us.Add(micros);
    return progress;
  }

  std::string file_;
};

TEST_F(LoadTrace, PercentilesOfAStretchComeFromItsIntervals) {
  LoadTraceWriter writer(file_);
  LoadTraceReader reader(file_);
  writer.Add(Interval(2, {1'000, 1'000}));
  EXPECT_EQ(reader.TakeNew().acked, 2u);
  writer.Add(Interval(101, std::vector<uint64_t>(99, 2'000)));
  writer.Add(Interval(102, {50'000}));
  const LoadWindow window = reader.TakeNew();
  EXPECT_EQ(window.intervals, 2u);
  EXPECT_EQ(window.millis, 500u);
  EXPECT_EQ(window.acked, 100u);
  EXPECT_EQ(window.acked_in_all, 102u);
  EXPECT_EQ(window.vdl, 102u);
  EXPECT_DOUBLE_EQ(window.MtrsPerSecond(), 200);
  EXPECT_NEAR(static_cast<double>(window.CommitMicros(9'900)), 2'000, 200);
  EXPECT_NEAR(static_cast<double>(window.CommitMicros(10'000)), 50'000, 5'000);
  EXPECT_EQ(reader.TakeNew().intervals, 0u) << "nothing new";
}

TEST_F(LoadTrace, AHalfWrittenLineWaits) {
  std::ofstream out(file_);
  const std::string line =
      R"({"interval_ms":250,"interval_acked":7,"acked":7,"failed":0,"unknown":0,"vdl":7,"commit_us":[]})";
  out << line.substr(0, 20) << std::flush;
  LoadTraceReader reader(file_);
  EXPECT_EQ(reader.TakeNew().intervals, 0u);
  out << line.substr(20) << "\n" << std::flush;
  EXPECT_EQ(reader.TakeNew().acked, 7u);
}

}  // namespace
}  // namespace hexad::cli

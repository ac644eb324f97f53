// The process under a RocksDbSegmentStore dies at any moment, or its system calls fail.
// What it had reported before must be there, whole, and nothing else but whole writes after
// it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "quorum/base/prng.h"
#include "tests/contract/directory_watch.h"
#include "tests/contract/store_pattern.h"
#include "tests/contract/tested_store.h"
#include "tests/contract/writer_process.h"

namespace hexad::storage_node {
namespace {

using testing::HasSubstr;

constexpr uint64_t kSeed = 11;
constexpr size_t kBytes = 4000;
constexpr uint32_t kChangesOfAnOpening = 40;  // of files, roughly

std::vector<std::string> WriterCommand(const std::string& directory, uint64_t first) {
  return {STORE_WRITER,           directory,
          std::to_string(kSeed),  std::to_string(first),
          std::to_string(kBytes), std::to_string(SmallStore().memory_bytes)};
}

// Opens the store and returns how far it got, after comparing all of it with the model.
uint64_t CheckReached(const std::string& directory) {
  const auto store = RocksDbSegmentStore::Open(directory, SmallStore());
  EXPECT_EQ(store.status(), absl::OkStatus());
  if (!store.ok()) return 0;
  const auto all = ReadAll(**store, PatternUniverse());
  EXPECT_EQ(all.status(), absl::OkStatus());
  const StoreModel model = ModelAfter(kSeed, ProgressOf(*all), kBytes);
  EXPECT_EQ(*all, model) << Difference(model, *all);
  return ProgressOf(*all);
}

TEST(RocksDbCrash, KilledAtAnyMomentItKeepsEveryWriteThatReturned) {
  TemporaryDirectory directory;
  Prng prng(kSeed);
  uint64_t reached = 0;
  for (int round = 0; round < 15; ++round) {
    WriterProcess writer(WriterCommand(directory.path(), reached + 1));
    ASSERT_TRUE(writer.WaitForWrites(1 + prng.Below(120))) << writer.Kill().failure;
    const WriterReport report = writer.Kill();
    EXPECT_EQ(report.failure, "");
    reached = CheckReached(directory.path());
    // Ordered writes too: the process died, not the machine. One more may have been under way.
    ASSERT_GE(reached, report.written) << "round " << round;
    ASSERT_LE(reached, report.written + 1) << "round " << round;
  }
}

TEST(RocksDbCrash, KilledWhileItOpensItOpensAgain) {
  TemporaryDirectory directory;
  Prng prng(kSeed + 1);
  uint64_t reached = 0;
  for (int round = 0; round < 15; ++round) {
    {
      DirectoryWatch watch(directory.path());
      WriterProcess writer(WriterCommand(directory.path(), reached + 1));
      ASSERT_TRUE(watch.AwaitChanges(1 + static_cast<int>(prng.Below(kChangesOfAnOpening))));
      const WriterReport report = writer.Kill();
      EXPECT_EQ(report.failure, "");
      if (report.written == 0 && reached == 0) continue;  // perhaps not even a database yet
    }
    const uint64_t now = CheckReached(directory.path());
    ASSERT_GE(now, reached) << "round " << round;
    reached = now;
  }
}

// ---- system calls that fail ---------------------------------------------------------------------

class RocksDbSystemCalls : public testing::Test {
 protected:
  void SetUp() override {
    WriterProcess traced(Traced("fdatasync:delay_enter=1", 1));
    if (!traced.WaitForWrites(1)) GTEST_SKIP() << "strace cannot trace here";
  }

  std::vector<std::string> Traced(const std::string& inject, uint64_t first) {
    std::vector<std::string> command = {
        "strace", "-f", "-o", "/dev/null", "-e", "trace=fsync,fdatasync", "-e", "inject=" + inject};
    for (const std::string& part : WriterCommand(directory_.path(), first)) command.push_back(part);
    return command;
  }

  TemporaryDirectory directory_;
};

TEST_F(RocksDbSystemCalls, AFailedFdatasyncEndsAllWritingAndTheDirectoryIsNotOpenedAgain) {
  const uint64_t first = CheckReached(directory_.path()) + 1;
  WriterProcess writer(Traced("fdatasync:error=EIO:when=60", first));
  const WriterReport report = writer.WaitForEnd(20'000);
  EXPECT_THAT(report.failure, HasSubstr("INTERNAL"));
  EXPECT_THAT(report.failure, HasSubstr("Input/output error"));
  EXPECT_GT(report.written, 0u);
  const auto again = RocksDbSegmentStore::Open(directory_.path(), SmallStore());
  EXPECT_TRUE(absl::IsDataLoss(again.status())) << again.status();
}

TEST_F(RocksDbSystemCalls, KilledAtEachOfItsFirstSyncsItOpensAgain) {
  uint64_t reached = CheckReached(directory_.path());
  for (int call = 1; call <= 30; call += 3) {
    const char* name = call % 2 == 0 ? "fsync" : "fdatasync";
    WriterProcess writer(
        Traced(std::string(name) + ":signal=KILL:when=" + std::to_string(call), reached + 1));
    const WriterReport report = writer.WaitForEnd(20'000);
    const uint64_t now = CheckReached(directory_.path());
    ASSERT_GE(now, std::max(reached, report.written)) << name << " " << call;
    reached = now;
  }
}

}  // namespace
}  // namespace hexad::storage_node

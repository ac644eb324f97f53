// Again and again: the writer is killed at full speed; every acknowledged MTR is there, none is
// partly applied, and the six segments are equal. Real processes, real disks, through the command
// itself.
//
// Ten times by default. The fifty of the first release, or a night:
//   HEXAD_CYCLES=50 build/bin/cluster_writer_killed_test
#include <gtest/gtest.h>
#include <signal.h>

#include <cstdlib>
#include <filesystem>

#include "cli/launcher/wait.h"
#include "tests/cluster/background_load.h"

namespace hexad::cluster_test {
namespace {

namespace fs = std::filesystem;

constexpr int kCycles = 10;

int Cycles() {
  const char* asked = std::getenv("HEXAD_CYCLES");
  return asked == nullptr ? kCycles : std::atoi(asked);
}

// Until the writer has acknowledged so much, and is in full flight.
absl::Status AwaitAcks(const BackgroundHexad& writer, const std::string& acks, uintmax_t bytes) {
  return launcher::WaitUntil({"the writer's acknowledgements", launcher::Millis(30'000), ""},
                             [&]() -> absl::StatusOr<bool> {
                               if (!writer.running())
                                 return absl::AbortedError("the writer ended by itself");
                               std::error_code missing;
                               const uintmax_t size = fs::file_size(acks, missing);
                               return !missing && size >= bytes;
                             });
}

TEST(WriterKilled, NothingAcknowledgedIsMissing) {
  ScratchCluster cluster;
  const int cycles = Cycles();
  ASSERT_GT(cycles, 0) << "HEXAD_CYCLES";
  for (int cycle = 0; cycle < cycles; ++cycle) {
    SCOPED_TRACE("cycle " + std::to_string(cycle));
    const std::string acks = cluster.folder().root() + "/acks-" + std::to_string(cycle);
    const BackgroundHexad writer({"bench", "write", "--dir", cluster.folder().cluster(),
                                  "--seconds", "60", "--ack-log", acks},
                                 cluster.folder().root() + "/writer.log");
    // Another moment each time.
    const absl::Status flying =
        AwaitAcks(writer, acks, 60'000 + 30'000 * static_cast<uintmax_t>(cycle % 7));
    ASSERT_TRUE(flying.ok()) << flying;
    writer.Signal(SIGKILL);
    const absl::Status gone =
        launcher::WaitUntil({"the writer to be gone", launcher::Millis(10'000), ""},
                            [&]() -> absl::StatusOr<bool> { return !writer.running(); });
    ASSERT_TRUE(gone.ok()) << gone;
    const Outcome verify = cluster.Run({"verify", "bench", "--ack-log", acks, "--json"}, 90);
    ASSERT_EQ(verify.exit_code, 0) << verify.Said();
    const nlohmann::json found = verify.Json();
    EXPECT_GT(found.at("acked"), 0);
    EXPECT_EQ(found.at("present"), found.at("acked"));
    EXPECT_EQ(found.at("partial_mtrs"), 0);
    EXPECT_EQ(found.at("segments"), 6);
  }
}

// What it acknowledged last is told to the segments by nobody who writes after it.
TEST(WriterKilled, OrEndedByItselfItsLastCommitsAreSeenAtOnce) {
  ScratchCluster cluster;
  for (int cycle = 0; cycle < 3; ++cycle) {
    SCOPED_TRACE("cycle " + std::to_string(cycle));
    const std::string acks = cluster.folder().root() + "/acks-" + std::to_string(cycle);
    const Outcome bench =
        cluster.Run({"bench", "write", "--seconds", "1", "--pages", "128", "--ack-log", acks});
    ASSERT_EQ(bench.exit_code, 0) << bench.Said();
    {
      OpenedVolume reader(cluster, "bench", ReadOnly());
      ASSERT_TRUE(reader.ok());
      const workload::AckVerdict seen = CheckAcks(*reader, acks);
      EXPECT_TRUE(seen.ok()) << Complaint(seen);
    }
    const Outcome verify = cluster.Run({"verify", "bench", "--ack-log", acks});
    EXPECT_EQ(verify.exit_code, 0) << verify.Said();
  }
}

}  // namespace
}  // namespace hexad::cluster_test

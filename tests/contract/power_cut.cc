// Real power cuts and real full disks under a RocksDbSegmentStore: an ext4 of its own on a loop
// device, shut down by ioctl, so that only what was fsynced survives.
//
// Needs root and loop devices; skipped with a reason where they are missing. Mounts live in a mount
// namespace of this process, so they vanish with it however it ends.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>

#include "quorum/base/prng.h"
#include "tests/contract/directory_watch.h"
#include "tests/contract/store_pattern.h"
#include "tests/contract/tested_store.h"
#include "tests/contract/writer_process.h"

namespace hexad::storage_node {
namespace {

namespace fs = std::filesystem;

constexpr size_t kBytes = 3000;
constexpr uint32_t kChangesOfAnOpening = 40;  // of files, roughly
constexpr unsigned long kExt4Shutdown = 0x8004587d;
constexpr uint32_t kWithoutFlush = 2;

bool Run(const std::string& command) {
  return std::system((command + " 2>/dev/null").c_str()) == 0;
}

// A small ext4 in a file, mounted while it is "on".
class Machine {
 public:
  explicit Machine(int mebibytes) {
    fs::create_directory(mount_point());
    std::ofstream(image()).flush();
    fs::resize_file(image(), static_cast<uintmax_t>(mebibytes) << 20);
    made_ = Run("mkfs.ext4 -q -m 0 " + image());
  }
  ~Machine() { umount2(mount_point().c_str(), MNT_DETACH); }

  bool TurnOn() { return made_ && Run("mount -o loop " + image() + " " + mount_point()); }
  // What was not on the disk is gone. Whoever still runs here gets errors.
  bool CutPower() {
    const int fd = open(mount_point().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const bool done = fd >= 0 && ioctl(fd, kExt4Shutdown, &kWithoutFlush) == 0;
    close(fd);
    return done;
  }
  bool TurnOff() { return Run("umount " + mount_point()); }
  std::string store() const { return mount_point() + "/store"; }
  std::string ballast() const { return mount_point() + "/ballast"; }

 private:
  std::string mount_point() const { return directory_.path() + "/mnt"; }
  std::string image() const { return directory_.path() + "/image"; }
  TemporaryDirectory directory_;
  bool made_ = false;
};

class RealDisk : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    if (geteuid() != 0) {
      missing_ = "needs root";
    } else if (unshare(CLONE_NEWNS) != 0 || mount("", "/", "", MS_REC | MS_PRIVATE, nullptr) != 0) {
      missing_ = "needs a mount namespace of its own";
    } else if (Machine probe(16); !probe.TurnOn() || !probe.CutPower() || !probe.TurnOff()) {
      missing_ = "needs mkfs.ext4, loop devices and ext4's shutdown ioctl";
    }
  }
  void SetUp() override {
    if (missing_ != nullptr) GTEST_SKIP() << missing_;
  }
  static const char* missing_;
};
const char* RealDisk::missing_ = nullptr;

std::vector<std::string> WriterCommand(const Machine& machine, uint64_t seed, uint64_t first,
                                       const char* option) {
  std::vector<std::string> command = {STORE_WRITER,           machine.store(),
                                      std::to_string(seed),   std::to_string(first),
                                      std::to_string(kBytes), std::to_string(2 << 20)};
  if (*option != '\0') command.emplace_back(option);
  return command;
}

absl::StatusOr<uint64_t> Reached(const Machine& machine, uint64_t seed) {
  const auto store = RocksDbSegmentStore::Open(machine.store(), SmallStore());
  if (!store.ok()) return store.status();
  const auto all = ReadAll(**store, PatternUniverse());
  if (!all.ok()) return all.status();
  const StoreModel model = ModelAfter(seed, ProgressOf(*all), kBytes);
  EXPECT_EQ(*all, model) << Difference(model, *all);
  return ProgressOf(*all);
}

TEST_F(RealDisk, APowerCutTakesNoSyncedWriteAndLeavesAWholePrefix) {
  constexpr uint64_t kSeed = 21;
  Prng prng(kSeed);
  Machine machine(128);
  uint64_t reached = 0;
  uint64_t lost = 0;  // ordered writes that a cut took: the cuts are real
  for (int round = 0; round < 25; ++round) {
    ASSERT_TRUE(machine.TurnOn());
    WriterProcess writer(WriterCommand(machine, kSeed, reached + 1, ""));
    ASSERT_TRUE(writer.WaitForWrites(1 + prng.Below(150))) << writer.Kill().failure;
    ASSERT_TRUE(machine.CutPower());
    const WriterReport report = writer.Kill();
    ASSERT_TRUE(machine.TurnOff());
    ASSERT_TRUE(machine.TurnOn());
    const auto now = Reached(machine, kSeed);
    ASSERT_EQ(now.status(), absl::OkStatus()) << "round " << round;
    ASSERT_GE(*now, report.synced) << "round " << round;
    lost += report.written > *now ? report.written - *now : 0;
    reached = *now;
    ASSERT_TRUE(machine.TurnOff());
  }
  EXPECT_GT(lost, 0u);
  RecordProperty("ordered_writes_lost", static_cast<int>(lost));
}

TEST_F(RealDisk, APowerCutWhileItOpensLeavesAStoreThatOpens) {
  constexpr uint64_t kSeed = 22;
  Prng prng(kSeed);
  Machine machine(128);
  uint64_t synced = 0;
  uint64_t reached = 0;
  for (int round = 0; round < 25; ++round) {
    ASSERT_TRUE(machine.TurnOn());
    fs::create_directory(machine.store());
    DirectoryWatch watch(machine.store());
    WriterProcess writer(WriterCommand(machine, kSeed, reached + 1, "synced"));
    ASSERT_TRUE(watch.AwaitChanges(1 + static_cast<int>(prng.Below(kChangesOfAnOpening))));
    ASSERT_TRUE(machine.CutPower());
    synced = std::max(synced, writer.Kill().synced);
    ASSERT_TRUE(machine.TurnOff());
    ASSERT_TRUE(machine.TurnOn());
    const auto now = Reached(machine, kSeed);
    ASSERT_EQ(now.status(), absl::OkStatus()) << "round " << round;
    ASSERT_GE(*now, synced) << "round " << round;
    reached = *now;
    ASSERT_TRUE(machine.TurnOff());
  }
}

// The negative control: a store whose fsyncs do nothing must be caught by the same check.
TEST_F(RealDisk, AStoreThatDoesNotSyncIsCaught) {
  constexpr uint64_t kSeed = 23;
  int caught = 0;
  for (int round = 0; round < 5; ++round) {
    Machine machine(128);
    ASSERT_TRUE(machine.TurnOn());
    WriterProcess writer(WriterCommand(machine, kSeed, 1, "lying"));
    ASSERT_TRUE(writer.WaitForWrites(50)) << writer.Kill().failure;
    ASSERT_TRUE(machine.CutPower());
    const WriterReport report = writer.Kill();
    ASSERT_TRUE(machine.TurnOff());
    ASSERT_TRUE(machine.TurnOn());
    const auto now = Reached(machine, kSeed);
    if (!now.ok() || *now < report.synced) ++caught;
    ASSERT_TRUE(machine.TurnOff());
  }
  EXPECT_EQ(caught, 5);
}

// ---- a full disk --------------------------------------------------------------------------------

void FillWithBallast(const Machine& machine) {
  const int fd = open(machine.ballast().c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0644);
  lseek(fd, 0, SEEK_END);
  for (size_t size = 1 << 20; size >= 512; size /= 2) {
    const std::string block(size, 'x');
    while (write(fd, block.data(), block.size()) > 0) {
    }
  }
  close(fd);
}

TEST_F(RealDisk, AFullDiskIsRefusedAndGoesOnWithoutARestart) {
  constexpr uint64_t kSeed = 24;
  for (const uint64_t reserve : {uint64_t{0}, uint64_t{16} << 20}) {
    Machine machine(100);
    ASSERT_TRUE(machine.TurnOn());
    StoreOptions options = SmallStore();
    options.reserve_bytes = reserve;
    auto store = RocksDbSegmentStore::Open(machine.store(), options);
    ASSERT_EQ(store.status(), absl::OkStatus());
    uint64_t done = 0;
    const auto write_next = [&] {
      const StoreBatch batch = MakeWrite(kSeed, done + 1, kBytes).batch;
      const absl::Status status = (*store)->Write({&batch}, Durability::kSynced);
      if (status.ok()) ++done;
      return status;
    };
    const auto holds = [&] {
      const auto all = ReadAll(**store, PatternUniverse());
      return all.ok() && *all == ModelAfter(kSeed, done, kBytes);
    };
    for (int round = 0; round < 5; ++round) {
      for (int i = 0; i < 100; ++i) ASSERT_EQ(write_next(), absl::OkStatus()) << round;
      FillWithBallast(machine);
      absl::Status status;
      for (int i = 0; i < 5000 && status.ok(); ++i) status = write_next();
      EXPECT_TRUE(absl::IsResourceExhausted(status)) << status;
      EXPECT_TRUE(absl::IsResourceExhausted(write_next()));
      EXPECT_TRUE(holds()) << "round " << round;
      fs::remove(machine.ballast());
    }
    store->reset();
    store = RocksDbSegmentStore::Open(machine.store(), options);
    ASSERT_EQ(store.status(), absl::OkStatus());
    EXPECT_TRUE(holds());
    store->reset();
    ASSERT_TRUE(machine.TurnOff());
  }
}

TEST_F(RealDisk, AFullDiskAtOpeningIsSaidToBeOne) {
  Machine machine(16);
  ASSERT_TRUE(machine.TurnOn());
  FillWithBallast(machine);
  const auto store = RocksDbSegmentStore::Open(machine.store(), SmallStore());
  EXPECT_TRUE(absl::IsResourceExhausted(store.status())) << store.status();
  fs::remove(machine.ballast());
  EXPECT_EQ(RocksDbSegmentStore::Open(machine.store(), SmallStore()).status(), absl::OkStatus());
}

}  // namespace
}  // namespace hexad::storage_node

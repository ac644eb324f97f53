// RocksDbSegmentStore on a disk that fails or is full.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <thread>

#include "quorum/base/check.h"
#include "tests/contract/fault_file_system.h"
#include "tests/contract/store_pattern.h"
#include "tests/contract/tested_store.h"

namespace hexad::storage_node {
namespace {

using testing::HasSubstr;

constexpr uint64_t kSeed = 9;
constexpr size_t kBytes = 1500;

class RocksDbFailure : public testing::Test {
 protected:
  RocksDbFailure() { Open(); }

  void Open() {
    StoreOptions options = SmallStore();
    options.file_system = faults_;
    auto opened = RocksDbSegmentStore::Open(directory_.path(), options);
    INVARIANT(opened.ok());
    store_ = *std::move(opened);
  }
  absl::Status TryReopen() {
    store_.reset();
    faults_->Disarm();
    return RocksDbSegmentStore::Open(directory_.path(), SmallStore()).status();
  }

  // The next write of the pattern. It counts as done only if it returned OK.
  absl::Status WriteNext(Durability durability = Durability::kSynced) {
    const StoreBatch batch = MakeWrite(kSeed, done_ + 1, kBytes).batch;
    const absl::Status status = store_->Write({&batch}, durability);
    if (status.ok()) ++done_;
    return status;
  }
  void WriteMany(int count) {
    for (int i = 0; i < count; ++i) ASSERT_EQ(WriteNext(), absl::OkStatus());
  }
  // Writes until one fails, so that background work gets to meet the fault.
  absl::Status WriteUntilFailure() {
    for (int i = 0; i < 20'000; ++i) {
      if (auto status = WriteNext(Durability::kOrdered); !status.ok()) return status;
    }
    return absl::OkStatus();
  }
  void ExpectHoldsWhatWasDone() {
    const auto all = ReadAll(*store_, PatternUniverse());
    ASSERT_EQ(all.status(), absl::OkStatus());
    EXPECT_EQ(*all, ModelAfter(kSeed, done_, kBytes))
        << Difference(ModelAfter(kSeed, done_, kBytes), *all);
  }
  // Later writes fail although the disk is well again, reads go on, and the directory is not
  // opened.
  void ExpectStoppedForGood() {
    faults_->Disarm();
    for (int i = 0; i < 3; ++i) {
      const absl::Status status = WriteNext();
      EXPECT_TRUE(absl::IsInternal(status)) << status;
      EXPECT_THAT(std::string(status.message()), HasSubstr("takes no writes"));
    }
    const StoreBatch meta{{PutMeta{"promise", "1"}}};
    EXPECT_TRUE(absl::IsInternal(store_->Write({&meta}, Durability::kSynced)));
    EXPECT_EQ(ReadAll(*store_, PatternUniverse()).status(), absl::OkStatus());
    for (int i = 0; i < 2; ++i) {
      const absl::Status reopened = TryReopen();
      EXPECT_TRUE(absl::IsDataLoss(reopened)) << reopened;
      EXPECT_THAT(std::string(reopened.message()), HasSubstr("stopped after a failed write"));
    }
  }

  const std::string& directory_path() const { return directory_.path(); }

  const std::shared_ptr<FaultFileSystem> faults_ = std::make_shared<FaultFileSystem>();
  std::unique_ptr<RocksDbSegmentStore> store_;

 private:
  TemporaryDirectory directory_;
  uint64_t done_ = 0;
};

// ---- durability unknown -------------------------------------------------------------------------

struct Failure {
  const char* name;
  Fault fault;
  const char* files;
};

class RocksDbStops : public RocksDbFailure, public testing::WithParamInterface<Failure> {};

TEST_P(RocksDbStops, OnAFailureAfterWhichDurabilityIsUnknown) {
  WriteMany(20);
  faults_->Arm(GetParam().fault, GetParam().files);
  absl::Status status = WriteNext();
  if (status.ok()) status = WriteUntilFailure();  // the fault is one of background work
  EXPECT_GT(faults_->strikes(), 0);
  EXPECT_TRUE(absl::IsInternal(status)) << status;
  ExpectStoppedForGood();
}

INSTANTIATE_TEST_SUITE_P(Disk, RocksDbStops,
                         testing::Values(Failure{"LogFsync", Fault::kSyncFails, ".log"},
                                         Failure{"LogFsyncWithoutSpace", Fault::kSyncNoSpace,
                                                 ".log"},
                                         Failure{"LogWrite", Fault::kAppendFails, ".log"},
                                         Failure{"TableFsync", Fault::kSyncFails, ".sst"},
                                         Failure{"TableWrite", Fault::kAppendFails, ".sst"},
                                         Failure{"ManifestFsync", Fault::kSyncFails, "MANIFEST"},
                                         Failure{"ManifestWrite", Fault::kAppendFails, "MANIFEST"}),
                         [](const auto& info) { return info.param.name; });

// ---- no space -----------------------------------------------------------------------------------

TEST_F(RocksDbFailure, WithoutSpaceForTheLogNothingIsStoredAndItGoesOnLater) {
  WriteMany(20);
  faults_->Arm(Fault::kAppendNoSpace, ".log");
  for (int i = 0; i < 3; ++i) {
    const absl::Status status = WriteNext();
    EXPECT_TRUE(absl::IsResourceExhausted(status)) << status;
  }
  EXPECT_GT(faults_->strikes(), 0);
  ExpectHoldsWhatWasDone();
  faults_->Disarm();
  WriteMany(20);
  ExpectHoldsWhatWasDone();
  store_.reset();
  Open();
  ExpectHoldsWhatWasDone();
}

TEST_F(RocksDbFailure, ARecoveryThatLacksDescriptorsIsTriedAgain) {
  WriteMany(20);
  faults_->Arm(Fault::kAppendNoSpace, ".log");
  ASSERT_TRUE(absl::IsResourceExhausted(WriteNext()));
  faults_->Arm(Fault::kNoDescriptors, "");
  for (int i = 0; i < 3; ++i) {
    const absl::Status status = WriteNext();
    EXPECT_TRUE(absl::IsResourceExhausted(status)) << "nothing was stored: " << status;
  }
  EXPECT_GT(faults_->strikes(), 0);
  EXPECT_TRUE(absl::IsUnavailable(ReadAll(*store_, PatternUniverse()).status()));
  faults_->Disarm();
  WriteMany(20);
  ExpectHoldsWhatWasDone();
  EXPECT_EQ(TryReopen(), absl::OkStatus()) << "the witness does not say that it was stopped";
}

TEST_F(RocksDbFailure, AfterACrashOnAFullDiskNothingOfTheRefusedWriteIsThere) {
  WriteMany(20);
  faults_->Arm(Fault::kAppendNoSpace, ".log");
  EXPECT_TRUE(absl::IsResourceExhausted(WriteNext()));
  store_.reset();  // RocksDB closes without flushing: what a crash leaves
  faults_->Disarm();
  Open();
  ExpectHoldsWhatWasDone();
  WriteMany(5);
  ExpectHoldsWhatWasDone();
}

TEST_F(RocksDbFailure, WithoutSpaceForTablesItRefusesInsteadOfBlockingAndGoesOnLater) {
  WriteMany(20);
  faults_->Arm(Fault::kAppendNoSpace, ".sst");
  absl::Status status = WriteUntilFailure();
  EXPECT_TRUE(absl::IsResourceExhausted(status)) << status;
  EXPECT_GT(faults_->strikes(), 0);
  status = WriteNext();
  EXPECT_TRUE(absl::IsResourceExhausted(status)) << status;
  ExpectHoldsWhatWasDone();
  faults_->Disarm();
  WriteMany(200);
  ExpectHoldsWhatWasDone();
  store_.reset();
  Open();
  ExpectHoldsWhatWasDone();
}

// A full node can still be fenced: promises are stored while background work has no room, and no
// write ever waits for it.
TEST_F(RocksDbFailure, WithoutSpaceForCompactionsPromisesGoOn) {
  faults_->Arm(Fault::kCompactionNoSpace, ".sst");
  const absl::Status status = WriteUntilFailure();
  EXPECT_TRUE(absl::IsResourceExhausted(status)) << status;
  int promises = 0;
  absl::Status last;
  for (; promises < 5000 && last.ok(); ++promises) {
    const StoreBatch batch{{PutMeta{"promise", std::string(2000, 'x')}}};
    last = store_->Write({&batch}, Durability::kSynced);
  }
  EXPECT_GT(promises, 5);
  EXPECT_TRUE(absl::IsResourceExhausted(last)) << last;  // memtables are full by now
  faults_->Disarm();
  WriteMany(50);
}

TEST_F(RocksDbFailure, SpaceComesAndGoesManyTimes) {
  for (int round = 0; round < 5; ++round) {
    faults_->Arm(Fault::kAppendNoSpace, round % 3 == 0 ? ".sst" : ".log");
    const absl::Status status = WriteUntilFailure();
    EXPECT_TRUE(absl::IsResourceExhausted(status)) << status;
    faults_->Disarm();
    WriteMany(30);
    ExpectHoldsWhatWasDone();
  }
  store_.reset();
  Open();
  ExpectHoldsWhatWasDone();
}

// Readers in other threads see whole states while the writer writes, is refused, and recovers.
TEST_F(RocksDbFailure, ReadersGoOnWhileTheDatabaseIsRecovered) {
  const auto pair_of = [](uint64_t n) {
    return StoreBatch{{PutMeta{"a", std::to_string(n)}, PutMeta{"b", std::to_string(n)}}};
  };
  const StoreBatch start = pair_of(0);
  ASSERT_EQ(store_->Write({&start}, Durability::kSynced), absl::OkStatus());
  std::atomic<bool> done{false};
  std::atomic<int> reads{0};
  std::thread reader([&] {
    while (!done) {
      std::vector<std::string> values;
      const auto status =
          store_->ScanMeta("", [&](auto, auto value) { values.emplace_back(value); });
      EXPECT_EQ(status, absl::OkStatus());
      EXPECT_EQ(values.size(), 2u);
      EXPECT_EQ(values.front(), values.back());
      ++reads;
    }
  });
  for (uint64_t n = 1; n <= 300; ++n) {
    if (n % 50 == 0) faults_->Arm(Fault::kAppendNoSpace, ".log");
    const StoreBatch batch = pair_of(n);
    EXPECT_EQ(store_->Write({&batch}, Durability::kOrdered).ok(), n % 50 != 0);
    faults_->Disarm();
  }
  while (reads == 0) std::this_thread::yield();
  done = true;
  reader.join();
}

// The reserve keeps room for promises, and for the coalescer to make room.
TEST(RocksDbReserve, RefusesBoxcarsFirstThenVersionsAndNeverPromises) {
  const StoreBatch boxcar{{PutBoxcar{PgId(1), TimelineId(1), Lsn(1), BytesRef::Own("b")}}};
  const StoreBatch version{
      {PutVersion{PgId(1), PageNo(0), TimelineId(1), Lsn(1), VersionKind::kImage, "p"}}};
  const StoreBatch promise{{PutMeta{"k", "v"}, DropLog{PgId(1), TimelineId(1), Lsn(9)}}};
  constexpr uint64_t kReserve = 1000;
  const auto codes = [&](uint64_t free_bytes) {
    TemporaryDirectory directory;
    StoreOptions options = SmallStore();
    options.reserve_bytes = kReserve;
    const auto files = std::make_shared<FaultFileSystem>();
    options.file_system = files;
    auto store = RocksDbSegmentStore::Open(directory.path(), options);
    EXPECT_EQ(store.status(), absl::OkStatus());
    files->SetFreeSpace(free_bytes);
    std::vector<absl::StatusCode> result;
    for (const StoreBatch* batch : {&boxcar, &version, &promise}) {
      result.push_back((*store)->Write({batch}, Durability::kSynced).code());
    }
    return result;
  };
  using enum absl::StatusCode;
  EXPECT_THAT(codes(kReserve), testing::ElementsAre(kOk, kOk, kOk));
  EXPECT_THAT(codes(kReserve - 1), testing::ElementsAre(kResourceExhausted, kOk, kOk));
  EXPECT_THAT(codes(kReserve / 2 - 1),
              testing::ElementsAre(kResourceExhausted, kResourceExhausted, kOk));
}

// Far from the reserve a look at the free space serves for a moment; near it every write looks.
TEST(RocksDbReserve, IsSeenAtOnceWhenItIsNearAndSoonWhenItIsFar) {
  constexpr uint64_t kReserve = 1000;
  const StoreBatch boxcar{{PutBoxcar{PgId(1), TimelineId(1), Lsn(1), BytesRef::Own("b")}}};
  for (const bool near : {true, false}) {
    TemporaryDirectory directory;
    StoreOptions options = SmallStore();
    options.reserve_bytes = kReserve;
    const auto files = std::make_shared<FaultFileSystem>();
    options.file_system = files;
    auto store = RocksDbSegmentStore::Open(directory.path(), options);
    ASSERT_EQ(store.status(), absl::OkStatus());
    files->SetFreeSpace(near ? kReserve : 4 * kReserve);
    ASSERT_EQ((*store)->Write({&boxcar}, Durability::kSynced), absl::OkStatus());
    files->SetFreeSpace(kReserve - 1);
    absl::Status status = (*store)->Write({&boxcar}, Durability::kSynced);
    if (near) {
      EXPECT_TRUE(absl::IsResourceExhausted(status)) << status;
    }
    const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (status.ok() && std::chrono::steady_clock::now() < give_up) {
      status = (*store)->Write({&boxcar}, Durability::kOrdered);
    }
    EXPECT_TRUE(absl::IsResourceExhausted(status)) << status;
  }
}

// ---- rot that a compaction meets ----------------------------------------------------------------

TEST_F(RocksDbFailure, RotThatACompactionMeetsStopsTheStore) {
  WriteMany(300);
  ASSERT_EQ(store_->Flush(), absl::OkStatus());
  store_.reset();
  for (const auto& table : FilesEnding(directory_path(), ".sst")) {
    const auto half = static_cast<int64_t>(std::filesystem::file_size(table) / 2);
    if (half > 10'000) FlipBit(table, half);  // a block of data; indexes are read by the opening
  }
  Open();
  const absl::Status status = WriteUntilFailure();
  EXPECT_TRUE(absl::IsDataLoss(status)) << status;
  EXPECT_TRUE(absl::IsInternal(WriteNext()));
  EXPECT_TRUE(absl::IsDataLoss(TryReopen()));
}

}  // namespace
}  // namespace hexad::storage_node

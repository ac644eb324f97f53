// Writes the pattern (store_pattern.h) into a store and prints one line per write that returned, so
// that a test can kill it, or cut its power, and then check what it had been promised:
//
//   store_writer DIRECTORY SEED FIRST BYTES MEMORY_BYTES [synced|lying]
//
// synced: every write is. lying: no fsync does anything (the negative control of power cuts).
//
// Lines: "open", then "synced N" or "ordered N", or "failed MESSAGE" and the end. It never ends by
// itself otherwise: the test ends it.
#include <cstdio>
#include <cstdlib>
#include <string>

#include "storage-node/io/rocksdb_segment_store.h"
#include "tests/contract/fault_file_system.h"
#include "tests/contract/store_pattern.h"

using namespace hexad::storage_node;

int main(int argc, char** argv) {
  if (argc < 6) return 2;
  StoreOptions options;
  options.memory_bytes = std::strtoull(argv[5], nullptr, 10);
  options.reserve_bytes = 0;
  const std::string variant = argc > 6 ? argv[6] : "";
  if (variant == "lying") {
    const auto files = std::make_shared<FaultFileSystem>();
    files->Arm(Fault::kSyncLies, "");
    options.file_system = files;
  }
  auto store = RocksDbSegmentStore::Open(argv[1], options);
  if (!store.ok()) {
    std::printf("failed %s\n", store.status().ToString().c_str());
    return 1;
  }
  std::printf("open\n");
  std::fflush(stdout);
  const uint64_t seed = std::strtoull(argv[2], nullptr, 10);
  const size_t bytes = std::strtoull(argv[4], nullptr, 10);
  for (uint64_t n = std::strtoull(argv[3], nullptr, 10);; ++n) {
    PatternWrite write = MakeWrite(seed, n, bytes);
    if (variant == "synced") write.durability = Durability::kSynced;
    const auto status = (*store)->Write({&write.batch}, write.durability);
    if (!status.ok()) {
      std::printf("failed %s\n", status.ToString().c_str());
      std::fflush(stdout);
      return 1;
    }
    std::printf("%s %llu\n", write.durability == Durability::kSynced ? "synced" : "ordered",
                static_cast<unsigned long long>(n));
    std::fflush(stdout);
  }
}

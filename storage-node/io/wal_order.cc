#include "storage-node/io/wal_order.h"

#include "quorum/base/bytes.h"
#include "rocksdb/write_batch.h"

namespace hexad::storage_node {
namespace {

constexpr size_t kBatchHeaderBytes = 12;  // sequence:8 count:4, then the operations

}  // namespace

WalOrder::WalProcessingOption WalOrder::LogRecordFound(unsigned long long, const std::string&,
                                                       const rocksdb::WriteBatch& batch,
                                                       rocksdb::WriteBatch*, bool*) {
  const std::string& bytes = batch.Data();
  if (bytes.size() < kBatchHeaderBytes) return WalProcessingOption::kStopReplay;
  const auto sequence = LoadLe<uint64_t>(bytes.data());
  if (next_ != 0 && sequence != next_) return WalProcessingOption::kStopReplay;
  next_ = sequence + batch.Count();
  return WalProcessingOption::kContinueProcessing;
}

}  // namespace hexad::storage_node

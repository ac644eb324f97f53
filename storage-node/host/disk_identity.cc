#include "storage-node/host/disk_identity.h"

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "quorum/base/bytes.h"
#include "quorum/base/check.h"

namespace hexad::storage_node {
namespace {

// format:1, incarnation:8, length:1 node, length:1 az
constexpr uint8_t kFormat = 1;
constexpr char kDiskKey[] = "h/disk";

std::string Encode(const DiskIdentity& identity) {
  std::string bytes;
  AppendLe(bytes, kFormat);
  AppendLe(bytes, identity.incarnation.value());
  for (const std::string& name : {identity.node.value(), identity.az.value()}) {
    AppendLe(bytes, static_cast<uint8_t>(name.size()));
    bytes += name;
  }
  return bytes;
}

absl::StatusOr<DiskIdentity> Decode(std::string_view bytes) {
  ByteReader reader(bytes);
  const auto format = reader.Int<uint8_t>();
  if (reader.ok() && format != kFormat) {
    return absl::FailedPreconditionError(
        absl::StrCat("the data folder has format ", format, ", this program knows ", kFormat));
  }
  DiskIdentity identity;
  identity.incarnation = Incarnation(reader.Int<uint64_t>());
  identity.node = NodeId(std::string(reader.Bytes(reader.Int<uint8_t>())));
  identity.az = AzId(std::string(reader.Bytes(reader.Int<uint8_t>())));
  if (!reader.AtEnd() || identity.incarnation == Incarnation()) {
    return absl::DataLossError("the data folder's identity is damaged");
  }
  return identity;
}

}  // namespace

absl::StatusOr<DiskIdentity> ClaimDisk(SegmentStore& store, const NodeId& node, const AzId& az,
                                       Incarnation fresh_incarnation) {
  INVARIANT(fresh_incarnation != Incarnation());
  std::optional<std::string> found;
  bool anything = false;
  const auto status = store.ScanMeta("", [&](std::string_view key, std::string_view value) {
    anything = true;
    if (key == kDiskKey) found = std::string(value);
  });
  if (!status.ok()) return status;
  if (!found.has_value()) {
    if (anything) return absl::DataLossError("the data folder has lost its identity");
    DiskIdentity fresh{node, az, fresh_incarnation};
    StoreBatch batch;
    batch.ops.push_back(PutMeta{kDiskKey, Encode(fresh)});
    if (auto written = store.Write({&batch}, Durability::kSynced); !written.ok()) return written;
    return fresh;
  }
  auto identity = Decode(*found);
  if (!identity.ok()) return identity.status();
  if (identity->node != node || identity->az != az) {
    return absl::FailedPreconditionError(
        absl::StrCat("foreign data folder: it belongs to node ", identity->node.value(), " of AZ ",
                     identity->az.value(), ", not to ", node.value(), " of AZ ", az.value(),
                     "; name another --data folder"));
  }
  return identity;
}

}  // namespace hexad::storage_node

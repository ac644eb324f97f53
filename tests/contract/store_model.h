// What a segment store must hold, in the dumbest way: three std::maps, and drops as linear
// searches. Both stores are compared with it on random batches.
#pragma once

#include <map>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "storage-node/io/segment_store.h"

namespace hexad::storage_node {

struct StoreModel {
  using LogKeyTuple = std::tuple<PgId, TimelineId, Lsn>;
  using VersionKeyTuple = std::tuple<PgId, PageNo, TimelineId, Lsn>;

  std::map<LogKeyTuple, std::string> log;
  std::map<VersionKeyTuple, std::pair<VersionKind, std::string>> versions;
  std::map<std::string, std::string> meta;

  friend bool operator==(const StoreModel&, const StoreModel&) = default;

  void Apply(const StoreBatch& batch);
  // What ReadVersions must answer.
  std::vector<PageVersion> Read(PgId pg, PageNo page, const std::vector<LsnRange>& visible) const;
};

// The identities that a test uses: a store cannot be asked what it holds, only what it holds of
// these.
struct Universe {
  std::vector<PgId> pgs;
  std::vector<TimelineId> timelines;
  std::vector<PageNo> pages;
};

// Everything that the store holds of the universe, read through its port.
absl::StatusOr<StoreModel> ReadAll(const SegmentStore& store, const Universe& universe);

// For messages: how many entries of each kind, and the first that differs.
std::string Difference(const StoreModel& expected, const StoreModel& actual);

}  // namespace hexad::storage_node

#include "tests/sim/checkers/disk_model.h"

#include <algorithm>
#include <bit>

#include "absl/strings/str_cat.h"
#include "quorum/boxcar.h"
#include "storage-node/core/segment_state.h"
#include "storage-node/io/segment_store.h"
#include "tests/sim/checkers/volume_meta.h"

namespace hexad::sim {

using storage_node::MetaKind;

NodeId NameOfNode(NodeIndex node) { return NodeId(absl::StrCat("n", node + 1)); }

// ---- events -------------------------------------------------------------------------------------

void DiskModel::See(const Event& event) {
  if (const auto* persisted = std::get_if<BatchPersisted>(&event)) {
    for (const storage_node::StoreOp& op : persisted->batch->ops) {
      if (const auto* put = std::get_if<storage_node::PutBoxcar>(&op)) {
        OnPut(persisted->node, put->pg, put->first_lsn, put->bytes);
      } else if (const auto* meta = std::get_if<storage_node::PutMeta>(&op)) {
        OnMeta(persisted->node, meta->key, meta->value);
      }
    }
  } else if (const auto* started = std::get_if<NodeStarted>(&event)) {
    if (started->disk != nullptr) Read(started->node, *started->disk);
  } else if (const auto* opened = std::get_if<EpochOpened>(&event)) {
    for (const quorum::Membership& membership : opened->start->manifest.pgs) {
      Learn(membership);
    }
  }
}

void DiskModel::OnPut(NodeIndex node, PgId pg, Lsn first, const BytesRef& bytes) {
  PgLog& log = logs_[pg];
  const auto known = log.by_first.find(first);
  if (known != log.by_first.end()) {
    const std::string_view kept = known->second.bytes.view();
    const bool same = kept.data() == bytes.view().data() || kept == bytes.view();
    if (!same && contradiction_.empty()) {
      contradiction_ = absl::StrCat("n", node + 1, " stored another boxcar at LSN ", first.value(),
                                    " of PG ", pg.value());
    }
    known->second.written |= NodeBits{1} << node;
    return;
  }
  const auto boxcar = quorum::DecodeBoxcar(bytes);
  if (!boxcar.ok() || boxcar->header.pg != pg || boxcar->header.first_lsn != first) return;
  SeenBoxcar seen{pg, boxcar->header.epoch, boxcar->header.pg_prev, {}, bytes, NodeBits{1} << node};
  quorum::RecordCursor cursor(*boxcar);
  for (quorum::RecordView record; cursor.Next(record);) {
    seen.records.push_back({record.lsn, record.pg_prev});
  }
  const SeenBoxcar& kept = log.by_first.emplace(first, std::move(seen)).first->second;
  log.by_prev.emplace(kept.pg_prev, &kept);
  for (const SeenRecord& record : kept.records) {
    const auto [at, is_new] = holding_.emplace(record.lsn.value(), &kept);
    if (!is_new && contradiction_.empty()) {
      contradiction_ = absl::StrCat("LSN ", record.lsn.value(), " is in the boxcars at ",
                                    at->second->first().value(), " and at ", first.value());
    }
  }
}

void DiskModel::OnMeta(NodeIndex node, std::string_view key, std::string_view value) {
  const auto name = NameInVolume(key);
  if (!name.has_value()) return;
  SeenSegment& segment = segments_[{node, name->pg}];
  if (name->kind == MetaKind::kConfig) {
    const auto config = storage_node::DecodeConfig(value);
    if (!config.ok()) return;
    segment.created = true;
    Learn(config->membership);
  } else if (name->kind == MetaKind::kPromise) {
    const auto promise = storage_node::DecodePromise(value);
    if (promise.ok()) segment.promise = *promise;
  } else if (name->kind == MetaKind::kPath) {
    const auto path = storage_node::DecodePath(value);
    if (!path.ok() || path->path.empty()) return;
    segment.path = histories_.Of(*path);
    highest_fork_ = std::max(highest_fork_, path->path.fork_lsn());
    for (const quorum::Branch& branch : path->branches) {
      highest_fork_ = std::max(highest_fork_, branch.end.at);
    }
    begun_[{name->pg, path->path.epoch()}] |= NodeBits{1} << node;
  } else if (name->kind == MetaKind::kManifest) {
    const auto manifest = storage_node::DecodeManifest(value);
    if (manifest.ok()) segment.manifest = *manifest;
  }
}

void DiskModel::Learn(const quorum::Membership& membership) {
  if (memberships_.contains(membership.pg)) return;
  Members members{membership, 0};
  for (NodeIndex node = 0; node < 32; ++node) {
    if (membership.IndexOf(NameOfNode(node)).has_value()) members.nodes |= NodeBits{1} << node;
  }
  memberships_.emplace(membership.pg, std::move(members));
}

// What a process finds as it starts is more than what it was told to be durable: a batch that the
// last process wrote, and did not live to see fsynced, may be there.
void DiskModel::Read(NodeIndex node, const storage_node::SegmentStore& disk) {
  std::vector<std::pair<PgId, TimelineId>> logs;
  (void)disk.ScanMeta("", [&](std::string_view key, std::string_view value) {
    OnMeta(node, key, value);
    const auto name = NameInVolume(key);
    if (name.has_value() && name->kind == MetaKind::kPath)
      logs.emplace_back(name->pg, name->timeline);
  });
  for (const auto& [pg, timeline] : logs) {
    (void)disk.ScanLog(pg, timeline, Lsn::None(), [this, node, pg = pg](Lsn first, BytesRef bytes) {
      // Harm may have been here: only what is whole and in its place counts.
      const auto boxcar = quorum::DecodeBoxcar(bytes);
      const bool sound =
          boxcar.ok() && boxcar->header.pg == pg && boxcar->header.first_lsn == first;
      if (sound) OnPut(node, pg, first, bytes);
      return true;
    });
  }
}

// ---- questions ----------------------------------------------------------------------------------

const SeenBoxcar* DiskModel::Holding(Lsn record) const {
  const auto found = holding_.find(record.value());
  return found == holding_.end() ? nullptr : found->second;
}

const SeenBoxcar* DiskModel::StartingAt(PgId pg, Lsn first) const {
  const auto log = logs_.find(pg);
  if (log == logs_.end()) return nullptr;
  const auto found = log->second.by_first.find(first);
  return found == log->second.by_first.end() ? nullptr : &found->second;
}

bool DiskModel::Wrote(NodeIndex node, PgId pg, Lsn record) const {
  const SeenBoxcar* boxcar = Holding(record);
  return boxcar != nullptr && boxcar->pg == pg && Has(boxcar->written, node);
}

const SeenSegment* DiskModel::Segment(NodeIndex node, PgId pg) const {
  const auto found = segments_.find({node, pg});
  return found == segments_.end() ? nullptr : &found->second;
}

const quorum::Membership* DiskModel::MembershipOf(PgId pg) const {
  const auto found = memberships_.find(pg);
  return found == memberships_.end() ? nullptr : &found->second.membership;
}

NodeBits DiskModel::MembersOf(PgId pg) const {
  const auto found = memberships_.find(pg);
  return found == memberships_.end() ? 0 : found->second.nodes;
}

// Memberships are a plain "k of n" (quorum/membership.h).
bool DiskModel::IsWriteQuorum(PgId pg, NodeBits nodes) const {
  const auto found = memberships_.find(pg);
  return found != memberships_.end() && std::popcount(nodes & found->second.nodes) >=
                                            static_cast<int>(found->second.membership.write);
}

NodeBits DiskModel::Begun(PgId pg, EpochId epoch) const {
  const auto found = begun_.find({pg, epoch});
  return found == begun_.end() ? 0 : found->second;
}

Lsn DiskModel::TailOf(PgId pg, const quorum::Path& path, Lsn lsn) const {
  const auto log = logs_.find(pg);
  if (log == logs_.end()) return Lsn::None();
  auto at = log->second.by_first.upper_bound(lsn);
  while (at != log->second.by_first.begin()) {
    const SeenBoxcar& boxcar = (--at)->second;
    for (size_t i = boxcar.records.size(); i-- > 0;) {
      const Lsn record = boxcar.records[i].lsn;
      if (record <= lsn && path.Visible(path.timeline(), record)) return record;
    }
  }
  return Lsn::None();
}

Lsn DiskModel::SclOf(NodeIndex node, PgId pg, const quorum::Path& path, Lsn from) const {
  const auto log = logs_.find(pg);
  if (log == logs_.end()) return from;
  Lsn scl = from;
  for (bool moved = true; moved;) {
    moved = false;
    // A cut-off boxcar and the one that took its place attach to the same record.
    const auto [first, last] = log->second.by_prev.equal_range(scl);
    for (auto at = first; at != last && !moved; ++at) {
      const SeenBoxcar& boxcar = *at->second;
      if (!Has(boxcar.written, node) || !path.Visible(path.timeline(), boxcar.first())) continue;
      // Of a later epoch that this history does not know of yet: gossip may bring it first.
      if (path.Find(path.timeline(), boxcar.epoch) == nullptr) continue;
      for (const SeenRecord& record : boxcar.records) {
        if (!path.Visible(path.timeline(), record.lsn)) break;
        scl = record.lsn;
      }
      moved = true;
    }
  }
  return scl;
}

}  // namespace hexad::sim

#include "storage-node/io/memory_segment_store.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "quorum/base/check.h"

namespace hexad::storage_node {
namespace {

// Removes the entries of an ordered map from `first` up to and without `last`.
template <class Map, class Key>
void EraseRange(Map& map, const Key& first, const Key& last) {
  map.erase(map.lower_bound(first), map.lower_bound(last));
}

BytesRef Rotten(const BytesRef& bytes) {
  std::string rotten(bytes.view());
  if (!rotten.empty()) rotten[rotten.size() / 2] ^= 0x10;
  return BytesRef::Own(std::move(rotten));
}

bool NeedsSpace(const StoreOp& op) {
  return std::holds_alternative<PutBoxcar>(op) || std::holds_alternative<PutVersion>(op);
}

}  // namespace

MemorySegmentStore::MemorySegmentStore(MemoryStoreOptions options)
    : survivors_(options.survivors_seed), keeps_survivors_(options.survivors_seed != 0) {}

// ---- contents -----------------------------------------------------------------------------------

void MemorySegmentStore::Contents::Apply(const StoreOp& op) {
  std::visit([this](const auto& o) { On(o); }, op);
}

void MemorySegmentStore::Contents::On(const PutBoxcar& put) {
  log[{put.pg, put.timeline, put.first_lsn}] = Boxcar{put.bytes};
}

void MemorySegmentStore::Contents::On(const DropLog& drop) {
  EraseRange(log, LogPlace{drop.pg, drop.timeline, Lsn::None()},
             LogPlace{drop.pg, drop.timeline, drop.below});
}

void MemorySegmentStore::Contents::On(const PutVersion& put) {
  versions[{put.pg, put.page, put.timeline, put.lsn}] = Version{put.kind, BytesRef::Own(put.bytes)};
}

void MemorySegmentStore::Contents::On(const DropVersion& drop) {
  versions.erase({drop.pg, drop.page, drop.timeline, drop.lsn});
}

void MemorySegmentStore::Contents::On(const DropPage& drop) {
  versions.erase(versions.lower_bound({drop.pg, drop.page, drop.timeline, Lsn::None()}),
                 versions.upper_bound({drop.pg, drop.page, drop.timeline, Lsn::Max()}));
}

void MemorySegmentStore::Contents::On(const PutMeta& put) { meta[put.key] = Meta{put.value}; }

void MemorySegmentStore::Contents::On(const DropMeta& drop) { meta.erase(drop.key); }

void MemorySegmentStore::Contents::On(const DropSegment& drop) {
  std::erase_if(log, [&](const auto& entry) { return entry.first.pg == drop.pg; });
  std::erase_if(versions, [&](const auto& entry) { return entry.first.pg == drop.pg; });
  const std::string prefix = SegmentMetaPrefix(drop.pg);
  std::erase_if(meta, [&](const auto& entry) { return entry.first.starts_with(prefix); });
}

void MemorySegmentStore::Contents::On(const DropTimeline& drop) {
  const auto is_its = [&](const auto& entry) {
    return entry.first.pg == drop.pg && entry.first.timeline == drop.timeline;
  };
  std::erase_if(log, is_its);
  std::erase_if(versions, is_its);
  const std::string prefix = TimelineMetaPrefix(drop.pg, drop.timeline);
  std::erase_if(meta, [&](const auto& entry) { return entry.first.starts_with(prefix); });
}

// ---- writes -------------------------------------------------------------------------------------

absl::Status MemorySegmentStore::Write(const std::vector<const StoreBatch*>& batches,
                                       Durability durability) {
  Ops ops;
  for (const StoreBatch* batch : batches) {
    ops.insert(ops.end(), batch->ops.begin(), batch->ops.end());
  }
  absl::MutexLock lock(&mutex_);
  if (stopped_) return absl::InternalError("the store takes no writes since an earlier one failed");
  if (fail_next_) {
    stopped_ = true;
    if (failed_write_stored_) StoreOps(std::move(ops), durability);
    return absl::InternalError("write failed: durability unknown");
  }
  if (full_ && std::any_of(ops.begin(), ops.end(), NeedsSpace)) {
    return absl::ResourceExhaustedError("no space left");
  }
  StoreOps(std::move(ops), durability);
  return absl::OkStatus();
}

void MemorySegmentStore::StoreOps(Ops ops, Durability durability) {
  for (const StoreOp& op : ops) seen_.Apply(op);
  unsynced_.push_back(std::move(ops));
  if (durability == Durability::kSynced) SyncLocked();
}

void MemorySegmentStore::SyncLocked() {
  for (const Ops& ops : unsynced_) {
    for (const StoreOp& op : ops) on_disk_.Apply(op);
  }
  unsynced_.clear();
}

// ---- reads --------------------------------------------------------------------------------------

// The lock is not held while the visitor runs: it may call the store.
absl::Status MemorySegmentStore::ScanLog(PgId pg, TimelineId timeline, Lsn from,
                                         const BoxcarVisitor& visit) const {
  absl::Status damage;
  for (Lsn next = from;;) {
    Boxcar boxcar;
    Lsn lsn;
    {
      absl::MutexLock lock(&mutex_);
      const auto it = seen_.log.lower_bound({pg, timeline, next});
      if (it == seen_.log.end() || it->first.pg != pg || it->first.timeline != timeline) break;
      lsn = it->first.first_lsn;
      boxcar = it->second;
    }
    if (boxcar.lost) {
      damage = absl::DataLossError(absl::StrCat("hot log of PG ", pg.value(), ", timeline ",
                                                timeline.value(), ": boxcar at LSN ", lsn.value(),
                                                " cannot be read"));
    } else if (!visit(lsn, boxcar.bytes)) {
      break;
    }
    if (lsn == Lsn::Max()) break;
    next = lsn.Next();
  }
  return damage;
}

absl::StatusOr<Lsn> MemorySegmentStore::FloorBoxcar(PgId pg, TimelineId timeline, Lsn lsn) const {
  absl::MutexLock lock(&mutex_);
  auto it = seen_.log.upper_bound({pg, timeline, lsn});
  if (it == seen_.log.begin()) return Lsn::None();
  const LogPlace& place = std::prev(it)->first;
  return place.pg == pg && place.timeline == timeline ? place.first_lsn : Lsn::None();
}

std::vector<SegmentStore::Versions> MemorySegmentStore::ReadVersions(
    PgId pg, std::span<const PageNo> pages, const std::vector<LsnRange>& visible) const {
  absl::MutexLock lock(&mutex_);
  std::vector<Versions> read;
  read.reserve(pages.size());
  for (const PageNo page : pages) read.push_back(VersionsOf(pg, page, visible));
  return read;
}

SegmentStore::Versions MemorySegmentStore::VersionsOf(PgId pg, PageNo page,
                                                      const std::vector<LsnRange>& visible) const {
  std::vector<PageVersion> newest_first;
  bool at_image = false;
  for (auto range = visible.begin(); range != visible.end() && !at_image; ++range) {
    const auto first = seen_.versions.lower_bound({pg, page, range->timeline, range->first});
    auto it = seen_.versions.upper_bound({pg, page, range->timeline, range->last});
    while (it != first && !at_image) {
      const auto& [place, version] = *--it;
      if (version.damaged) {
        return absl::DataLossError(absl::StrCat(
            "page ", page.value(), " of PG ", pg.value(), ", timeline ", place.timeline.value(),
            ": the version at LSN ", place.lsn.value(), " fails its checksum"));
      }
      newest_first.push_back(PageVersion{place.timeline, place.lsn, version.kind, version.bytes});
      at_image = version.kind == VersionKind::kImage;
    }
  }
  std::reverse(newest_first.begin(), newest_first.end());
  return newest_first;
}

absl::Status MemorySegmentStore::ScanMeta(std::string_view prefix, const MetaVisitor& visit) const {
  absl::MutexLock lock(&mutex_);
  for (auto it = seen_.meta.lower_bound(prefix); it != seen_.meta.end(); ++it) {
    if (!it->first.starts_with(prefix)) break;
    if (it->second.damaged) {
      return absl::DataLossError(absl::StrCat("meta entry ", it->first, " fails its checksum"));
    }
    visit(it->first, it->second.value);
  }
  return absl::OkStatus();
}

uint64_t MemorySegmentStore::ApproximateBytes() const {
  absl::MutexLock lock(&mutex_);
  uint64_t bytes = 0;
  for (const auto& [place, boxcar] : seen_.log) bytes += boxcar.bytes.size();
  for (const auto& [place, version] : seen_.versions) bytes += version.bytes.size();
  for (const auto& [key, meta] : seen_.meta) bytes += key.size() + meta.value.size();
  return bytes;
}

uint64_t MemorySegmentStore::ApproximateBytes(PgId pg, TimelineId timeline) const {
  absl::MutexLock lock(&mutex_);
  uint64_t bytes = 0;
  const auto count = [&](const auto& place, size_t size) {
    if (place.pg == pg && place.timeline == timeline) bytes += size;
  };
  for (const auto& [place, boxcar] : seen_.log) count(place, boxcar.bytes.size());
  for (const auto& [place, version] : seen_.versions) count(place, version.bytes.size());
  return bytes;
}

// ---- faults -------------------------------------------------------------------------------------

void MemorySegmentStore::CutPower() {
  absl::MutexLock lock(&mutex_);
  unsynced_.resize(keeps_survivors_ ? survivors_.Below(unsynced_.size() + 1) : 0);
  SyncLocked();
  seen_ = on_disk_;
}

std::unique_ptr<MemorySegmentStore> MemorySegmentStore::AfterPowerCut() const {
  auto left = std::make_unique<MemorySegmentStore>();
  absl::MutexLock lock(&mutex_);
  absl::MutexLock lock_left(&left->mutex_);
  left->on_disk_ = on_disk_;
  left->seen_ = on_disk_;
  return left;
}

void MemorySegmentStore::Sync() {
  absl::MutexLock lock(&mutex_);
  SyncLocked();
}

absl::Status MemorySegmentStore::Restart() {
  absl::MutexLock lock(&mutex_);
  if (stopped_) {
    return absl::DataLossError("this store stopped after a failed write; start with an empty one");
  }
  SyncLocked();  // as the real store, which fsyncs what it replays
  return absl::OkStatus();
}

void MemorySegmentStore::FailNextWrite(bool stored) {
  absl::MutexLock lock(&mutex_);
  fail_next_ = true;
  failed_write_stored_ = stored;
}

void MemorySegmentStore::SetFull(bool full) {
  absl::MutexLock lock(&mutex_);
  full_ = full;
}

template <class Map, class Change>
bool MemorySegmentStore::Damage(Map Contents::*map, const typename Map::key_type& key,
                                const Change& change) {
  absl::MutexLock lock(&mutex_);
  bool found = false;
  for (Contents* contents : {&seen_, &on_disk_}) {
    const auto it = (contents->*map).find(key);
    if (it == (contents->*map).end()) continue;
    change(it->second);
    found = true;
  }
  return found;
}

bool MemorySegmentStore::CorruptBoxcar(PgId pg, TimelineId timeline, Lsn first_lsn) {
  return Damage(&Contents::log, {pg, timeline, first_lsn},
                [](Boxcar& boxcar) { boxcar.bytes = Rotten(boxcar.bytes); });
}

bool MemorySegmentStore::LoseBoxcar(PgId pg, TimelineId timeline, Lsn first_lsn) {
  return Damage(&Contents::log, {pg, timeline, first_lsn},
                [](Boxcar& boxcar) { boxcar.lost = true; });
}

bool MemorySegmentStore::CorruptVersion(PgId pg, PageNo page, TimelineId timeline, Lsn lsn) {
  return Damage(&Contents::versions, {pg, page, timeline, lsn},
                [](Version& version) { version.damaged = true; });
}

bool MemorySegmentStore::MisplaceBoxcar(const LogPlace& from, const LogPlace& over) {
  BytesRef bytes;
  const auto copy = [&](Boxcar& boxcar) { bytes = boxcar.bytes; };
  if (!Damage(&Contents::log, from, copy)) return false;
  return Damage(&Contents::log, over, [&](Boxcar& boxcar) { boxcar.bytes = bytes; });
}

std::vector<LogPlace> MemorySegmentStore::LogPlaces() const {
  absl::MutexLock lock(&mutex_);
  std::vector<LogPlace> places;
  for (const auto& [place, boxcar] : on_disk_.log) places.push_back(place);
  return places;
}

std::vector<VersionPlace> MemorySegmentStore::VersionPlaces() const {
  absl::MutexLock lock(&mutex_);
  std::vector<VersionPlace> places;
  for (const auto& [place, version] : on_disk_.versions) places.push_back(place);
  return places;
}

bool MemorySegmentStore::CorruptMeta(const std::string& key) {
  return Damage(&Contents::meta, key, [](Meta& meta) { meta.damaged = true; });
}

}  // namespace hexad::storage_node

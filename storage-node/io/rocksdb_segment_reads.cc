// The reads of RocksDbSegmentStore. None takes a lock: an iterator sees one moment of the database.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "quorum/base/check.h"
#include "storage-node/io/rocksdb_segment_store.h"
#include "storage-node/io/store_format.h"

namespace hexad::storage_node {
namespace {

std::string_view View(const rocksdb::Slice& slice) { return {slice.data(), slice.size()}; }

std::string LogName(PgId pg, TimelineId timeline) {
  return absl::StrCat("hot log of PG ", pg.value(), ", timeline ", timeline.value());
}

// An iterator stands in a damaged block: no seek to `lsn` succeeds. Finds the next position behind
// the damage: doubling steps until a seek succeeds, then halving. LSNs are sparse and blocks hold
// many, so the damage is crossed in some hundred seeks wherever it ends. Leaves the iterator there,
// or !Valid() if the log ends within the damage.
void SeekBehindDamage(rocksdb::Iterator& it, PgId pg, TimelineId timeline, Lsn lsn) {
  Lsn damaged = lsn;
  Lsn whole = lsn;
  for (uint64_t step = 1; !it.status().ok(); step *= 2) {
    if (whole == Lsn::Max()) return;
    damaged = whole;
    whole = whole.Plus(step);
    it.Seek(LogKey(pg, timeline, whole));
  }
  while (whole.value() - damaged.value() > 1) {
    const Lsn middle = damaged.Plus((whole.value() - damaged.value()) / 2);
    it.Seek(LogKey(pg, timeline, middle));
    (it.status().ok() ? whole : damaged) = middle;
  }
  it.Seek(LogKey(pg, timeline, whole));
}

}  // namespace

absl::Status RocksDbSegmentStore::ScanLog(PgId pg, TimelineId timeline, Lsn from,
                                          const BoxcarVisitor& visit) const {
  const std::string end = PrefixEnd(LogKey(pg, timeline, from).substr(0, kLogPrefixBytes));
  const rocksdb::Slice upper(end);
  rocksdb::ReadOptions options;
  if (!end.empty()) options.iterate_upper_bound = &upper;
  options.fill_cache = false;  // a scan must not push out the pages
  const std::unique_ptr<rocksdb::Iterator> it(db_->NewIterator(options, families_[kLogFamily]));
  absl::Status damage;
  Lsn next = from;
  it->Seek(LogKey(pg, timeline, from));
  for (;;) {
    for (; it->Valid(); it->Next()) {
      const std::string_view key = View(it->key());
      if (key.size() != kLogKeyBytes) {
        return absl::DataLossError(
            absl::StrCat(LogName(pg, timeline), ": a key of ", key.size(), " bytes"));
      }
      const Lsn lsn = LsnOfLogKey(key);
      if (!visit(lsn, BytesRef::Own(it->value().ToString()))) return damage;
      next = lsn.Next();
    }
    if (it->status().ok()) return damage;
    absl::Status error = ReadError(it->status(), LogName(pg, timeline));
    if (!absl::IsDataLoss(error)) return error;
    if (damage.ok()) damage = std::move(error);
    SeekBehindDamage(*it, pg, timeline, next);
    if (!it->Valid()) return damage;
  }
}

absl::StatusOr<Lsn> RocksDbSegmentStore::FloorBoxcar(PgId pg, TimelineId timeline, Lsn lsn) const {
  const std::string first = LogKey(pg, timeline, Lsn::None());
  const rocksdb::Slice lower(first);
  rocksdb::ReadOptions options;
  options.iterate_lower_bound = &lower;
  const std::unique_ptr<rocksdb::Iterator> it(db_->NewIterator(options, families_[kLogFamily]));
  it->SeekForPrev(LogKey(pg, timeline, lsn));
  if (!it->status().ok()) return ReadError(it->status(), LogName(pg, timeline));
  if (!it->Valid()) return Lsn::None();
  const std::string_view key = View(it->key());
  if (key.size() != kLogKeyBytes) {
    return absl::DataLossError(
        absl::StrCat(LogName(pg, timeline), ": a key of ", key.size(), " bytes"));
  }
  return LsnOfLogKey(key);
}

absl::StatusOr<std::vector<PageVersion>> RocksDbSegmentStore::ReadVersions(
    PgId pg, PageNo page, const std::vector<LsnRange>& visible) const {
  rocksdb::ReadOptions options;
  options.prefix_same_as_start = true;
  const std::unique_ptr<rocksdb::Iterator> it(db_->NewIterator(options, families_[kPagesFamily]));
  std::vector<PageVersion> newest_first;
  const auto damaged = [&](TimelineId timeline, const char* why) {
    return absl::StrCat("page ", page.value(), " of PG ", pg.value(), ", timeline ",
                        timeline.value(), why);
  };
  bool at_image = false;
  for (auto range = visible.begin(); range != visible.end() && !at_image; ++range) {
    const std::string last = VersionKey(pg, page, range->timeline, range->first);
    it->Seek(VersionKey(pg, page, range->timeline, range->last));
    for (; it->Valid() && it->key().compare(last) <= 0 && !at_image; it->Next()) {
      const std::string_view key = View(it->key());
      const auto version = OpenVersion(key, View(it->value()));
      if (key.size() != kVersionKeyBytes || !version) {
        return absl::DataLossError(damaged(range->timeline, ": a version fails its checksum"));
      }
      newest_first.push_back(PageVersion{range->timeline, LsnOfVersionKey(key), version->kind,
                                         BytesRef::Own(std::string(version->bytes))});
      at_image = version->kind == VersionKind::kImage;
    }
    if (!it->status().ok()) return ReadError(it->status(), damaged(range->timeline, ""));
  }
  std::reverse(newest_first.begin(), newest_first.end());
  return newest_first;
}

absl::Status RocksDbSegmentStore::ScanMeta(std::string_view prefix,
                                           const MetaVisitor& visit) const {
  const std::string end = PrefixEnd(prefix);
  const rocksdb::Slice upper(end);
  rocksdb::ReadOptions options;
  if (!end.empty()) options.iterate_upper_bound = &upper;
  const std::unique_ptr<rocksdb::Iterator> it(db_->NewIterator(options, families_[kMetaFamily]));
  for (it->Seek(rocksdb::Slice(prefix.data(), prefix.size())); it->Valid(); it->Next()) {
    const std::string_view key = View(it->key());
    const auto value = OpenMeta(key, View(it->value()));
    if (!value)
      return absl::DataLossError(
          absl::StrCat("meta entry ", std::string(key), " fails its checksum"));
    visit(key, *value);
  }
  return it->status().ok()
             ? absl::OkStatus()
             : ReadError(it->status(), absl::StrCat("meta entries ", std::string(prefix), "*"));
}

}  // namespace hexad::storage_node

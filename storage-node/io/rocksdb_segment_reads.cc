// The reads of RocksDbSegmentStore. They do not wait for writes: an iterator sees one moment of the
// database.
#include <algorithm>
#include <functional>
#include <memory>

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

absl::Status ForeignKey(const std::string& where, std::string_view key) {
  return absl::DataLossError(absl::StrCat(where, ": a key of ", key.size(), " bytes"));
}

// Seeks with an iterator of its own: RocksDB 7.8 may answer from the damaged block again when an
// iterator that has met damage is used for another seek.
using SeekTo = std::function<std::unique_ptr<rocksdb::Iterator>(Lsn)>;

// No seek to `lsn` succeeds, a damaged block lies there. Finds the next position behind the damage:
// doubling steps until a seek succeeds, then halving. LSNs are sparse and blocks hold many, so the
// damage is crossed in some hundred seeks wherever it ends. The iterator is !Valid() if the log
// ends within the damage.
std::unique_ptr<rocksdb::Iterator> SeekBehindDamage(const SeekTo& seek, Lsn lsn) {
  Lsn damaged = lsn;
  Lsn whole = lsn;
  for (uint64_t step = 1; whole != Lsn::Max(); step *= 2) {
    damaged = whole;
    whole = whole.Plus(step);
    if (seek(whole)->status().ok()) break;
  }
  while (whole.value() - damaged.value() > 1) {
    const Lsn middle = damaged.Plus((whole.value() - damaged.value()) / 2);
    (seek(middle)->status().ok() ? whole : damaged) = middle;
  }
  return seek(whole);
}

struct PagePlace {
  PgId pg;
  PageNo page;
};

SegmentStore::Versions VersionsOf(const PagePlace& place, const std::vector<LsnRange>& visible,
                                  rocksdb::Iterator& it) {
  std::vector<PageVersion> newest_first;
  const auto damaged = [&](TimelineId timeline, const char* why) {
    return absl::StrCat("page ", place.page.value(), " of PG ", place.pg.value(), ", timeline ",
                        timeline.value(), why);
  };
  bool at_image = false;
  for (auto range = visible.begin(); range != visible.end() && !at_image; ++range) {
    const std::string last = VersionKey(place.pg, place.page, range->timeline, range->first);
    it.Seek(VersionKey(place.pg, place.page, range->timeline, range->last));
    for (; it.Valid() && it.key().compare(last) <= 0; it.Next()) {
      const std::string_view key = View(it.key());
      const auto version = OpenVersion(key, View(it.value()));
      if (key.size() != kVersionKeyBytes || !version) {
        return absl::DataLossError(damaged(range->timeline, ": a version fails its checksum"));
      }
      newest_first.push_back(PageVersion{range->timeline, LsnOfVersionKey(key), version->kind,
                                         BytesRef::Own(std::string(version->bytes))});
      at_image = version->kind == VersionKind::kImage;
      if (at_image) break;  // before Next(), which would read one more block
    }
    if (!it.status().ok()) return ReadError(it.status(), damaged(range->timeline, ""));
  }
  std::reverse(newest_first.begin(), newest_first.end());
  return newest_first;
}

}  // namespace

absl::Status RocksDbSegmentStore::ScanLog(PgId pg, TimelineId timeline, Lsn from,
                                          const BoxcarVisitor& visit) const {
  absl::ReaderMutexLock use(&database_mutex_);
  if (database_ == nullptr) return Closed();
  const std::string end = PrefixEnd(LogKey(pg, timeline, from).substr(0, kLogPrefixBytes));
  const rocksdb::Slice upper(end);
  rocksdb::ReadOptions options;
  if (!end.empty()) options.iterate_upper_bound = &upper;
  options.fill_cache = false;  // a scan must not push out the pages
  const RocksDbDatabase& database = *database_;
  const SeekTo seek = [&](Lsn lsn) {
    std::unique_ptr<rocksdb::Iterator> it(
        database.db().NewIterator(options, database.family(kLogFamily)));
    it->Seek(LogKey(pg, timeline, lsn));
    return it;
  };
  absl::Status damage;
  Lsn damaged_from;
  Lsn next = from;
  for (auto it = seek(from);; it = SeekBehindDamage(seek, next)) {
    for (; it->Valid(); it->Next()) {
      const std::string_view key = View(it->key());
      if (key.size() != kLogKeyBytes) return ForeignKey(LogName(pg, timeline), key);
      const Lsn lsn = LsnOfLogKey(key);
      if (!visit(lsn, BytesRef::Own(it->value().ToString()))) return damage;
      next = lsn.Next();
    }
    if (it->status().ok()) return damage;
    absl::Status error = ReadError(it->status(), LogName(pg, timeline));
    if (!absl::IsDataLoss(error)) return error;
    // Twice at the same place: nothing behind it can be read either.
    if (!damage.ok() && next == damaged_from) return damage;
    damaged_from = next;
    damage = std::move(error);
  }
}

absl::StatusOr<Lsn> RocksDbSegmentStore::FloorBoxcar(PgId pg, TimelineId timeline, Lsn lsn) const {
  absl::ReaderMutexLock use(&database_mutex_);
  if (database_ == nullptr) return Closed();
  const std::string first = LogKey(pg, timeline, Lsn::None());
  const rocksdb::Slice lower(first);
  rocksdb::ReadOptions options;
  options.iterate_lower_bound = &lower;
  const std::unique_ptr<rocksdb::Iterator> it(
      database_->db().NewIterator(options, database_->family(kLogFamily)));
  it->SeekForPrev(LogKey(pg, timeline, lsn));
  if (!it->status().ok()) return ReadError(it->status(), LogName(pg, timeline));
  if (!it->Valid()) return Lsn::None();
  const std::string_view key = View(it->key());
  if (key.size() != kLogKeyBytes) return ForeignKey(LogName(pg, timeline), key);
  return LsnOfLogKey(key);
}

std::vector<SegmentStore::Versions> RocksDbSegmentStore::ReadVersions(
    PgId pg, std::span<const PageNo> pages, const std::vector<LsnRange>& visible) const {
  std::vector<Versions> read;
  read.reserve(pages.size());
  absl::ReaderMutexLock use(&database_mutex_);
  if (database_ == nullptr) {
    read.assign(pages.size(), Closed());
    return read;
  }
  rocksdb::ReadOptions options;
  options.prefix_same_as_start = true;
  options.fill_cache = pages.size() == 1;
  std::unique_ptr<rocksdb::Iterator> it;
  for (const PageNo page : pages) {
    if (it == nullptr) {
      it.reset(database_->db().NewIterator(options, database_->family(kPagesFamily)));
    }
    read.push_back(VersionsOf({pg, page}, visible, *it));
    if (!it->status().ok()) it.reset();  // as in SeekTo above
  }
  return read;
}

absl::Status RocksDbSegmentStore::ScanMeta(std::string_view prefix,
                                           const MetaVisitor& visit) const {
  absl::ReaderMutexLock use(&database_mutex_);
  if (database_ == nullptr) return Closed();
  const std::string end = PrefixEnd(prefix);
  const rocksdb::Slice upper(end);
  rocksdb::ReadOptions options;
  if (!end.empty()) options.iterate_upper_bound = &upper;
  const std::unique_ptr<rocksdb::Iterator> it(
      database_->db().NewIterator(options, database_->family(kMetaFamily)));
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

#include "storage-node/core/chain_index.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "quorum/boxcar.h"

namespace hexad::storage_node {

using quorum::CommitPoint;

namespace {

constexpr uint8_t kFormat = 1;

void PutVarint(uint64_t value, std::string& out) {
  for (; value >= 0x80; value >>= 7) out.push_back(static_cast<char>(value | 0x80));
  out.push_back(static_cast<char>(value));
}

// False if the bytes end inside a number or it has more than 64 bits.
bool TakeVarint(std::string_view& bytes, uint64_t& value) {
  value = 0;
  for (int shift = 0; shift < 64 && !bytes.empty(); shift += 7) {
    const auto byte = static_cast<uint8_t>(bytes.front());
    bytes.remove_prefix(1);
    if (shift == 63 && byte > 1) return false;
    value |= uint64_t{byte & 0x7fu} << shift;
    if (byte < 0x80) return true;
  }
  return false;
}

uint64_t ZigZag(int64_t value) {
  return (static_cast<uint64_t>(value) << 1) ^ static_cast<uint64_t>(value >> 63);
}
int64_t UnZigZag(uint64_t value) { return static_cast<int64_t>((value >> 1) ^ (~(value & 1) + 1)); }

bool Sees(const std::vector<LsnRange>& ranges, TimelineId timeline, Lsn lsn) {
  return std::any_of(ranges.begin(), ranges.end(), [&](const LsnRange& range) {
    return range.timeline == timeline && range.first <= lsn && lsn <= range.last;
  });
}

// One entry under construction: LSNs and times as differences to the ones before.
class EntryBuilder {
 public:
  EntryBuilder(const CoalescePlan& plan, StoreBatch& out) : plan_(plan), out_(out) {}

  void Add(const ChainRecord& record, EpochId epoch) {
    if (count_ == kChainEntryRecords || epoch != epoch_) Finish();
    if (count_ == 0) {
      first_ = last_ = record.lsn;
      time_ = 0;
      epoch_ = epoch;
      bytes_.assign(1, static_cast<char>(kFormat));
    }
    PutVarint((record.lsn.value() - last_.value()) << 1 | (record.is_cpl ? 1 : 0), bytes_);
    if (record.is_cpl) {
      PutVarint(ZigZag(record.commit_time.value() - time_), bytes_);
      time_ = record.commit_time.value();
    }
    last_ = record.lsn;
    ++count_;
  }

  void Finish() {
    if (count_ == 0) return;
    out_.ops.push_back(PutVersion{plan_.pg, kChainPage, plan_.timeline, first_, VersionKind::kImage,
                                  std::move(bytes_)});
    count_ = 0;
  }

 private:
  const CoalescePlan& plan_;
  StoreBatch& out_;
  std::string bytes_;
  size_t count_ = 0;
  Lsn first_;
  Lsn last_;
  int64_t time_ = 0;
  EpochId epoch_;
};

// What one PG's part of a history looks like at an LSN.
struct At {
  Lsn tail;
  std::optional<CommitPoint> commit;
};

class ChainSearch {
 public:
  ChainSearch(const FindPlan& plan, const ReadChainEntry& read) : plan_(plan), read_(read) {}

  // The last record and the last CPL at or below `lsn`.
  absl::StatusOr<At> Look(Lsn lsn) {
    At hot = LookInHot(lsn);
    if (hot.commit.has_value() && hot.commit->lsn > plan_.coalesced) return hot;
    // A clone's own entries may lie above what is hot of its ancestors' logs.
    At cold;
    while (!cold.commit.has_value()) {
      auto entry = Entry(lsn);
      if (!entry.ok()) return entry.status();
      if (entry->empty()) break;
      LookIn(*entry, lsn, cold);
      lsn = entry->front().lsn.Prev();
    }
    hot.tail = std::max(hot.tail, cold.tail);
    if (!hot.commit.has_value() ||
        (cold.commit.has_value() && cold.commit->lsn > hot.commit->lsn)) {
      hot.commit = cold.commit;
    }
    return hot;
  }

  // The lowest LSN in (above, up_to] for which `holds` is true of the last commit at or below it.
  // It is false below that LSN and true from there on. Max() if it is true nowhere.
  template <class Holds>
  absl::StatusOr<Lsn> FirstWhere(Lsn above, Holds holds) {
    Lsn low = above;
    Lsn high = plan_.up_to;
    auto at = Look(high);
    if (!at.ok()) return at.status();
    if (high <= low || !holds(at->commit)) return Lsn::Max();
    while (low.Next() < high) {
      const Lsn middle(low.value() + (high.value() - low.value()) / 2);
      at = Look(middle);
      if (!at.ok()) return at.status();
      (holds(at->commit) ? high : low) = middle;
    }
    return high;
  }

 private:
  // A hot log may hold a million records, and a search looks at some thirty places: only those
  // boxcars are decoded.
  At LookInHot(Lsn lsn) {
    At at;
    auto boxcar =
        std::upper_bound(plan_.hot.begin(), plan_.hot.end(), lsn,
                         [](Lsn l, const quorum::Boxcar& b) { return l < b.header.first_lsn; });
    while (boxcar != plan_.hot.begin() && !at.commit.has_value()) {
      LookIn(RecordsOf(*--boxcar), lsn, at);
    }
    return at;
  }

  // Those that the history sees.
  const std::vector<ChainRecord>& RecordsOf(const quorum::Boxcar& boxcar) {
    if (decoded_ == &boxcar) return decoded_records_;
    decoded_ = &boxcar;
    decoded_records_.clear();
    quorum::RecordCursor cursor(boxcar);
    for (quorum::RecordView record; cursor.Next(record);) {
      if (!Sees(plan_.visible, boxcar.header.timeline, record.lsn)) continue;
      decoded_records_.push_back({record.lsn, record.is_cpl(), record.commit_time});
    }
    return decoded_records_;
  }

  static void LookIn(const std::vector<ChainRecord>& records, Lsn lsn, At& at) {
    auto record = std::upper_bound(records.begin(), records.end(), lsn,
                                   [](Lsn l, const ChainRecord& r) { return l < r.lsn; });
    if (record == records.begin()) return;
    if (at.tail.IsNone()) at.tail = std::prev(record)->lsn;
    while (record != records.begin()) {
      --record;
      if (!record->is_cpl) continue;
      at.commit = CommitPoint{record->lsn, record->commit_time};
      return;
    }
  }

  // The visible records of the newest entry that starts at or below `lsn`.
  absl::StatusOr<std::vector<ChainRecord>> Entry(Lsn lsn) {
    if (lsn.IsNone()) return std::vector<ChainRecord>();
    auto version = read_(std::min(lsn, plan_.coalesced));
    if (!version.ok()) return version.status();
    if (!version->has_value()) return std::vector<ChainRecord>();
    if (cached_first_ != (*version)->lsn) {
      auto records = DecodeChainEntry((*version)->lsn, (*version)->bytes.view());
      if (!records.ok()) return absl::DataLossError(std::string(records.status().message()));
      std::erase_if(*records, [&](const ChainRecord& record) {
        return !Sees(plan_.visible, (*version)->timeline, record.lsn);
      });
      cached_first_ = (*version)->lsn;
      cached_ = *std::move(records);
    }
    return cached_;
  }

  const FindPlan& plan_;
  const ReadChainEntry& read_;
  const quorum::Boxcar* decoded_ = nullptr;
  std::vector<ChainRecord> decoded_records_;
  Lsn cached_first_;
  std::vector<ChainRecord> cached_;
};

}  // namespace

void PutChain(const CoalescePlan& plan, StoreBatch& out) {
  EntryBuilder entry(plan, out);
  for (const quorum::Boxcar& boxcar : plan.boxcars) {
    quorum::RecordCursor cursor(boxcar);
    for (quorum::RecordView record; cursor.Next(record);) {
      if (!Sees(plan.visible, plan.timeline, record.lsn)) continue;
      entry.Add({record.lsn, record.is_cpl(), record.commit_time}, boxcar.header.epoch);
    }
  }
  entry.Finish();
}

absl::StatusOr<std::vector<ChainRecord>> DecodeChainEntry(Lsn first, std::string_view bytes) {
  const auto refuse = [&](const char* why) {
    return absl::InvalidArgumentError(absl::StrCat("chain entry at ", first.value(), ": ", why));
  };
  if (bytes.empty() || static_cast<uint8_t>(bytes.front()) != kFormat) return refuse("its format");
  bytes.remove_prefix(1);
  std::vector<ChainRecord> records;
  uint64_t lsn = first.value();
  int64_t time = 0;
  while (!bytes.empty()) {
    uint64_t step = 0;
    if (!TakeVarint(bytes, step)) return refuse("ends inside a number");
    if ((step >> 1 == 0) != records.empty() || Lsn::Max().value() - lsn < step >> 1) {
      return refuse("its LSNs do not rise");
    }
    lsn += step >> 1;
    ChainRecord record{Lsn(lsn), (step & 1) != 0, CommitTime()};
    if (record.is_cpl) {
      uint64_t difference = 0;
      if (!TakeVarint(bytes, difference)) return refuse("ends inside a number");
      time = static_cast<int64_t>(static_cast<uint64_t>(time) +
                                  static_cast<uint64_t>(UnZigZag(difference)));
      record.commit_time = CommitTime(time);
    }
    records.push_back(record);
  }
  if (records.empty()) return refuse("no record");
  return records;
}

absl::StatusOr<quorum::CommitFound> FindInChain(const FindPlan& plan, const ReadChainEntry& read) {
  ChainSearch search(plan, read);
  quorum::CommitFound found;
  found.from = plan.envelope;
  found.target = plan.target;
  found.history = plan.history;
  found.scl = plan.up_to;
  Lsn below = plan.up_to;  // the last LSN that is at or before the target
  if (const auto* lsn = std::get_if<Lsn>(&plan.target)) {
    below = std::min(*lsn, plan.up_to);
  } else {
    const CommitTime time = std::get<CommitTime>(plan.target);
    auto later = search.FirstWhere(Lsn::None(), [time](const std::optional<CommitPoint>& commit) {
      return commit.has_value() && commit->time > time;
    });
    if (!later.ok()) return later.status();
    if (*later != Lsn::Max()) below = later->Prev();
  }
  auto at = search.Look(below);
  if (!at.ok()) return at.status();
  found.before = at->commit;
  found.tail = at->tail;
  auto next = search.FirstWhere(below, [below](const std::optional<CommitPoint>& commit) {
    return commit.has_value() && commit->lsn > below;
  });
  if (!next.ok()) return next.status();
  if (*next == Lsn::Max()) return found;
  at = search.Look(*next);
  if (!at.ok()) return at.status();
  found.after = at->commit;
  return found;
}

}  // namespace hexad::storage_node

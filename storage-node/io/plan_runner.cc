#include "storage-node/io/plan_runner.h"

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <utility>

#include "storage-node/core/chain_index.h"
#include "storage-node/core/page_builder.h"

namespace hexad::storage_node {
namespace {

// Does the boxcar hold a record in [first, last]? It may skip that interval altogether.
bool HoldsAny(const quorum::Boxcar& boxcar, Lsn first, Lsn last) {
  quorum::RecordCursor cursor(boxcar);
  quorum::RecordView record;
  while (cursor.Next(record)) {
    if (record.lsn > last) return false;
    if (record.lsn >= first) return true;
  }
  return false;
}

class LogRunner {
 public:
  LogRunner(const SegmentStore& store, const LogPlan& plan) : store_(store), plan_(plan) {}

  absl::StatusOr<LogRun> Run() && {
    for (const quorum::PathStep& step : plan_.path.path.steps()) {
      const Lsn first = std::max(step.first_lsn, plan_.after.Next());
      const Lsn last = std::min(step.last_lsn, plan_.up_to);
      if (first > last) continue;
      if (auto status = Scan(step.timeline, first, last); !status.ok()) return status;
      if (run_.more) break;
    }
    return std::move(run_);
  }

 private:
  absl::Status Scan(TimelineId timeline, Lsn first, Lsn last) {
    const PgId pg = plan_.envelope.pg;
    const auto floor = store_.FloorBoxcar(pg, timeline, first);
    if (!floor.ok()) return floor.status();
    const Lsn from = floor->IsNone() ? first : *floor;
    const auto visit = [&](Lsn first_lsn, BytesRef bytes) {
      return first_lsn <= last && Take(std::move(bytes), first, last);
    };
    const auto status = store_.ScanLog(pg, timeline, from, visit);
    if (status.code() == absl::StatusCode::kDataLoss) {
      ++run_.damaged;  // the scan has gone on behind it
      return absl::OkStatus();
    }
    return status;
  }

  // False once the run is full.
  bool Take(BytesRef bytes, Lsn first, Lsn last) {
    const auto boxcar = quorum::DecodeBoxcar(std::move(bytes));
    if (!boxcar.ok()) {
      ++run_.damaged;
      return true;
    }
    if (!HoldsAny(*boxcar, first, last)) return true;
    if (!run_.boxcars.empty() && bytes_ + boxcar->size() > quorum::kMaxLogPartBytes) {
      run_.more = true;
      return false;
    }
    bytes_ += boxcar->size();
    run_.boxcars.push_back(boxcar->bytes);
    return true;
  }

  const SegmentStore& store_;
  const LogPlan& plan_;
  LogRun run_;
  size_t bytes_ = 0;
};

// A coalescing reads so many pages with one look at the store. Bounds the memory for it.
constexpr ptrdiff_t kPagesAtOnce = 64;

uint64_t BytesOf(const StoreBatch& batch, size_t from) {
  uint64_t bytes = 0;
  for (size_t i = from; i < batch.ops.size(); ++i) {
    if (const auto* put = std::get_if<PutVersion>(&batch.ops[i])) bytes += put->bytes.size();
  }
  return bytes;
}

bool HasImage(const StoreBatch& batch, size_t from) {
  return std::any_of(batch.ops.begin() + static_cast<ptrdiff_t>(from), batch.ops.end(),
                     [](const StoreOp& op) {
                       const auto* put = std::get_if<PutVersion>(&op);
                       return put != nullptr && put->kind == VersionKind::kImage;
                     });
}

// Damage of a page is the page's; anything else is the store's.
absl::StatusOr<std::vector<StoredPage>> ReadStored(const SegmentStore& store,
                                                   const CoalescePlan& plan,
                                                   const std::vector<PageNo>& pages) {
  std::vector<StoredPage> stored;
  for (auto& head : store.ReadVersions(plan.pg, pages, plan.head)) {
    if (!head.ok() && !absl::IsDataLoss(head.status())) return head.status();
    stored.push_back({std::move(head)});
  }
  if (plan.only_head) return stored;
  auto page = stored.begin();
  for (auto& all : store.ReadVersions(plan.pg, pages, plan.visible)) {
    if (!all.ok() && !absl::IsDataLoss(all.status())) return all.status();
    (page++)->all = std::move(all);
  }
  return stored;
}

// Below the newest image at or below the floor nobody reads: every history shares it. A page is
// swept when it gets another image, so its chain costs one such look per page of log; the chain
// index with each coalescing, so that it costs one for each entry.
absl::Status DropSuperseded(const SegmentStore& store, const CoalescePlan& plan, PageNo page,
                            StoreBatch& batch) {
  std::vector<LsnRange> below_floor = plan.head;
  for (LsnRange& range : below_floor) range.last = std::min(range.last, plan.floor);
  std::erase_if(below_floor, [](const LsnRange& range) { return range.last < range.first; });
  auto versions = store.ReadVersions(plan.pg, page, below_floor);
  const bool from_image = versions.ok() && !versions->empty() &&
                          versions->front().kind == VersionKind::kImage &&
                          versions->front().timeline == plan.timeline;
  Lsn last = from_image ? versions->front().lsn.Prev() : Lsn::None();
  while (versions.ok() && !last.IsNone()) {
    versions = store.ReadVersions(plan.pg, page, {LsnRange{plan.timeline, Lsn::First(), last}});
    if (!versions.ok() || versions->empty()) break;
    for (const PageVersion& version : *versions) {
      batch.ops.push_back(DropVersion{plan.pg, page, plan.timeline, version.lsn});
    }
    last = versions->front().lsn.Prev();
  }
  // What is damaged there stays, for the scrub to find.
  return absl::IsDataLoss(versions.status()) ? absl::OkStatus() : versions.status();
}

}  // namespace

absl::StatusOr<quorum::PageRead> RunRead(const SegmentStore& store, const ReadPlan& plan) {
  const auto versions = store.ReadVersions(plan.envelope.pg, plan.page, plan.visible);
  if (!versions.ok()) return versions.status();
  return BuildPage(plan, *versions);
}

absl::StatusOr<LogRun> RunLog(const SegmentStore& store, const LogPlan& plan) {
  return LogRunner(store, plan).Run();
}

absl::StatusOr<quorum::CommitFound> RunFind(const SegmentStore& store, const FindPlan& plan) {
  return FindInChain(plan, [&](Lsn lsn) -> absl::StatusOr<std::optional<PageVersion>> {
    std::vector<LsnRange> visible = plan.visible;
    for (LsnRange& range : visible) range.last = std::min(range.last, lsn);
    std::erase_if(visible, [](const LsnRange& range) { return range.last < range.first; });
    auto versions = store.ReadVersions(plan.envelope.pg, kChainPage, visible);
    if (!versions.ok()) return versions.status();
    if (versions->empty()) return std::nullopt;
    return std::move(versions->front());
  });
}

absl::StatusOr<CoalesceRun> RunCoalesce(SegmentStore& store, const CoalescePlan& plan,
                                        size_t write_bytes) {
  CoalesceRun run;
  uint64_t gathered = 0;
  StoreBatch batch = plan.start;
  const auto write = [&]() -> absl::Status {
    run.bytes += std::exchange(gathered, 0);
    auto status = store.Write({&batch}, Durability::kOrdered);
    batch.ops.clear();
    return status;
  };
  const PlanWork all = GroupByPage(plan);
  for (auto work = all.begin(); work != all.end();) {
    const auto end = work + std::min(all.end() - work, kPagesAtOnce);
    std::vector<PageNo> pages;
    std::transform(work, end, std::back_inserter(pages), [](const PageWork& w) { return w.page; });
    auto stored = ReadStored(store, plan, pages);
    if (!stored.ok()) return stored.status();
    for (auto read = stored->begin(); work != end; ++work, ++read) {
      const size_t from = batch.ops.size();
      if (auto status = CoalescePage(plan, *work, *read, batch); !status.ok()) {
        ++run.damaged_pages;
        run.damage = std::move(status);
      }
      if (HasImage(batch, from)) {
        if (auto status = DropSuperseded(store, plan, work->page, batch); !status.ok()) {
          return status;
        }
      }
      gathered += BytesOf(batch, from);
      if (gathered < write_bytes) continue;
      if (auto status = write(); !status.ok()) return status;
    }
  }
  // What older entries tell is the past of a past that nobody may go back to.
  if (auto status = DropSuperseded(store, plan, kChainPage, batch); !status.ok()) return status;
  PutChain(plan, batch);
  batch.ops.insert(batch.ops.end(), plan.finish.ops.begin(), plan.finish.ops.end());
  if (auto status = write(); !status.ok()) return status;
  return run;
}

}  // namespace hexad::storage_node

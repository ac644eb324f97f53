#include "storage-node/core/visible_run.h"

#include <algorithm>

#include "quorum/base/marks.h"

namespace hexad::storage_node {

using quorum::Boxcar;
using quorum::Path;
using quorum::PathStep;
using quorum::RecordCursor;
using quorum::RecordView;
using quorum::SclTracker;

std::optional<VisibleRun> VisibleIn(const Boxcar& boxcar, const Path& path) {
  const auto& header = boxcar.header;
  const PathStep* step = path.Find(header.timeline, header.epoch);
  if (step == nullptr) return std::nullopt;
  if (header.first_lsn < step->first_lsn || header.first_lsn > step->last_lsn) return std::nullopt;
  if (header.last_lsn <= step->last_lsn) {
    return VisibleRun{header.pg_prev, header.first_lsn, header.last_lsn};
  }
  SOMETIMES(fork_falls_inside_a_boxcar);
  // The fork of the next epoch falls inside: only the records up to it count.
  VisibleRun run{header.pg_prev, header.first_lsn, header.first_lsn};
  RecordCursor cursor(boxcar);
  for (RecordView record; cursor.Next(record) && record.lsn <= step->last_lsn;) {
    run.last = record.lsn;
  }
  return run;
}

std::optional<VisibleRun> PartAbove(const Boxcar& boxcar, VisibleRun run, Lsn scl) {
  if (run.last <= scl) return std::nullopt;
  if (run.first > scl) return run.pg_prev < scl ? std::nullopt : std::optional(run);
  RecordCursor cursor(boxcar);
  for (RecordView record; cursor.Next(record);) {
    if (record.lsn <= scl) continue;
    if (record.pg_prev != scl) return std::nullopt;
    SOMETIMES(chain_ends_inside_a_boxcar);
    return VisibleRun{scl, record.lsn, run.last};
  }
  return std::nullopt;
}

void AddVisible(const Boxcar& boxcar, const Path& path, SclTracker& chain) {
  const auto run = VisibleIn(boxcar, path);
  if (!run.has_value()) return;
  if (const auto part = PartAbove(boxcar, *run, chain.scl())) {
    chain.Add(part->pg_prev, part->first, part->last);
  }
}

Lsn StoredTail(const Path& path, const std::vector<Lsn>& tails, Lsn up_to) {
  Lsn tail;
  for (size_t i = 0; i < path.steps().size(); ++i) {
    const PathStep& step = path.steps()[i];
    if (i == tails.size() || step.last_lsn > up_to) return step.first_lsn <= up_to ? up_to : tail;
    tail = tails[i];
  }
  return tail;
}

std::vector<LsnRange> RangesUpTo(const Path& path, Lsn up_to) {
  std::vector<LsnRange> ranges;
  const auto& steps = path.steps();
  for (auto step = steps.rbegin(); step != steps.rend(); ++step) {
    const Lsn last = std::min(step->last_lsn, up_to);
    if (step->first_lsn <= last) ranges.push_back({step->timeline, step->first_lsn, last});
  }
  return ranges;
}

// What overlaps is of one timeline: LSNs rise along every history that is kept here.
void AddRanges(const std::vector<LsnRange>& ranges, std::vector<LsnRange>& all) {
  all.insert(all.end(), ranges.begin(), ranges.end());
  std::sort(all.begin(), all.end(),
            [](const LsnRange& a, const LsnRange& b) { return a.first > b.first; });
  std::vector<LsnRange> united;
  for (const LsnRange& range : all) {
    const bool overlaps = !united.empty() && united.back().timeline == range.timeline &&
                          united.back().first <= range.last;
    if (overlaps) {
      united.back() = {range.timeline, range.first, std::max(united.back().last, range.last)};
    } else {
      united.push_back(range);
    }
  }
  all = std::move(united);
}

}  // namespace hexad::storage_node

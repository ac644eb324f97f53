#include "storage-node/core/visible_run.h"

#include <algorithm>
#include <functional>
#include <map>

#include "quorum/base/marks.h"

namespace hexad::storage_node {

using quorum::Boxcar;
using quorum::Branch;
using quorum::Path;
using quorum::PathStep;
using quorum::PgPath;
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

std::vector<LsnRange> KeptUpTo(const PgPath& kept, Lsn up_to) {
  std::map<Lsn, LsnRange, std::greater<>> by_first;  // no two epochs that wrote start at the same
  const auto add = [&](const std::vector<LsnRange>& ranges) {
    for (const LsnRange& range : ranges) {
      const auto [at, is_new] = by_first.try_emplace(range.first, range);
      if (!is_new) at->second.last = std::max(at->second.last, range.last);
    }
  };
  add(RangesUpTo(kept.path, up_to));
  for (const Branch& branch : kept.branches) {
    add(RangesUpTo(branch.path, std::min(up_to, branch.end.at)));
  }
  std::vector<LsnRange> ranges;
  for (const auto& [first, range] : by_first) ranges.push_back(range);
  return ranges;
}

}  // namespace hexad::storage_node

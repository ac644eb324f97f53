#include "tests/sim/full_histories.h"

#include <utility>
#include <variant>
#include <vector>

#include "quorum/base/check.h"
#include "quorum/base/marks.h"

namespace hexad::sim {

using quorum::Path;
using quorum::PathStep;
using quorum::PgPath;

const Path& FullHistories::Of(const Path& told) {
  if (told.empty()) return told;
  const PathStep& newest = told.newest();
  const std::pair key(newest.timeline, newest.epoch);
  if (const auto known = full_.find(key); known != full_.end()) return known->second;
  Path full = told;
  if (told.steps().size() > 1) {
    std::vector<PathStep> before(told.steps().begin(), told.steps().end() - 1);
    const Lsn fork = std::exchange(before.back().last_lsn, Lsn::Max());
    const auto parent = Path::FromSteps(std::move(before));
    INVARIANT(parent.ok());
    full = Of(*parent).Fork(
        newest.timeline, newest.epoch, fork, newest.first_lsn,
        newest.backtracked ? quorum::ForkKind::kGoBack : quorum::ForkKind::kContinue);
  }
  if (full.steps().size() > told.steps().size()) SOMETIMES(history_is_told_more_shortly);
  return full_.emplace(key, std::move(full)).first->second;
}

PgPath FullHistories::Of(const PgPath& told) {
  PgPath full{Of(told.path), {}, told.branches};
  for (quorum::Branch& branch : full.branches) {
    branch.path = Of(branch.path);
    branch.tails.clear();
  }
  return full;
}

const Event& FullHistories::Tell(const Event& event) {
  if (const auto* opened = std::get_if<EpochOpened>(&event)) {
    start_ = *opened->start;
    for (PgPath& path : start_.pg_paths) path = Of(path);
    event_ = EpochOpened{opened->writer, &start_};
  } else if (const auto* asked = std::get_if<OpeningAsked>(&event)) {
    if (const auto* begin = std::get_if<quorum::Begin>(asked->request)) (void)Of(begin->path);
    if (!std::holds_alternative<quorum::TakeInventory>(*asked->request)) return event;
    request_ = *asked->request;
    auto& take = std::get<quorum::TakeInventory>(request_);
    take.parent = Of(take.parent);
    event_ = OpeningAsked{asked->opener, asked->node, &request_};
  } else if (const auto* offered = std::get_if<ReadPointOffered>(&event)) {
    ReadPointOffered full = *offered;
    full.history = &Of(*offered->history);
    event_ = full;
  } else if (const auto* read = std::get_if<PageAnswered>(&event)) {
    PageAnswered full = *read;
    full.history = &Of(*read->history);
    event_ = full;
  } else if (const auto* of_clone = std::get_if<CloneRead>(&event)) {
    CloneRead full = *of_clone;
    full.read.history = &Of(*of_clone->read.history);
    event_ = full;
  } else {
    return event;
  }
  return event_;
}

}  // namespace hexad::sim

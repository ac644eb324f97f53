#include "quorum/path_fold.h"

#include <algorithm>
#include <cstddef>
#include <functional>
#include <utility>
#include <vector>

#include "quorum/base/check.h"
#include "quorum/base/marks.h"

namespace hexad::quorum {
namespace {

// Where the timeline's own steps begin: its root's place.
size_t OwnRoot(const Path& path) {
  const auto own =
      std::find_if(path.steps().begin(), path.steps().end(),
                   [&](const PathStep& step) { return step.timeline == path.timeline(); });
  return static_cast<size_t>(own - path.steps().begin());
}

// May step `i` and the one after it be told as one?
bool MayJoin(const Path& path, size_t own_root, size_t i) {
  return i > own_root && i + 2 < path.steps().size() && !path.steps()[i + 1].backtracked;
}

// `ends[i]`: step i is the last of those that are told as one.
PgPath Join(const PgPath& path, const std::vector<bool>& ends) {
  std::vector<PathStep> steps;
  std::vector<Lsn> tails;
  bool open = false;
  for (size_t i = 0; i < ends.size(); ++i) {
    const PathStep& step = path.path.steps()[i];
    if (open) {
      steps.back().epoch = step.epoch;
      steps.back().last_lsn = step.last_lsn;
    } else {
      steps.push_back(step);
    }
    open = !ends[i];
    if (!open && i < path.tails.size()) tails.push_back(path.tails[i]);
  }
  auto joined = Path::FromSteps(std::move(steps));
  INVARIANT(joined.ok());
  return PgPath{*std::move(joined), std::move(tails), path.branches};
}

}  // namespace

PgPath FoldedBefore(const PgPath& path, EpochId settled) {
  const std::vector<PathStep>& steps = path.path.steps();
  const PathStep* at = path.path.Find(path.path.timeline(), settled);
  if (at == nullptr) return path;
  const size_t end = static_cast<size_t>(at - steps.data());
  size_t written = 0;  // the newest step with a record in it
  for (size_t i = 0; i < end; ++i) {
    if (!steps[i].is_empty()) written = i;
  }
  const size_t own_root = OwnRoot(path.path);
  std::vector<bool> ends(steps.size(), true);
  for (size_t i = 0; i + 1 < end; ++i) {
    ends[i] = i == written || !MayJoin(path.path, own_root, i);
  }
  return Join(path, ends);
}

PgPath FoldedLike(const PgPath& path, const PgPath& like) {
  const std::vector<PathStep>& steps = path.path.steps();
  const std::vector<PathStep>& wanted = like.path.steps();
  const size_t own_root = OwnRoot(path.path);
  std::vector<bool> ends(steps.size(), false);
  size_t next = 0;  // of `wanted`
  for (size_t i = 0; i < steps.size(); ++i) {
    ends[i] = next < wanted.size() && steps[i].timeline == wanted[next].timeline &&
              steps[i].epoch == wanted[next].epoch;
    if (ends[i]) {
      ++next;
    } else if (!MayJoin(path.path, own_root, i)) {
      return path;
    }
  }
  if (next != wanted.size() || wanted.size() == steps.size()) return path;
  SOMETIMES(two_tell_one_history_at_different_length);
  PgPath folded = Join(path, ends);
  std::erase_if(folded.branches, [&](const Branch& branch) {
    return BranchLeftBy(like, branch.left_by) == nullptr;
  });
  return folded;
}

}  // namespace hexad::quorum

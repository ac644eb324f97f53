#include "compute/vfs/pending_pages.h"

#include <algorithm>

#include "quorum/base/check.h"

namespace hexad::compute {

void PendingPages::Add(Lsn commit, const WriteWindow& window) {
  INVARIANT(commits_.empty() || commits_.back().lsn < commit);
  Commit& added = commits_.emplace_back(Commit{commit, {}});
  if (const auto from = window.truncated_to()) cuts_.push_back({commit, *from});
  for (const auto& [page, changed] : window.pages()) {
    added.pages.push_back(page);
    versions_[page].push_back({commit, changed.now});
  }
}

const std::string* PendingPages::Find(PageNo page, Lsn read_point) const {
  const Version* newest = nullptr;
  if (const auto at = versions_.find(page); at != versions_.end()) {
    for (const Version& version : at->second) {
      if (version.commit <= read_point) newest = &version;
    }
  }
  const bool cut = std::ranges::any_of(cuts_, [&](const Cut& cut) {
    return cut.from <= page && cut.lsn <= read_point &&
           (newest == nullptr || newest->commit < cut.lsn);
  });
  if (cut) return &zeros_;
  return newest == nullptr ? nullptr : &newest->bytes;
}

void PendingPages::DurableUpTo(Lsn vdl) {
  for (; !commits_.empty() && commits_.front().lsn <= vdl; commits_.pop_front()) {
    for (const PageNo page : commits_.front().pages) {
      const auto at = versions_.find(page);
      INVARIANT(at != versions_.end() && at->second.front().commit == commits_.front().lsn);
      at->second.pop_front();
      if (at->second.empty()) versions_.erase(at);
    }
  }
  while (!cuts_.empty() && cuts_.front().lsn <= vdl) cuts_.pop_front();
}

void PendingPages::Clear() {
  commits_.clear();
  versions_.clear();
  cuts_.clear();
}

}  // namespace hexad::compute

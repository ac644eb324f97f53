// Pages of commits that are ordered and not yet durable, as each commit left them.
//
// Storage answers for what is durable only, and the volume's cache has the newest version only. A
// transaction that began at a commit in between finds its versions here; once the VDL has passed a
// commit, storage has them.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <unordered_map>
#include <vector>

#include "compute/vfs/write_window.h"
#include "quorum/base/types.h"

namespace hexad::compute {

// Deterministic. Not thread-safe.
class PendingPages {
 public:
  explicit PendingPages(uint32_t page_size) : zeros_(page_size, '\0') {}

  // REQUIRES: commits come in LSN order.
  void Add(Lsn commit, const WriteWindow& window);
  // The page as of `read_point`, if a commit in here changed it last; nullptr: storage has it.
  // Valid until the next non-const call.
  const std::string* Find(PageNo page, Lsn read_point) const;
  // Forgets what lies at or below the VDL.
  void DurableUpTo(Lsn vdl);
  void Clear();

  size_t commits() const { return commits_.size(); }

 private:
  struct Version {
    Lsn commit;
    std::string bytes;
  };
  struct Commit {
    Lsn lsn;
    std::vector<PageNo> pages;
  };
  struct Cut {
    Lsn lsn;
    PageNo from;
  };

  const std::string zeros_;
  std::deque<Commit> commits_;
  std::unordered_map<PageNo, std::deque<Version>> versions_;  // by LSN; looked up only
  std::deque<Cut> cuts_;                                      // truncates, by LSN
};

}  // namespace hexad::compute

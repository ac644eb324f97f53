// The volume as it must be: which MTRs exist, which of them are in the history, and every page at
// every read point. The dumb twin of everything below it: a list of writes, applied in order.
//
// An MTR's life, by what clients could know of it:
//
//   issued --acked, or found by an opening--> durable     (for ever)
//     |
//     +------ an opening forks below it ------> annulled  (for ever)
//
// Found is also what an opening leaves behind on a branch: durable, and visible or not by turns.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "quorum/pg_path.h"
#include "tests/sim/event.h"

namespace hexad::sim {

// Does an opening that starts like this keep `lsn`, in its history or on a branch?
bool Keeps(const quorum::PgPath& start, Lsn lsn);

// Which MTRs exist, and what became of each.
class MtrHistory {
 public:
  enum class Fate : uint8_t { kIssued, kDurable, kAnnulled };

  struct Mtr {
    ProcessId writer = 0;
    EpochId epoch;
    Lsn first;
    Lsn commit;
    Fate fate = Fate::kIssued;
    bool acked = false;
  };

  void See(const Event& event);

  // By commit LSN. What is in it stays where it is.
  const std::map<Lsn, Mtr>& mtrs() const { return mtrs_; }
  // The MTR that holds `lsn`, nullptr if none was ever issued there.
  const Mtr* Holding(Lsn lsn) const;

 private:
  void Fork(const quorum::WriterStart& start);

  std::map<Lsn, Mtr> mtrs_;
  EpochId newest_;  // that has opened
};

// The same with every page at every read point.
class ReferenceVolume {
 public:
  explicit ReferenceVolume(uint32_t page_size) : page_size_(page_size) {}

  void See(const Event& event);

  const MtrHistory& history() const { return history_; }
  // The page after every MTR of that history at or below `read_point`, which lies on it.
  const std::string& PageAt(PageNo page, Lsn read_point, const quorum::Path& history) const;
  // One more than the highest page that was ever written; 0: none was.
  uint64_t pages() const { return pages_; }

 private:
  // Of the page images that were asked for, so many are kept per page: readers at old read points
  // come back to them, and the next one is made from the closest below it.
  static constexpr size_t kKeptImages = 8;

  struct Write {
    uint32_t offset = 0;
    std::string bytes;
    bool whole = false;  // the page is exactly `bytes` afterwards
  };
  struct Change {
    const MtrHistory::Mtr* mtr = nullptr;
    Write write;
  };
  struct Cut {
    const MtrHistory::Mtr* mtr = nullptr;
    PageNo from;
  };
  void Add(const MtrIssued& issued);
  // Brings the image of `page` from one read point to a higher one.
  struct Span {
    Lsn from;
    Lsn to;
    const quorum::Path& history;
  };
  void Advance(PageNo page, const Span& span, std::string& image) const;

  const uint32_t page_size_;
  MtrHistory history_;
  std::map<PageNo, std::vector<Change>> changes_;  // by commit LSN
  std::vector<Cut> truncates_;                     // by commit LSN
  uint64_t pages_ = 0;
  // What lies below an LSN is the same on every history that holds it.
  mutable std::map<PageNo, std::map<Lsn, std::string>> images_;
};

}  // namespace hexad::sim

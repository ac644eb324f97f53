// The volume as it must be: which MTRs exist, which of them are in the history, and every page at
// every read point. The dumb twin of everything below it: a list of writes, applied in order.
//
// An MTR's life, by what clients could know of it:
//
//   issued --acked, or found by an opening--> durable     (for ever)
//     |
//     +------ an opening forks below it ------> annulled  (for ever)
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "quorum/path.h"
#include "tests/sim/event.h"

namespace hexad::sim {

class ReferenceVolume {
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

  explicit ReferenceVolume(uint32_t page_size) : page_size_(page_size) {}

  void See(const Event& event);

  // By commit LSN.
  const std::map<Lsn, Mtr>& mtrs() const { return mtrs_; }
  // The MTR that holds `lsn`, nullptr if none was ever issued there.
  const Mtr* Holding(Lsn lsn) const;
  // The page after every MTR at or below `read_point` that is not annulled.
  // REQUIRES: nothing at or below `read_point` is annulled later (it was a VDL).
  std::string PageAt(PageNo page, Lsn read_point) const;
  // One more than the highest page that was ever written; 0: none was.
  uint64_t pages() const { return pages_; }

 private:
  struct Write {
    uint32_t offset = 0;
    std::string bytes;
    bool whole = false;  // the page is exactly `bytes` afterwards
  };
  struct Change {
    Lsn commit;  // of its MTR
    Write write;
  };
  void Add(const MtrIssued& issued);
  void Fork(const quorum::WriterStart& start);
  bool IsAnnulled(Lsn commit) const;

  const uint32_t page_size_;
  std::map<Lsn, Mtr> mtrs_;
  std::map<PageNo, std::vector<Change>> changes_;  // by commit LSN
  struct Cut {
    Lsn commit;
    PageNo from;
  };
  std::vector<Cut> truncates_;  // by commit LSN
  EpochId newest_;              // that has opened
  uint64_t pages_ = 0;
  // The last page image that was asked for, per page: read points mostly rise.
  struct Image {
    Lsn read_point;
    std::string bytes;
  };
  mutable std::map<PageNo, Image> images_;
};

}  // namespace hexad::sim

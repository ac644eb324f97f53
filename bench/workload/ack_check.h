// Is every acknowledged MTR there, and none partly? Fed with an ack log and with pages read at one
// read point; needs nothing else (workload_record.h says why).
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "bench/workload/ack_log.h"

namespace hexad::workload {

struct AckVerdict {
  uint64_t acked = 0;    // lines of the log
  uint64_t present = 0;  // of them, those proved by the pages
  uint64_t missing = 0;
  uint64_t partial_mtrs = 0;               // MTRs of which some record stands and another does not
  uint64_t records = 0;                    // valid records found
  std::vector<std::string> examples = {};  // what is wrong, for people: the first few
  bool ok() const { return missing == 0 && partial_mtrs == 0; }
};

// Not thread-safe.
class AckCheck {
 public:
  // A torn last line (the writer was killed in the middle of it) is left out. NOT_FOUND without
  // such a file, INVALID_ARGUMENT names a line that is none.
  absl::Status LoadAckLog(const std::string& file);
  void Add(const AckLine& line);

  // None() without a line. VDL reached it, whatever the segments were told of VDL since: a writer
  // that ends right after an acknowledgement tells nobody.
  Lsn HighestAcked() const;
  // Pages that must be shown; more may be.
  std::vector<PageNo> PagesNeeded() const;
  // A page as it is at the read point. Each page once.
  void Show(PageNo page, std::string_view bytes);

  AckVerdict Finish() const;

 private:
  using Records = std::vector<WorkloadRecord>;  // by offset
  bool Proves(const Records& found, const WorkloadRecord& acked) const;
  void CheckWhole(AckVerdict& verdict) const;

  std::vector<AckLine> lines_;
  std::map<PageNo, Records> shown_;
};

}  // namespace hexad::workload

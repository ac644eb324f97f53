// The ack log: one line per acknowledged MTR, written after the acknowledgement.
//
//   LSN PAGE CHECKSUM        118204 17 1f4-64.651fa30c.9c0de57a11c0ffee
//
// PAGE is the MTR's first page. CHECKSUM says which bytes the MTR's first record wrote there:
// OFFSET-LENGTH.SEQUENCE.XXH3, in hex.
#pragma once

#include <cstdio>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "bench/workload/workload_record.h"

namespace hexad::workload {

struct AckLine {
  Lsn lsn;
  WorkloadRecord record;  // position 0; count is not in the line, and 1 here
  friend bool operator==(const AckLine&, const AckLine&) = default;
};

std::string FormatAckLine(const AckLine& line);  // without the line's end
// INVALID_ARGUMENT says what is wrong.
absl::StatusOr<AckLine> ParseAckLine(std::string_view line);

// Appends to a file. Not thread-safe.
class AckLogWriter {
 public:
  // Appends to what is there. NOT_FOUND or PERMISSION_DENIED if it cannot be opened.
  static absl::StatusOr<std::unique_ptr<AckLogWriter>> Open(const std::string& file);
  ~AckLogWriter();

  void Add(const AckLine& line);
  // Hands everything to the operating system: it survives this process, however it dies.
  absl::Status Flush();

 private:
  explicit AckLogWriter(int fd, std::string file) : fd_(fd), file_(std::move(file)) {}
  const int fd_;
  const std::string file_;
  std::string pending_;
};

}  // namespace hexad::workload

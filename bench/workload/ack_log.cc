#include "bench/workload/ack_log.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>

#include "absl/strings/str_cat.h"

namespace hexad::workload {
namespace {

// Takes a number off the front of `rest`, up to and including `end` (or the end of the text if
// `end` is 0). False if it is none.
template <class T>
bool TakeNumber(std::string_view& rest, int base, char end, T& out) {
  const auto [at, error] = std::from_chars(rest.data(), rest.data() + rest.size(), out, base);
  if (error != std::errc() || at == rest.data()) return false;
  rest.remove_prefix(static_cast<size_t>(at - rest.data()));
  if (end == 0) return rest.empty();
  if (!rest.starts_with(end)) return false;
  rest.remove_prefix(1);
  return true;
}

}  // namespace

std::string FormatAckLine(const AckLine& line) {
  const WorkloadRecord& r = line.record;
  return absl::StrCat(line.lsn.value(), " ", r.page.value(), " ", absl::Hex(r.offset), "-",
                      absl::Hex(r.length), ".", absl::Hex(r.sequence), ".",
                      absl::Hex(r.checksum, absl::kZeroPad16));
}

absl::StatusOr<AckLine> ParseAckLine(std::string_view line) {
  std::string_view rest = line;
  AckLine out;
  uint64_t lsn = 0;
  uint32_t page = 0;
  WorkloadRecord& r = out.record;
  const bool ok = TakeNumber(rest, 10, ' ', lsn) && TakeNumber(rest, 10, ' ', page) &&
                  TakeNumber(rest, 16, '-', r.offset) && TakeNumber(rest, 16, '.', r.length) &&
                  TakeNumber(rest, 16, '.', r.sequence) && TakeNumber(rest, 16, 0, r.checksum);
  if (!ok || lsn == 0 || r.length < kMinRecordBytes || r.length > kMaxRecordBytes ||
      r.offset >= kMaxRecordBytes) {
    return absl::InvalidArgumentError(absl::StrCat("not an ack log line (LSN PAGE CHECKSUM): '",
                                                   std::string(line.substr(0, 80)), "'"));
  }
  out.lsn = Lsn(lsn);
  r.page = PageNo(page);
  return out;
}

absl::StatusOr<std::unique_ptr<AckLogWriter>> AckLogWriter::Open(const std::string& file) {
  const int fd = open(file.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
  if (fd < 0) {
    return absl::ErrnoToStatus(errno, absl::StrCat("cannot write the ack log ", file));
  }
  return std::unique_ptr<AckLogWriter>(new AckLogWriter(fd, file));
}

AckLogWriter::~AckLogWriter() {
  Flush().IgnoreError();
  close(fd_);
}

void AckLogWriter::Add(const AckLine& line) {
  pending_ += FormatAckLine(line);
  pending_ += '\n';
}

absl::Status AckLogWriter::Flush() {
  std::string_view rest = pending_;
  while (!rest.empty()) {
    const ssize_t written = write(fd_, rest.data(), rest.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) {
      return absl::ErrnoToStatus(errno, absl::StrCat("cannot write the ack log ", file_));
    }
    rest.remove_prefix(static_cast<size_t>(written));
  }
  pending_.clear();
  return absl::OkStatus();
}

}  // namespace hexad::workload

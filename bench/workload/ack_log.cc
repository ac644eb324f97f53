#include "bench/workload/ack_log.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
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

namespace {

// A writer that was killed in the middle of a line leaves half of one: what follows must not be
// glued to it. (That line's MTR was acknowledged, and nobody will ask for it.)
absl::Status CutTornLine(int fd, const std::string& file) {
  constexpr off_t kLongestLine = 256;
  char tail[kLongestLine];
  const off_t end = lseek(fd, 0, SEEK_END);
  if (end < 0 && errno == ESPIPE) return absl::OkStatus();
  const off_t from = std::max<off_t>(0, end - kLongestLine);
  const ssize_t got = end < 0 ? -1 : pread(fd, tail, static_cast<size_t>(end - from), from);
  if (got < 0) return absl::ErrnoToStatus(errno, absl::StrCat("cannot read the ack log ", file));
  std::string_view torn(tail, static_cast<size_t>(got));
  if (const size_t newline = torn.rfind('\n'); newline != std::string_view::npos) {
    torn.remove_prefix(newline + 1);
  }
  if (torn.size() == kLongestLine ||
      torn.find_first_not_of("0123456789abcdef .-") != std::string_view::npos) {
    return absl::InvalidArgumentError(absl::StrCat(file, " is no ack log: its last line is none"));
  }
  const off_t whole = end - static_cast<off_t>(torn.size());
  if (whole < end && ftruncate(fd, whole) != 0) {
    return absl::ErrnoToStatus(errno, absl::StrCat("cannot cut the ack log ", file));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<AckLogWriter>> AckLogWriter::Open(const std::string& file) {
  const int fd = open(file.c_str(), O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
  if (fd < 0) {
    return absl::ErrnoToStatus(errno, absl::StrCat("cannot write the ack log ", file));
  }
  auto writer = std::unique_ptr<AckLogWriter>(new AckLogWriter(fd, file));
  if (absl::Status cut = CutTornLine(fd, file); !cut.ok()) return cut;
  return writer;
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
  size_t done = 0;
  absl::Status status;
  while (done < pending_.size() && status.ok()) {
    const ssize_t written = write(fd_, pending_.data() + done, pending_.size() - done);
    if (written >= 0) {
      done += static_cast<size_t>(written);
    } else if (errno != EINTR) {
      status = absl::ErrnoToStatus(errno, absl::StrCat("cannot write the ack log ", file_));
    }
  }
  pending_.erase(0, done);  // the rest may be tried again
  return status;
}

}  // namespace hexad::workload

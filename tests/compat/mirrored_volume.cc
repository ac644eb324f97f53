#include "tests/compat/mirrored_volume.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <string_view>

#include "absl/strings/str_cat.h"

namespace hexad::compat {
namespace {

constexpr std::string_view kMagic("SQLite format 3\0", 16);
constexpr time_t kLongAgo = 946'684'800;  // 2000-01-01: no file that is written now looks so
constexpr time_t kMostPid = 1 << 22;

uint64_t BigEndian(std::string_view bytes, size_t at, size_t count) {
  uint64_t value = 0;
  for (size_t i = 0; i < count; ++i) value = value << 8 | static_cast<uint8_t>(bytes[at + i]);
  return value;
}

// What the header of a database says (its file format, section 1.3).
uint64_t BytesInHeader(const std::string& first) {
  if (!first.starts_with(kMagic)) return 0;
  const uint64_t page_bytes = BigEndian(first, 16, 2);
  return (page_bytes == 1 ? 65'536 : page_bytes) * BigEndian(first, 28, 4);
}

absl::Status Errno(const std::string& what) { return absl::ErrnoToStatus(errno, what); }

}  // namespace

absl::StatusOr<std::shared_ptr<MirroredVolume>> MirroredVolume::Open(const std::string& path) {
  int descriptor = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (descriptor < 0 && errno == EACCES) descriptor = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return Errno(path);
  std::shared_ptr<MirroredVolume> volume(new MirroredVolume(descriptor, path));
  const std::lock_guard lock(volume->file_mutex_);
  if (const absl::Status taken = volume->TakeOver(); !taken.ok()) return taken;
  return volume;
}

MirroredVolume::~MirroredVolume() { close(descriptor_); }

bool MirroredVolume::IsAt(const std::string& path) const {
  struct stat there = {};
  struct stat here = {};
  return stat(path.c_str(), &there) == 0 && fstat(descriptor_, &here) == 0 &&
         there.st_ino == here.st_ino && there.st_dev == here.st_dev;
}

bool MirroredVolume::IsAsLeft(const struct stat& now) const {
  return now.st_size == left_.st_size && now.st_mtim.tv_sec == left_.st_mtim.tv_sec &&
         now.st_mtim.tv_nsec == left_.st_mtim.tv_nsec;
}

absl::Status MirroredVolume::Mark() {
  static std::atomic<int> marks = 0;
  const struct timespec mark = {kLongAgo + getpid(), ++marks};
  const struct timespec times[2] = {mark, mark};
  if (futimens(descriptor_, times) != 0) return Errno("marking the file");
  return fstat(descriptor_, &left_) == 0 ? absl::OkStatus() : Errno("looking at the file");
}

absl::Status MirroredVolume::TakeOver() {
  struct stat now = {};
  if (fstat(descriptor_, &now) != 0) return Errno("looking at the file");
  if (IsAsLeft(now)) return absl::OkStatus();
  compute::Mtr mtr(page_size());
  mtr.Truncate(PageNo(0));
  std::string page(page_size(), '\0');
  for (off_t at = 0; at < now.st_size; at += page_size()) {
    std::fill(page.begin(), page.end(), '\0');
    if (pread(descriptor_, page.data(), page.size(), at) < 0) return Errno("reading the file");
    const auto number = PageNo(static_cast<uint32_t>(at / page_size()));
    if (const auto written = mtr.WriteImage(number, page); !written.ok()) return written;
  }
  if (now.st_size > 0 || vdl() != Lsn::None()) {
    const auto commit = MemoryVolume::Commit(std::move(mtr));
    if (!commit.ok()) return commit.status();
  }
  left_ = now;
  // What another process left is marked already. Else: a file that is written twice within a tick
  // of the clock looks as it did.
  const bool marked = now.st_mtim.tv_sec >= kLongAgo && now.st_mtim.tv_sec < kLongAgo + kMostPid;
  return marked ? absl::OkStatus() : Mark();
}

absl::Status MirroredVolume::WriteBack(const std::set<PageNo>& pages, Lsn commit) {
  for (const PageNo page : pages) {
    const auto now = ReadPage(page, commit);
    if (!now.ok()) return now.status();
    const off_t at = static_cast<off_t>(page.value()) * page_size();
    if (pwrite(descriptor_, now->page.data(), page_size(), at) < 0) return Errno("writing a page");
  }
  const auto first = ReadPage(PageNo(0), commit);
  if (!first.ok()) return first.status();
  if (ftruncate(descriptor_, static_cast<off_t>(BytesInHeader(first->page))) != 0) {
    return Errno("cutting the file");
  }
  return Mark();
}

absl::StatusOr<Lsn> MirroredVolume::CommitAfter(Lsn newest, compute::Mtr mtr) {
  const std::lock_guard lock(file_mutex_);
  if (const absl::Status taken = TakeOver(); !taken.ok()) return taken;
  std::set<PageNo> pages;
  for (const auto& change : mtr.changes()) {
    if (change.kind != quorum::RecordKind::kTruncate) pages.insert(change.page);
  }
  const auto commit = MemoryVolume::CommitAfter(newest, std::move(mtr));
  if (!commit.ok()) return commit;
  if (const absl::Status written = WriteBack(pages, *commit); !written.ok()) return written;
  return commit;
}

Lsn MirroredVolume::newest() const {
  const std::lock_guard lock(self_.file_mutex_);
  const absl::Status taken = self_.TakeOver();
  if (!taken.ok()) std::fprintf(stderr, "hexad-suite: %s\n", taken.ToString().c_str());
  return MemoryVolume::newest();
}

}  // namespace hexad::compat

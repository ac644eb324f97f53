#include "compute/vfs/database_file.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "quorum/base/check.h"

namespace hexad::compute {
namespace {

// SQLite's file format, section 1.3.
constexpr std::string_view kMagic("SQLite format 3\0", 16);
constexpr size_t kHeaderBytes = 100;
constexpr size_t kPageSizeAt = 16;   // 2 bytes; 1 stands for 65,536
constexpr size_t kPageCountAt = 28;  // 4 bytes
// What SQLite compares to learn whether its pages are still right: change counter to page count.
constexpr uint64_t kVersionAt = 24;
constexpr size_t kVersionBytes = 16;

uint64_t BigEndian(std::string_view bytes, size_t at, size_t count) {
  uint64_t value = 0;
  for (size_t i = 0; i < count; ++i) value = value << 8 | static_cast<uint8_t>(bytes[at + i]);
  return value;
}

}  // namespace

// Reads outside of a transaction (SQLite looks at the header before it locks) see a moment of their
// own.
class DatabaseFile::Borrowed {
 public:
  explicit Borrowed(DatabaseFile& file) : file_(file) {
    if (file.snapshot_.has_value()) return;
    auto begun = file.database_->Begin(SnapshotKind::kDurable);
    status_ = begun.status();
    if (begun.ok()) file.snapshot_ = *std::move(begun);
    borrowed_ = begun.ok();
  }
  ~Borrowed() {
    if (!borrowed_) return;
    file_.snapshot_.reset();
    file_.size_.reset();
  }
  const absl::Status& status() const { return status_; }

 private:
  DatabaseFile& file_;
  absl::Status status_;
  bool borrowed_ = false;
};

DatabaseFile::DatabaseFile(std::shared_ptr<Database> database)
    : database_(std::move(database)), page_size_(database_->page_size()), window_(page_size_) {}

absl::StatusOr<DatabaseFile::LockOutcome> DatabaseFile::Lock(FileLock lock) {
  if (lock <= lock_) return LockOutcome::kGranted;
  if (lock_ == FileLock::kNone) {
    INVARIANT(lock == FileLock::kShared && !snapshot_.has_value());
    auto begun = database_->Begin(kind_);
    if (!begun.ok()) return begun.status();
    snapshot_ = *std::move(begun);
    of_snapshot_ = kind_ == SnapshotKind::kNewest ? snapshot_->read_point : Lsn::None();
    seen_ = std::max(seen_, of_snapshot_);
    lock_ = lock;
    return LockOutcome::kGranted;
  }
  if (lock_ >= FileLock::kReserved) {
    lock_ = lock;
    return LockOutcome::kGranted;
  }
  if (database_->read_only()) return LockOutcome::kReadOnly;
  switch (database_->TakeWriterPlace(this, *snapshot_)) {
    case Database::WriterPlace::kTaken:
      return LockOutcome::kBusy;
    case Database::WriterPlace::kStale:
      return LockOutcome::kStale;
    case Database::WriterPlace::kGiven:
      break;
  }
  lock_ = lock;
  return LockOutcome::kGranted;
}

void DatabaseFile::Unlock(FileLock lock) {
  if (lock >= lock_) return;
  if (lock_ >= FileLock::kReserved) {
    if (!window_.empty()) size_.reset();
    window_.Clear();
    database_->LeaveWriterPlace(this);
  }
  lock_ = lock;
  if (lock == FileLock::kNone) {
    snapshot_.reset();
    size_.reset();
  }
}

absl::StatusOr<std::string> DatabaseFile::PageNow(PageNo page) {
  if (const std::string* written = window_.Find(page)) return *written;
  if (window_.IsCutOff(page)) return std::string(page_size_, '\0');
  return database_->Read(page, *snapshot_);
}

absl::StatusOr<uint64_t> DatabaseFile::SizeInHeader() {
  const auto first = PageNow(PageNo(0));
  if (!first.ok()) return first.status();
  static_assert(kHeaderBytes <= quorum::kMinPageSize);
  if (!std::string_view(*first).starts_with(kMagic)) {
    // What is not empty is not overwritten: SQLite finds one page here that is no database's.
    return first->find_first_not_of('\0') == std::string::npos ? 0 : page_size_;
  }
  const uint64_t page_bytes = BigEndian(*first, kPageSizeAt, 2);
  return (page_bytes == 1 ? 65'536 : page_bytes) * BigEndian(*first, kPageCountAt, 4);
}

absl::StatusOr<uint64_t> DatabaseFile::Size() {
  const Borrowed borrowed(*this);
  if (!borrowed.status().ok()) return borrowed.status();
  if (!size_.has_value()) {
    const auto size = SizeInHeader();
    if (!size.ok()) return size.status();
    size_ = *size;
  }
  return *size_;
}

absl::StatusOr<size_t> DatabaseFile::Read(uint64_t offset, std::span<char> out) {
  const Borrowed borrowed(*this);
  if (!borrowed.status().ok()) return borrowed.status();
  const auto size = Size();
  if (!size.ok()) return size.status();
  const size_t inside =
      offset >= *size ? 0 : static_cast<size_t>(std::min<uint64_t>(out.size(), *size - offset));
  for (size_t done = 0; done < inside;) {
    const uint64_t at = offset + done;
    const auto page = PageNow(PageNo(static_cast<uint32_t>(at / page_size_)));
    if (!page.ok()) return page.status();
    const size_t in_page = at % page_size_;
    const size_t count = std::min(inside - done, page_size_ - in_page);
    std::memcpy(out.data() + done, page->data() + in_page, count);
    done += count;
  }
  std::fill(out.begin() + static_cast<std::ptrdiff_t>(inside), out.end(), '\0');
  // The first look of a transaction. Of another lineage than the pages that SQLite holds, the same
  // version may stand for other pages: it is made to differ, once.
  if (offset == kVersionAt && out.size() == kVersionBytes) {
    if (lineage_.has_value() && *lineage_ != snapshot_->lineage) {
      for (char& byte : out) byte = static_cast<char>(~byte);
    }
    lineage_ = snapshot_->lineage;
  }
  return inside;
}

absl::Status DatabaseFile::Overlay(uint64_t offset, std::string_view bytes) {
  while (!bytes.empty()) {
    const PageNo page(static_cast<uint32_t>(offset / page_size_));
    const auto in_page = static_cast<uint32_t>(offset % page_size_);
    const std::string_view part = bytes.substr(0, page_size_ - in_page);
    if (window_.Find(page) == nullptr) {
      auto before = PageNow(page);
      if (!before.ok()) return before.status();
      window_.Add(page, *std::move(before));
    }
    window_.Write(page, in_page, part);
    offset += part.size();
    bytes.remove_prefix(part.size());
  }
  return absl::OkStatus();
}

absl::Status DatabaseFile::Write(uint64_t offset, std::string_view bytes) {
  // Whoever opens with nolock=1 never asks for one.
  if (lock_ < FileLock::kReserved) return absl::FailedPreconditionError("written without a lock");
  const auto size = Size();
  if (!size.ok()) return size.status();
  const uint64_t end = offset + bytes.size();
  if (end / page_size_ > std::numeric_limits<uint32_t>::max()) {
    return absl::ResourceExhaustedError(absl::StrCat("a database of ", end, " bytes is too large"));
  }
  if (const absl::Status written = Overlay(offset, bytes); !written.ok()) return written;
  size_ = std::max(*size, end);
  return absl::OkStatus();
}

absl::Status DatabaseFile::Truncate(uint64_t size) {
  if (lock_ < FileLock::kReserved) return absl::FailedPreconditionError("cut without a lock");
  const uint64_t whole = (size + page_size_ - 1) / page_size_;
  window_.Truncate(PageNo(static_cast<uint32_t>(whole)));
  // The rest of a page that was cut in the middle.
  if (size % page_size_ != 0) {
    const std::string zeros(page_size_ - size % page_size_, '\0');
    if (const absl::Status written = Overlay(size, zeros); !written.ok()) return written;
  }
  size_ = size;
  return absl::OkStatus();
}

absl::Status DatabaseFile::Commit() {
  if (window_.empty()) return absl::OkStatus();
  const Lsn before = snapshot_->read_point;
  const absl::Status committed = database_->Commit(this, window_, *snapshot_);
  if (!committed.ok()) return committed;
  window_.Clear();
  of_snapshot_ = snapshot_->read_point;
  seen_ = std::max(seen_, of_snapshot_);
  if (snapshot_->read_point != before) committed_ = snapshot_->read_point;
  return absl::OkStatus();
}

}  // namespace hexad::compute

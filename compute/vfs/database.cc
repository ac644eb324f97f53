#include "compute/vfs/database.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "quorum/base/check.h"

namespace hexad::compute {
namespace {

constexpr Duration kFollowTimeout = Duration::Seconds(10);

absl::Status LineageEnded() {
  return MakeUserError(UserError::kRetry,
                       "the volume went back or was opened again since this transaction began");
}

}  // namespace

Database::Database(std::shared_ptr<Volume> volume)
    : volume_(std::move(volume)),
      page_size_(volume_->page_size()),
      pending_(page_size_),
      newest_(volume_->vdl()) {}

absl::StatusOr<std::shared_ptr<Database>> Database::AsOf(std::shared_ptr<Volume> volume,
                                                         Lsn read_point) {
  auto view = volume->PinReadPointAt(read_point);
  if (!view.ok()) return view.status();
  auto database = std::make_shared<Database>(std::move(volume));
  database->fixed_ = *std::move(view);
  return database;
}

bool Database::IsAsLeft() const { return committing_ || volume_->newest() == newest_; }

// Somebody else ordered commits whose pages are not here: they can be read once they are durable.
absl::Status Database::FollowVolume() {
  const Lsn found = volume_->newest();
  if (found > volume_->vdl()) {
    const absl::Status durable = volume_->WaitDurable(found, kFollowTimeout);
    if (!durable.ok()) return durable;
  }
  const std::lock_guard lock(mutex_);
  if (IsAsLeft()) return absl::OkStatus();
  pending_.Clear();
  newest_ = found;
  ++lineage_;
  return absl::OkStatus();
}

// REQUIRES: mutex_ held.
std::shared_ptr<const ReadView> Database::PinDurable() {
  auto view = last_view_.lock();
  if (view != nullptr && view->read_point() == volume_->vdl()) return view;
  view = volume_->PinReadPoint();
  last_view_ = view;
  return view;
}

absl::StatusOr<Snapshot> Database::Begin(SnapshotKind kind) {
  if (fixed_ != nullptr) return Snapshot{fixed_->read_point(), 1, fixed_};
  for (;;) {
    {
      const std::lock_guard lock(mutex_);
      if (IsAsLeft()) {
        Snapshot snapshot{Lsn(), lineage_, PinDurable()};
        const Lsn durable = snapshot.view->read_point();
        pending_.DurableUpTo(durable);
        // A commit under way may be durable before it is known here as the newest.
        snapshot.read_point = kind == SnapshotKind::kDurable ? std::min(durable, newest_) : newest_;
        return snapshot;
      }
    }
    if (const absl::Status followed = FollowVolume(); !followed.ok()) return followed;
  }
}

absl::StatusOr<std::string> Database::Read(PageNo page, const Snapshot& snapshot) {
  {
    const std::lock_guard lock(mutex_);
    if (snapshot.lineage != lineage_) return LineageEnded();
    if (const std::string* pending = pending_.Find(page, snapshot.read_point)) return *pending;
  }
  // Not among the pending ones: then no commit above the VDL, read after that, changed it.
  auto read = volume_->ReadPage(page, std::min(snapshot.read_point, volume_->vdl()));
  if (!read.ok()) return read.status();
  return std::move(read->page);
}

Database::WriterPlace Database::TakeWriterPlace(const void* who, const Snapshot& snapshot) {
  const std::lock_guard lock(mutex_);
  if (writer_ != who && (writer_ != nullptr || !waiters_.empty())) return WriterPlace::kTaken;
  const bool newest = snapshot.lineage == lineage_ && snapshot.read_point == newest_;
  if (!newest || !IsAsLeft()) return WriterPlace::kStale;
  writer_ = who;
  return WriterPlace::kGiven;
}

bool Database::AwaitWriterPlace(const void* who, std::function<void()> granted) {
  const std::lock_guard lock(mutex_);
  if (writer_ == nullptr) writer_ = who;
  if (writer_ == who) return true;
  const bool waits =
      std::ranges::any_of(waiters_, [&](const Waiter& waiter) { return waiter.who == who; });
  if (!waits) waiters_.push_back({who, std::move(granted)});
  return false;
}

void Database::LeaveWriterPlace(const void* who) {
  std::function<void()> granted;
  {
    const std::lock_guard lock(mutex_);
    std::erase_if(waiters_, [&](const Waiter& waiter) { return waiter.who == who; });
    if (writer_ != who) return;
    writer_ = nullptr;
    if (waiters_.empty()) return;
    writer_ = waiters_.front().who;
    granted = std::move(waiters_.front().granted);
    waiters_.pop_front();
  }
  granted();
}

bool Database::WriterPlaceTaken() const {
  const std::lock_guard lock(mutex_);
  return writer_ != nullptr;
}

bool Database::HasWriterPlace(const void* who) const {
  const std::lock_guard lock(mutex_);
  return writer_ == who;
}

bool Database::HoldsOthersUp(const void* who) const {
  const std::lock_guard lock(mutex_);
  return writer_ == who && !waiters_.empty();
}

absl::Status Database::Commit(const void* who, const WriteWindow& window, Snapshot& snapshot) {
  Mtr mtr = window.Seal();
  {
    const std::lock_guard lock(mutex_);
    INVARIANT(writer_ == who && !committing_);
    if (snapshot.lineage != lineage_) return LineageEnded();
    if (mtr.empty()) return absl::OkStatus();
    committing_ = true;
  }
  const absl::StatusOr<Lsn> commit = volume_->CommitAfter(snapshot.read_point, std::move(mtr));
  const std::lock_guard lock(mutex_);
  committing_ = false;
  if (!commit.ok()) return commit.status();
  INVARIANT(*commit > newest_);
  pending_.Add(*commit, window);
  newest_ = *commit;
  snapshot.read_point = *commit;
  return absl::OkStatus();
}

}  // namespace hexad::compute

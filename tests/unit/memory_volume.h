// A volume in memory: every version of every page, and commits that become durable when the test
// says so. What Volume promises, without storage nodes.
#pragma once

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "compute/core/page_cache.h"
#include "compute/core/redo_generator.h"
#include "tests/unit/idle_volume.h"

namespace hexad::unit {

class MemoryVolume : public IdleVolume {
 public:
  explicit MemoryVolume(std::string name = "memory") : name_(std::move(name)) {}

  // Everything that is committed is durable at once, until this is set to false.
  bool durable_at_once = true;

  absl::StatusOr<Lsn> Commit(compute::Mtr mtr) override {
    const std::lock_guard lock(mutex_);
    return Take(mtr);
  }
  absl::StatusOr<Lsn> CommitAfter(Lsn newest, compute::Mtr mtr) override {
    const std::lock_guard lock(mutex_);
    if (!refuse_next_.ok()) return std::exchange(refuse_next_, absl::OkStatus());
    if (newest != newest_) return compute::MakeUserError(compute::UserError::kRetry, "changed");
    return Take(mtr);
  }
  absl::Status WaitDurable(Lsn lsn, Duration) override {
    const std::lock_guard lock(mutex_);
    if (lsn <= vdl_) return absl::OkStatus();
    return compute::MakeUserError(compute::UserError::kCommitUnknown, "not durable");
  }
  void OnDurable(Lsn lsn, DurableCallback done) override {
    absl::Status fate;
    {
      const std::lock_guard lock(mutex_);
      if (!path_.CanForkAt(lsn)) {
        fate = compute::MakeUserError(compute::UserError::kRetry, "left by a backtrack");
      } else if (lsn > vdl_) {
        waiting_.emplace(lsn, std::move(done));
        more_wait_.notify_all();
        return;
      }
    }
    done(fate);
  }
  std::shared_ptr<const compute::ReadView> PinReadPoint() override {
    const std::lock_guard lock(mutex_);
    return std::make_shared<View>(vdl_);
  }
  absl::StatusOr<std::shared_ptr<const compute::ReadView>> PinReadPointAt(Lsn at) override {
    return std::shared_ptr<const compute::ReadView>(std::make_shared<View>(at));
  }
  absl::StatusOr<compute::PageSnapshot> ReadPage(PageNo page, Lsn read_point) override {
    const std::lock_guard lock(mutex_);
    if (read_point > vdl_) return absl::OutOfRangeError("above the VDL");
    return At(page, read_point);
  }
  absl::StatusOr<backtrack::CommitsAround> Locate(
      const backtrack::BacktrackTarget& target) override {
    const std::lock_guard lock(mutex_);
    return Around(target);
  }
  absl::StatusOr<compute::Backtracked> Backtrack(
      const backtrack::BacktrackTarget& target) override {
    backtrack::CommitsAround around;
    {
      const std::lock_guard lock(mutex_);
      const Lsn* lsn = std::get_if<Lsn>(&target);
      around = Around(target);
      if (!around.before.has_value() || (lsn != nullptr && *lsn > vdl_)) {
        return absl::OutOfRangeError("there is no such place");
      }
    }
    GoBackTo(around.before->lsn);
    return compute::Backtracked{*around.before, around.after};
  }
  // As if one segment had it five microseconds later, and the quorum seven.
  std::optional<compute::CommitReceipt> ReceiptOf(Lsn commit) const override {
    const std::lock_guard lock(mutex_);
    if (commit == Lsn::None() || commit > vdl_) return std::nullopt;
    return compute::CommitReceipt{
        commit, path_.epoch(), Duration::Micros(7), {{PgId(1), NodeId("n1"), Duration::Micros(5)}}};
  }
  compute::VolumeStatus Status() const override {
    const std::lock_guard lock(mutex_);
    compute::VolumeStatus status;
    status.name = name_;
    status.mode = compute::VolumeMode::kReadWrite;
    status.epoch = path_.epoch();
    status.vdl = status.vcl = vdl_;
    status.manifest.timeline = path_.timeline();
    status.history = quorum::PgPath{path_, {}, {}};
    return status;
  }
  Lsn vdl() const override {
    const std::lock_guard lock(mutex_);
    return vdl_;
  }
  bool IsDurable(Lsn lsn) const override {
    const std::lock_guard lock(mutex_);
    return lsn <= vdl_ && path_.CanForkAt(lsn);
  }
  Lsn newest() const override {
    const std::lock_guard lock(mutex_);
    return newest_;
  }

  void MakeDurable() {
    std::multimap<Lsn, DurableCallback> durable;
    {
      const std::lock_guard lock(mutex_);
      vdl_ = newest_;
      durable.swap(waiting_);
    }
    for (const auto& [lsn, done] : durable) done(absl::OkStatus());
  }
  // Nobody will know whether what waits became durable.
  void GiveUpOnWhatWaits(const absl::Status& why) {
    std::multimap<Lsn, DurableCallback> lost;
    {
      const std::lock_guard lock(mutex_);
      lost.swap(waiting_);
    }
    for (const auto& [lsn, done] : lost) done(why);
  }
  // Until so many wait for their commits to be durable; false if that takes ten seconds.
  bool AwaitWaiting(size_t count) {
    std::unique_lock lock(mutex_);
    return more_wait_.wait_for(lock, std::chrono::seconds(10),
                               [&] { return waiting_.size() == count; });
  }
  // What a backtrack does: everything above is gone, and its LSNs are not used again.
  void GoBackTo(Lsn lsn) {
    const std::lock_guard lock(mutex_);
    for (auto& [page, versions] : pages_) versions.erase(versions.upper_bound(lsn), versions.end());
    last_used_ = std::max(last_used_, newest_);
    newest_ = vdl_ = lsn;
    std::erase_if(commits_, [lsn](Lsn commit) { return commit > lsn; });
    const EpochId next{path_.epoch().number + 1, 1};
    path_ = path_.Fork(path_.timeline(), next, lsn, last_used_.Next());
  }
  void RefuseNext(absl::Status why) {
    const std::lock_guard lock(mutex_);
    refuse_next_ = std::move(why);
  }
  // Payload bytes of each MTR, in order.
  std::vector<size_t> mtr_bytes() const { return mtr_bytes_; }

 private:
  struct View : compute::ReadView {
    explicit View(Lsn at) : at(at) {}
    Lsn read_point() const override { return at; }
    const Lsn at;
  };

  compute::PageSnapshot At(PageNo page, Lsn read_point) const {
    compute::PageSnapshot found{std::string(page_size(), '\0'), Lsn::None()};
    const auto versions = pages_.find(page);
    if (versions == pages_.end()) return found;
    const auto after = versions->second.upper_bound(read_point);
    if (after != versions->second.begin())
      found = {std::prev(after)->second, std::prev(after)->first};
    return found;
  }

  Lsn Take(const compute::Mtr& mtr) {
    const Lsn lsn = std::max(newest_, last_used_).Next();
    for (const auto& change : mtr.changes()) {
      if (change.kind == quorum::RecordKind::kTruncate) {
        for (auto& [page, versions] : pages_) {
          if (page >= change.page) versions[lsn] = std::string(page_size(), '\0');
        }
        continue;
      }
      std::string bytes = At(change.page, lsn).page;
      bytes.replace(change.offset, change.length, mtr.BytesOf(change));
      pages_[change.page][lsn] = std::move(bytes);
    }
    mtr_bytes_.push_back(mtr.bytes());
    newest_ = lsn;
    commits_.push_back(lsn);
    if (durable_at_once) vdl_ = lsn;
    return lsn;
  }

  // By LSN: nothing here has a time.
  backtrack::CommitsAround Around(const backtrack::BacktrackTarget& target) const {
    backtrack::CommitsAround around;
    const Lsn* lsn = std::get_if<Lsn>(&target);
    for (const Lsn commit : commits_) {
      if (lsn != nullptr && commit <= *lsn) {
        around.before = quorum::CommitPoint{commit, CommitTime(0)};
      } else if (!around.after.has_value()) {
        around.after = quorum::CommitPoint{commit, CommitTime(0)};
      }
    }
    return around;
  }

  const std::string name_;
  mutable std::mutex mutex_;
  quorum::Path path_ = quorum::Path::Root(TimelineId(0x1f));
  std::vector<Lsn> commits_;
  std::map<PageNo, std::map<Lsn, std::string>> pages_;
  Lsn newest_;
  Lsn vdl_;
  Lsn last_used_;
  absl::Status refuse_next_;
  std::multimap<Lsn, DurableCallback> waiting_;
  std::condition_variable more_wait_;
  std::vector<size_t> mtr_bytes_;
};

}  // namespace hexad::unit

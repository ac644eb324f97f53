// A volume's life in this process: opened, gone back, closed.
#include <atomic>
#include <utility>

#include "absl/strings/str_cat.h"
#include "compute/host/volume_host.h"
#include "compute/host/volume_turn.h"
#include "quorum/base/check.h"

namespace hexad::compute {

using backtrack::OpenMode;

namespace {

constexpr Duration kCloseTimeout = Duration::Seconds(2);
constexpr Duration kLocateTimeout = Duration::Seconds(5);
constexpr Duration kBacktrackTimeout = Duration::Seconds(20);

}  // namespace

absl::Status VolumeHost::Open() {
  OpenVolume open{OpenMode::kOperator, options_.backtrack};
  if (options_.automatic) open.mode = OpenMode::kAutomatic;
  if (options_.read_only) open.mode = OpenMode::kSnapshot;
  reads_->OnStale([weak = weak_from_this()](const NodeId& node, const quorum::Refused& refused) {
    if (const auto host = weak.lock()) host->StaleRead(node, refused);
  });
  for (const auto& [id, channel] : nodes_->channels) {
    links_[id] =
        std::make_shared<StorageLink>(channel, nodes_->id, nodes_->timer, weak_from_this());
  }
  open_event_ = nodes_->port->NewEvent();
  {
    Turn turn(*this);
    Step(turn, open);
  }
  for (const auto& [id, link] : links_) link->Start();
  const std::stop_callback wake(options_.stop, [event = open_event_] { event->Set(); });
  open_event_->WaitUntil(nodes_->port->Now() + options_.open_timeout);
  absl::Status status;
  {
    const std::lock_guard lock(mutex_);
    status = open_status_.value_or(absl::UnavailableError(
        options_.stop.stop_requested()
            ? absl::StrCat("the opening of volume ", entry_.name, " was stopped")
            : absl::StrCat("volume ", entry_.name, " did not open within ",
                           options_.open_timeout.millis(), " ms: ", core_.DescribeOpening())));
  }
  if (!status.ok()) Close();
  return status;
}

absl::StatusOr<backtrack::CommitsAround> VolumeHost::Locate(
    const backtrack::BacktrackTarget& target) {
  const std::lock_guard one_at_a_time(locating_);
  const auto wait = std::make_shared<LocateWait>();
  wait->event = nodes_->port->NewEvent();
  {
    Turn turn(*this);
    const bool snapshot = options_.read_only && core_.phase() == VolumeCore::Phase::kReadOnly;
    const absl::Status status = snapshot ? absl::OkStatus() : WhyNoCommit(turn.now());
    if (!status.ok()) return status;
    if (snapshot ? core_.opening() != nullptr : core_.phase() != VolumeCore::Phase::kWriting) {
      return MakeUserError(UserError::kRetry,
                           absl::StrCat(core_.Where(), " is changing its epoch"));
    }
    locate_wait_ = wait;
    Step(turn, hexad::compute::Locate{target});
  }
  if (wait->event->WaitUntil(nodes_->port->Now() + kLocateTimeout)) return wait->around;
  const std::lock_guard lock(mutex_);
  locate_wait_ = nullptr;
  return MakeUserError(UserError::kRetry, absl::StrCat(core_.Where(), ": the segments did not say ",
                                                       "in time which commits they hold"));
}

absl::StatusOr<Backtracked> VolumeHost::Backtrack(const backtrack::BacktrackTarget& target) {
  const auto wait = std::make_shared<BacktrackWait>();
  wait->event = nodes_->port->NewEvent();
  {
    Turn turn(*this);
    if (const absl::Status status = WhyNoCommit(turn.now()); !status.ok()) return status;
    if (core_.phase() != VolumeCore::Phase::kWriting || backtrack_wait_ != nullptr) {
      return MakeUserError(UserError::kRetry,
                           absl::StrCat(core_.Where(), " is changing its epoch already"));
    }
    backtrack_wait_ = wait;
    Step(turn, hexad::compute::Backtrack{target});
  }
  if (!wait->event->WaitUntil(nodes_->port->Now() + kBacktrackTimeout)) {
    return MakeUserError(
        UserError::kCommitUnknown,
        absl::StrCat("volume ", entry_.name, " did not come back within ",
                     kBacktrackTimeout.millis(), " ms; its status tells whether ", "it went back"));
  }
  if (!wait->ended.status.ok()) return wait->ended.status;
  return Backtracked{wait->ended.forked_at, wait->ended.first_left};
}

absl::Status VolumeHost::SetRetention(const quorum::Retention& retention) {
  const Instant deadline = nodes_->port->Now() + options_.commit_timeout;
  for (;;) {
    const auto changed = nodes_->port->NewEvent();
    {
      Turn turn(*this);
      if (const absl::Status status = WhyNoCommit(turn.now()); !status.ok()) return status;
      if (core_.manifest().retention == retention) return absl::OkStatus();
      if (core_.phase() == VolumeCore::Phase::kWriting) Step(turn, ChangeRetention{retention});
      blocked_.push_back(changed);
    }
    if (!changed->WaitUntil(deadline)) {
      return MakeUserError(UserError::kRetry,
                           absl::StrCat("volume ", entry_.name, ": no quorum took the retention"));
    }
  }
}

// A hint, as every VDL that is told; without it a read-only opening right after this writer's end
// would not see its last commits until somebody opens the volume for writing.
void VolumeHost::LetLastVdlBeTold() {
  {
    Turn turn(*this);
    if (core_.phase() != VolumeCore::Phase::kWriting) return;
  }
  const Duration announce = options_.writer.announce_after;
  nodes_->port->NewEvent()->WaitUntil(nodes_->port->Now() + announce * 3);
}

void VolumeHost::Close() {
  LetLastVdlBeTold();
  std::vector<std::shared_ptr<StorageLink>> links;
  {
    Turn turn(*this);
    if (closed_) return;
    closed_ = true;
    std::vector<CommitQueue::Waiter> waiting;
    core_.TakeAllWaiting(waiting);
    FinishCommits(
        std::move(waiting),
        MakeUserError(UserError::kCommitUnknown,
                      absl::StrCat(core_.Where(), " was closed before a quorum confirmed it")));
    if (backtrack_wait_ != nullptr) {
      On(turn, BacktrackEnded{absl::CancelledError("the volume was closed"), {}, {}});
    }
    DropFetches(turn);
    WakeBlocked(turn);
    for (const auto& [id, link] : links_) links.push_back(link);
  }
  const auto all_ended = nodes_->port->NewEvent();
  const auto left = std::make_shared<std::atomic<size_t>>(links.size());
  for (const auto& link : links) {
    link->Stop([left, all_ended] {
      if (left->fetch_sub(1) == 1) all_ended->Set();
    });
  }
  if (!links.empty()) all_ended->WaitUntil(nodes_->port->Now() + kCloseTimeout);
}

}  // namespace hexad::compute

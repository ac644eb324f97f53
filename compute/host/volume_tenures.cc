// Tenures: opening a volume, following oneself with a higher epoch, being fenced, closing.
#include <atomic>
#include <utility>

#include "absl/strings/str_cat.h"
#include "compute/host/volume_host.h"
#include "compute/host/volume_turn.h"
#include "quorum/base/check.h"

namespace hexad::compute {

using backtrack::OpenMode;

namespace {

constexpr Duration kRetryOpening = Duration::Seconds(1);
constexpr Duration kCloseTimeout = Duration::Seconds(2);

void TellScls(PageReads& reads, const quorum::Manifest& manifest,
              const std::vector<std::vector<std::optional<Lsn>>>& scls) {
  for (size_t pg = 0; pg < scls.size() && pg < manifest.pgs.size(); ++pg) {
    const auto& members = manifest.pgs[pg].members;
    for (size_t i = 0; i < scls[pg].size() && i < members.size(); ++i) {
      if (scls[pg][i].has_value()) reads.SetScl(manifest.pgs[pg].pg, members[i].node, *scls[pg][i]);
    }
  }
}

}  // namespace

absl::Status VolumeHost::Open() {
  if (options_.automatic) mode_ = OpenMode::kAutomatic;
  if (options_.read_only) mode_ = OpenMode::kSnapshot;
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
    StartOpening(turn);
  }
  for (const auto& [id, link] : links_) link->Start();
  const std::stop_callback wake(options_.stop, [event = open_event_] { event->Set(); });
  open_event_->WaitUntil(nodes_->port->Now() + options_.open_timeout);
  absl::Status status;
  {
    const std::lock_guard lock(mutex_);
    status = open_failure_;
    if (status.ok() && phase_ == Phase::kOpening) {
      status = absl::UnavailableError(
          options_.stop.stop_requested()
              ? absl::StrCat("the opening of volume ", entry_.name, " was stopped")
              : absl::StrCat("volume ", entry_.name, " did not open within ",
                             options_.open_timeout.millis(), " ms: ", opening_->Describe()));
    }
  }
  if (!status.ok()) Close();
  return status;
}

void VolumeHost::StartOpening(Turn& turn) {
  backtrack::OpeningOptions opening;
  opening.mode = mode_;
  opening.named.timeline = entry_.timeline;
  opening.named.name = entry_.name;
  opening.named.page_size = entry_.page_size;
  opening.named.pages_per_pg = entry_.pages_per_pg;
  opening.named.pgs = {entry_.first_pg};
  opening.claimant = RandomNumber();
  opening.seed = RandomNumber();
  if (mode_ == OpenMode::kSnapshot) opening.at_least = vdl_;
  opening_ = std::make_unique<backtrack::Opening>(std::move(opening));
  Feed(turn, backtrack::OpeningInput(backtrack::OpeningStart{}));
  for (const auto& [node, incarnation] : connected_) {
    if (opening_ == nullptr) break;  // it ended by one of these
    Feed(turn, backtrack::OpeningInput(quorum::NodeUp{node, incarnation}));
  }
}

// Once everything issued is durable the next epoch forks exactly there, and the page cache stays
// true.
void VolumeHost::Succeed(Turn& turn) {
  if (phase_ == Phase::kDraining) {
    if (writer_->vdl() != writer_->last_issued()) {
      succeed_at_ = turn.now() + kDrainPatience;
      return;
    }
    EndTenure();
  }
  const bool opening = phase_ == Phase::kSucceeding || phase_ == Phase::kReadOnly;
  if (opening && opening_ == nullptr) StartOpening(turn);
}

void VolumeHost::EndTenure() {
  phase_ = Phase::kSucceeding;
  issued_to_ = writer_->last_issued();
  writer_.reset();
  read_only_complete_to_.clear();
  succeed_at_.reset();
}

// What is issued and not durable may be cut off by the next epoch, and pages that hold such changes
// with it. Who waits for such a commit goes on waiting: only the opening knows its fate.
void VolumeHost::GiveUpDraining(Turn& turn) {
  reason_ = "the next epoch is opened without waiting for what was not durable";
  EndTenure();
  ForgetCache(turn, vdl_);
  WakeBlocked(turn);
  Succeed(turn);
}

// Did an epoch between ours and the new one issue anything? Then this handle's idea of the volume
// is out of date, although it has just won. (The first LSN of any other epoch lies more than a LAL
// above its fork, so above all that we could have issued.)
bool VolumeHost::WroteInBetween(const quorum::WriterStart& start) const {
  if (!CouldBeOurs(start.vdl)) return true;
  const auto& steps = start.pg_paths.front().path.steps();
  for (size_t i = steps.size() - 1; i-- > 0;) {
    if (steps[i].epoch == written_epoch_) return false;
    if (!steps[i].is_empty()) return true;
  }
  return true;
}

// Reads start from `vdl` on. What is cached stays if it is still the newest.
void VolumeHost::SetReadBase(Turn& turn, Lsn vdl) {
  if (cache_ == nullptr || vdl != vdl_) return ForgetCache(turn, vdl);
  ++tenure_;
  DropFetches(turn);
}

void VolumeHost::ForgetCache(Turn& turn, Lsn vdl) {
  ++tenure_;
  DropFetches(turn);
  ++cache_serial_;
  cache_ = std::make_unique<PageCache>(entry_.page_size, options_.cache_bytes, vdl);
  vdl_ = vdl;
}

// REQUIRES: vdl_ is where the new epoch starts. What the last one issued above it is in no history.
void VolumeHost::SettleCommits() {
  std::vector<CommitQueue::Waiter> durable;
  commits_.VdlMoved(vdl_, durable);
  FinishCommits(std::move(durable), absl::OkStatus());
  if (issued_to_ <= vdl_) return;
  annulled_.emplace_back(vdl_, issued_to_);
  std::vector<CommitQueue::Waiter> lost;
  commits_.TakeAll(lost);
  FinishCommits(std::move(lost), Annulled());
}

absl::Status VolumeHost::Annulled() const {
  return MakeUserError(UserError::kCommitUnknown,
                       absl::StrCat("volume ", entry_.name, ": it had found no write quorum when ",
                                    "this writer had to follow itself with a higher epoch"));
}

void VolumeHost::On(Turn& turn, backtrack::Opened& opened) {
  const bool succeeding = phase_ == Phase::kSucceeding;
  opening_.reset();
  if (!succeeding) issued_to_ = opened.start.vdl;
  if (succeeding && WroteInBetween(opened.start)) {
    return BecomeFenced(turn, absl::StrCat(Where(), ": another writer wrote before epoch ",
                                           opened.start.epoch.number, " could follow"));
  }
  epoch_ = written_epoch_ = opened.start.epoch;
  manifest_ = opened.start.manifest;
  SetReadBase(turn, opened.start.vdl);
  reads_->SetEpoch(epoch_, sealed_ = false, manifest_);
  TellScls(*reads_, manifest_, opened.scls);
  quorums_.Clear();
  for (const quorum::Membership& pg : manifest_.pgs) quorums_.Expect(pg, turn.now());
  growing_ = false;
  SettleCommits();
  phase_ = Phase::kWriting;
  mode_ = OpenMode::kOperator;  // what follows a tenure of ours is ours
  reason_.clear();
  read_only_complete_to_.clear();
  writer_ = std::make_unique<quorum::VolumeWriter>(options_.writer, std::move(opened.start));
  for (const auto& [node, incarnation] : connected_) {
    Feed(turn, quorum::WriterInput(quorum::NodeUp{node, incarnation}));
  }
  if (!pins_.lowest().IsNone()) {
    Feed(turn, quorum::WriterInput(quorum::ReadPointsMoved{pins_.lowest()}));
  }
  turn.SetLater(open_event_);
  WakeBlocked(turn);
}

void VolumeHost::On(Turn& turn, backtrack::OpenedReadOnly& opened) {
  const bool succeeding = phase_ == Phase::kSucceeding;
  if (succeeding && !CouldBeOurs(opened.read_point)) {
    return BecomeFenced(turn, absl::StrCat(Where(), ": another writer wrote meanwhile"));
  }
  if (phase_ == Phase::kOpening) phase_ = Phase::kReadOnly;
  epoch_ = opened.epoch;
  manifest_ = opened.manifest;
  // Fewer than a write quorum may hold what lies above our VDL: no commit is acknowledged by that.
  SetReadBase(turn, succeeding ? vdl_ : opened.read_point);
  read_only_complete_to_ = opened.complete_to;
  // A segment that holds everything up to the read point is complete whatever came after it.
  for (Lsn& tail : read_only_complete_to_) tail = std::min(tail, vdl_);
  reads_->SetEpoch(epoch_, sealed_ = opened.sealed, manifest_);
  TellScls(*reads_, manifest_, opened.scls);
  snapshot_at_ = turn.now();
  if (mode_ == OpenMode::kSnapshot) {
    reason_ = "opened read-only";
    opening_.reset();
  } else {
    reason_ = absl::StrCat("no write quorum; it becomes writable by itself when enough nodes are ",
                           "back: ", opening_->Describe());
  }
  turn.SetLater(open_event_);
  WakeBlocked(turn);
}

void VolumeHost::On(Turn& turn, const backtrack::OpeningFailed& failed) {
  opening_.reset();
  reason_ = std::string(failed.status.message());
  if (phase_ == Phase::kOpening) {
    open_failure_ = failed.status;
    turn.SetLater(open_event_);
    return;
  }
  if (mode_ == OpenMode::kSnapshot) return WakeBlocked(turn);
  if (mode_ == OpenMode::kAutomatic && absl::IsUnavailable(failed.status)) {
    return BecomeFenced(turn, absl::StrCat(Where(), ": ", reason_));
  }
  // It was open before: keep trying, as a volume without a write quorum does.
  succeed_at_ = turn.now() + kRetryOpening;
}

void VolumeHost::BecomeFenced(Turn& turn, std::string why) {
  phase_ = Phase::kFenced;
  reason_ = std::move(why);
  opening_.reset();
  succeed_at_.reset();
  std::vector<CommitQueue::Waiter> waiting;
  commits_.TakeAll(waiting);
  FinishCommits(std::move(waiting),
                MakeUserError(UserError::kFenced,
                              absl::StrCat(reason_, "; this commit may be in its history or not")));
  DropFetches(turn);
  WakeBlocked(turn);
  turn.SetLater(open_event_);
  for (const auto& [id, link] : links_) {
    turn.RunLater([link = link] { link->Stop([] {}); });  // Clang 14 wants it named
  }
}

// A hint, as every VDL that is told; without it a read-only opening right after this writer's end
// would not see its last commits until somebody opens the volume for writing.
void VolumeHost::LetLastVdlBeTold() {
  {
    Turn turn(*this);
    if (phase_ != Phase::kWriting) return;
  }
  const Duration announce = options_.writer.announce_after;
  nodes_->port->NewEvent()->WaitUntil(nodes_->port->Now() + announce * 3);
}

void VolumeHost::Close() {
  LetLastVdlBeTold();
  std::vector<std::shared_ptr<StorageLink>> links;
  {
    Turn turn(*this);
    if (phase_ == Phase::kClosed) return;
    const absl::Status closed =
        MakeUserError(UserError::kCommitUnknown,
                      absl::StrCat(Where(), " was closed before a quorum confirmed it"));
    phase_ = Phase::kClosed;
    reason_ = "closed";
    opening_.reset();
    std::vector<CommitQueue::Waiter> waiting;
    commits_.TakeAll(waiting);
    FinishCommits(std::move(waiting), closed);
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

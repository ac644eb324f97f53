// Reads: the newest version through the cache, older ones straight from a segment.
#include <utility>

#include "absl/strings/str_cat.h"
#include "compute/host/volume_host.h"
#include "compute/host/volume_turn.h"
#include "quorum/base/check.h"

namespace hexad::compute {
namespace {

// The read point of ReadNewest: this writer's own changes, durable or not.
constexpr Lsn kNewest = Lsn::Max();

constexpr Duration kReadTimeout = PageReads::kReadDeadline + Duration::Seconds(3);
constexpr Duration kSnapshotFresh = Duration::Millis(50);
constexpr Duration kSnapshotTimeout = Duration::Seconds(2);

bool IsFenced(const absl::Status& status) { return UserErrorOf(status) == UserError::kFenced; }

}  // namespace

class VolumeHost::View : public ReadView {
 public:
  View(std::shared_ptr<VolumeHost> host, Lsn read_point)
      : host_(std::move(host)), read_point_(read_point) {}
  ~View() override {
    Turn turn(*host_);
    host_->Unpin(turn, read_point_);
  }
  Lsn read_point() const override { return read_point_; }

 private:
  const std::shared_ptr<VolumeHost> host_;
  const Lsn read_point_;
};

void VolumeHost::Pin(Turn& turn, Lsn read_point) {
  VolumeCore::Effects effects;
  core_.Pin(read_point, turn.now(), effects);
  CarryOut(turn, std::move(effects));
}

void VolumeHost::Unpin(Turn& turn, Lsn read_point) {
  if (closed_) return;
  VolumeCore::Effects effects;
  core_.Unpin(read_point, turn.now(), effects);
  CarryOut(turn, std::move(effects));
}

std::shared_ptr<const ReadView> VolumeHost::PinReadPoint() {
  if (options_.read_only) RefreshSnapshot();
  Lsn read_point;
  {
    Turn turn(*this);
    read_point = core_.vdl();
    Pin(turn, read_point);
  }
  return std::make_shared<View>(shared_from_this(), read_point);
}

absl::StatusOr<std::shared_ptr<const ReadView>> VolumeHost::PinReadPointAt(Lsn read_point) {
  if (options_.read_only) RefreshSnapshot();
  {
    Turn turn(*this);
    if (const absl::Status status = CheckReadPoint(read_point); !status.ok()) return status;
    Pin(turn, read_point);
  }
  return std::make_shared<View>(shared_from_this(), read_point);
}

// Asks the segments again how far the volume is, unless that is known from a moment ago.
void VolumeHost::RefreshSnapshot() {
  const auto changed = nodes_->port->NewEvent();
  {
    Turn turn(*this);
    const bool fresh = turn.now() - core_.snapshot_at() < kSnapshotFresh;
    if (closed_ || core_.phase() != VolumeCore::Phase::kReadOnly || fresh) return;
    blocked_.push_back(changed);
    Step(turn, AskAgain{});
  }
  changed->WaitUntil(nodes_->port->Now() + kSnapshotTimeout);
}

Lsn VolumeHost::vdl() const {
  const std::lock_guard lock(mutex_);
  return core_.vdl();
}

bool VolumeHost::IsDurable(Lsn lsn) const {
  const std::lock_guard lock(mutex_);
  return core_.IsDurable(lsn);
}

Lsn VolumeHost::newest() const {
  const std::lock_guard lock(mutex_);
  return core_.writer() == nullptr ? core_.vdl() : core_.writer()->last_issued();
}

// Joins the read that is under way for this page, or starts one. nullptr: it is in the cache now.
// REQUIRES: not cached; the page's PG exists.
std::shared_ptr<VolumeHost::PageWait> VolumeHost::FetchNewest(Turn& turn, PageNo page) {
  auto wait = std::make_shared<PageWait>();
  wait->event = nodes_->port->NewEvent();
  if (core_.between_epochs()) {  // soon
    wait->result = absl::AbortedError("the epoch changed");
    blocked_.push_back(wait->event);
    return wait;
  }
  const auto under_way = fetches_.find(page);
  if (under_way != fetches_.end()) {
    under_way->second.waits.push_back(wait);
    return wait;
  }
  const Lsn read_at = core_.vdl();
  const Lsn complete_to = core_.CompleteTo(core_.manifest().PgIndexOf(page), read_at);
  if (complete_to.IsNone()) {  // the PG has no records: nobody needs to be asked
    cache_->Insert(page, CachedPage{Lsn::None(), std::string(entry_.page_size, '\0')}, read_at);
    return nullptr;
  }
  ++statistics_.cache_misses;
  fetches_[page] = Fetch{read_at, core_.tenure(), {wait}};
  Pin(turn, read_at);
  turn.RunLater([this, self = shared_from_this(), page, read_at, complete_to,
                 tenure = core_.tenure()] {
    reads_->Read(page, read_at, complete_to, [weak = weak_from_this(), page, tenure](auto read) {
      if (const auto host = weak.lock()) host->Fetched(page, tenure, std::move(read));
    });
  });
  return wait;
}

void VolumeHost::Fetched(PageNo page, uint64_t tenure, absl::StatusOr<quorum::PageRead> read) {
  Turn turn(*this);
  const auto at = fetches_.find(page);
  if (at == fetches_.end() || at->second.tenure != tenure) return;
  const Fetch fetch = std::move(at->second);
  fetches_.erase(at);
  Unpin(turn, fetch.read_at);
  absl::StatusOr<PageSnapshot> result = absl::AbortedError("the epoch changed");
  if (read.ok() && read->page_lsn > fetch.read_at) {
    result = absl::DataLossError(absl::StrCat(core_.Where(), ": page ", page.value(),
                                              " came with LSN ", read->page_lsn.value(),
                                              " for a read at ", fetch.read_at.value()));
  } else if (read.ok()) {
    cache_->Insert(page, CachedPage{read->page_lsn, std::string(read->page.view())}, fetch.read_at);
    const CachedPage* cached = cache_->Find(page);  // a truncate may have made it zeros
    result = PageSnapshot{cached->image, cached->page_lsn};
    if (!read->page_lsn.IsNone()) {
      pages_seen_ = std::max<uint64_t>(pages_seen_, uint64_t{page.value()} + 1);
    }
  } else if (!IsOurOwnEpoch(read.status())) {
    result = read.status();
  }
  for (const auto& wait : fetch.waits) {
    wait->result = result;
    turn.SetLater(wait->event);
  }
}

// What was read under an earlier epoch is asked again by those who wait for it.
void VolumeHost::DropFetches(Turn& turn) {
  std::vector<Lsn> read_at;
  for (auto& [page, fetch] : fetches_) {
    read_at.push_back(fetch.read_at);
    for (const auto& wait : fetch.waits) {
      wait->result = absl::AbortedError("the epoch changed");
      turn.SetLater(wait->event);
    }
  }
  fetches_.clear();
  for (const Lsn pinned : read_at) Unpin(turn, pinned);
}

absl::StatusOr<PageSnapshot> VolumeHost::ReadNewest(PageNo page) {
  return ReadPatiently(page, kNewest);
}

absl::StatusOr<PageSnapshot> VolumeHost::ReadPage(PageNo page, Lsn read_point) {
  // Only ReadNewest may see what is not durable: a number from outside never means that.
  if (read_point == kNewest) return absl::OutOfRangeError("that read point lies above every VDL");
  return ReadPatiently(page, read_point);
}

absl::StatusOr<PageSnapshot> VolumeHost::ReadPatiently(PageNo page, Lsn read_point) {
  const Instant deadline = nodes_->port->Now() + kReadTimeout;
  for (;;) {
    absl::StatusOr<PageSnapshot> result = ReadOnce(page, read_point, deadline);
    if (result.ok() || nodes_->port->Now() >= deadline) return result;
    // A snapshot claims the epoch that it found; that a new writer has begun since is no end of it.
    if (options_.read_only && IsFenced(result.status())) {
      RefreshSnapshot();
    } else if (!absl::IsAborted(result.status()) || IsFenced(result.status())) {
      return result;
    }
  }
}

// REQUIRES: mutex_ held.
absl::Status VolumeHost::CheckReadPoint(Lsn read_point) const {
  if (core_.phase() == VolumeCore::Phase::kFenced) {
    return MakeUserError(UserError::kFenced, core_.reason());
  }
  if (closed_ || cache_ == nullptr) {
    return absl::FailedPreconditionError(absl::StrCat(core_.Where(), " is not open"));
  }
  if (read_point == kNewest) return absl::OkStatus();
  if (read_point > core_.vdl()) {
    return absl::OutOfRangeError(
        absl::StrCat("read point ", read_point.value(), " lies above the VDL of ", core_.Where()));
  }
  if (!core_.IsOnHistory(read_point)) {
    return absl::OutOfRangeError(
        absl::StrCat("read point ", read_point.value(), " is not on the history of ", core_.Where(),
                     ": the volume went back below it, or it never was there"));
  }
  return absl::OkStatus();
}

// ABORTED (and not FENCED): the epoch changed meanwhile, ask again. REQUIRES: mutex_ held.
absl::Status VolumeHost::CheckRead(PageNo page, Lsn read_point) const {
  if (const absl::Status status = CheckReadPoint(read_point); !status.ok()) return status;
  const quorum::Manifest& manifest = core_.manifest();
  if (manifest.PgIndexOf(page) >= manifest.pgs.size()) {
    return absl::OutOfRangeError(
        absl::StrCat("page ", page.value(), " lies beyond the end of ", core_.Where(), ": it has ",
                     manifest.pgs.size() * uint64_t{manifest.pages_per_pg}, " pages"));
  }
  return absl::OkStatus();
}

absl::StatusOr<PageSnapshot> VolumeHost::ReadOnce(PageNo page, Lsn read_point, Instant deadline) {
  std::shared_ptr<PageWait> wait;
  {
    Turn turn(*this);
    if (const absl::Status status = CheckRead(page, read_point); !status.ok()) return status;
    const CachedPage* cached = cache_->Find(page);
    if (cached == nullptr) {
      wait = FetchNewest(turn, page);
      if (wait == nullptr) cached = cache_->Find(page);
    }
    if (cached != nullptr && cached->page_lsn <= read_point) {
      ++statistics_.cache_hits;
      return PageSnapshot{cached->image, cached->page_lsn};
    }
  }
  if (wait == nullptr) return ReadAt(page, read_point);  // cached, but too new
  if (!wait->event->WaitUntil(deadline)) {
    return absl::UnavailableError(
        absl::StrCat("volume ", entry_.name, ": page ", page.value(), " was not answered in time"));
  }
  const absl::StatusOr<PageSnapshot>& result = wait->result;  // not written once the event is set
  if (result.ok() && result->page_lsn > read_point) return ReadAt(page, read_point);
  return result;
}

// As of an older read point than the newest version: from a segment, and not kept.
absl::StatusOr<PageSnapshot> VolumeHost::ReadAt(PageNo page, Lsn read_point) {
  const auto wait = std::make_shared<PageWait>();
  wait->event = nodes_->port->NewEvent();
  Lsn complete_to;
  uint64_t tenure = 0;
  {
    Turn turn(*this);
    if (const absl::Status status = CheckRead(page, read_point); !status.ok()) return status;
    complete_to = core_.CompleteTo(core_.manifest().PgIndexOf(page), read_point);
    if (complete_to.IsNone()) {
      return PageSnapshot{std::string(entry_.page_size, '\0'), Lsn::None()};
    }
    tenure = core_.tenure();
    Pin(turn, read_point);
  }
  reads_->Read(page, read_point, complete_to, [wait](auto read) {
    if (read.ok()) {
      wait->result = PageSnapshot{std::string(read->page.view()), read->page_lsn};
    } else {
      wait->result = read.status();
    }
    wait->event->Set();
  });
  const bool answered = wait->event->WaitUntil(nodes_->port->Now() + kReadTimeout);
  Turn turn(*this);
  Unpin(turn, read_point);
  if (!answered) return absl::UnavailableError("the read was not answered in time");
  if (!wait->result.ok() && (tenure != core_.tenure() || IsOurOwnEpoch(wait->result.status()))) {
    return absl::AbortedError("the epoch changed");
  }
  return wait->result;
}

// Refused because this volume itself is on its way to a higher epoch. REQUIRES: mutex_ held.
bool VolumeHost::IsOurOwnEpoch(const absl::Status& refusal) const {
  const VolumeCore::Phase phase = core_.phase();
  const bool changing =
      phase == VolumeCore::Phase::kDraining || phase == VolumeCore::Phase::kSucceeding;
  return IsFenced(refusal) && changing;
}

}  // namespace hexad::compute

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
  if (pins_.Add(read_point) && writer_ != nullptr) {
    Feed(turn, quorum::WriterInput(quorum::ReadPointsMoved{pins_.lowest()}));
  }
}

void VolumeHost::Unpin(Turn& turn, Lsn read_point) {
  if (pins_.Remove(read_point) && writer_ != nullptr && phase_ != Phase::kClosed) {
    Feed(turn, quorum::WriterInput(quorum::ReadPointsMoved{pins_.lowest()}));
  }
}

std::shared_ptr<const ReadView> VolumeHost::PinReadPoint() {
  if (options_.read_only) RefreshSnapshot();
  Lsn read_point;
  {
    Turn turn(*this);
    read_point = vdl_;
    Pin(turn, read_point);
  }
  return std::make_shared<View>(shared_from_this(), read_point);
}

// Asks the segments again how far the volume is, unless that is known from a moment ago.
void VolumeHost::RefreshSnapshot() {
  const auto changed = nodes_->port->NewEvent();
  {
    Turn turn(*this);
    if (phase_ != Phase::kReadOnly || turn.now() - snapshot_at_ < kSnapshotFresh) return;
    if (opening_ == nullptr) StartOpening(turn);
    if (opening_ == nullptr) return;
    blocked_.push_back(changed);
  }
  changed->WaitUntil(nodes_->port->Now() + kSnapshotTimeout);
}

Lsn VolumeHost::vdl() const {
  const std::lock_guard lock(mutex_);
  return vdl_;
}

Lsn VolumeHost::CompleteTo(size_t pg_index, Lsn read_point) const {
  if (writer_ != nullptr) return writer_->CompleteTo(pg_index, read_point);
  return pg_index < read_only_complete_to_.size() ? read_only_complete_to_[pg_index] : read_point;
}

// Joins the read that is under way for this page, or starts one. nullptr: it is in the cache now.
// REQUIRES: not cached; the page's PG exists.
std::shared_ptr<VolumeHost::PageWait> VolumeHost::FetchNewest(Turn& turn, PageNo page) {
  auto wait = std::make_shared<PageWait>();
  wait->event = nodes_->port->NewEvent();
  const bool unreadable = writer_ == nullptr && read_only_complete_to_.empty();
  if (unreadable) {  // between two epochs of ours: soon
    wait->result = absl::AbortedError("the epoch changed");
    blocked_.push_back(wait->event);
    return wait;
  }
  const auto under_way = fetches_.find(page);
  if (under_way != fetches_.end()) {
    under_way->second.waits.push_back(wait);
    return wait;
  }
  const Lsn read_at = vdl_;
  const Lsn complete_to = CompleteTo(manifest_.PgIndexOf(page), read_at);
  if (complete_to.IsNone()) {  // the PG has no records: nobody needs to be asked
    cache_->Insert(page, CachedPage{Lsn::None(), std::string(entry_.page_size, '\0')}, read_at);
    return nullptr;
  }
  ++statistics_.cache_misses;
  fetches_[page] = Fetch{read_at, tenure_, {wait}};
  Pin(turn, read_at);
  turn.RunLater([this, self = shared_from_this(), page, read_at, complete_to, tenure = tenure_] {
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
    result = absl::DataLossError(absl::StrCat(Where(), ": page ", page.value(), " came with LSN ",
                                              read->page_lsn.value(), " for a read at ",
                                              fetch.read_at.value()));
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
  for (auto& [page, fetch] : fetches_) {
    pins_.Remove(fetch.read_at);
    for (const auto& wait : fetch.waits) {
      wait->result = absl::AbortedError("the epoch changed");
      turn.SetLater(wait->event);
    }
  }
  fetches_.clear();
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

// ABORTED (and not FENCED): the epoch changed meanwhile, ask again. REQUIRES: mutex_ held.
absl::Status VolumeHost::CheckRead(PageNo page, Lsn read_point) const {
  if (phase_ == Phase::kFenced) return MakeUserError(UserError::kFenced, reason_);
  if (phase_ == Phase::kClosed || cache_ == nullptr) {
    return absl::FailedPreconditionError(absl::StrCat(Where(), " is not open"));
  }
  if (read_point != kNewest && read_point > vdl_) {
    return absl::OutOfRangeError(
        absl::StrCat("read point ", read_point.value(), " lies above the VDL of ", Where()));
  }
  if (manifest_.PgIndexOf(page) >= manifest_.pgs.size()) {
    return absl::OutOfRangeError(
        absl::StrCat("page ", page.value(), " lies beyond the end of ", Where(), ": it has ",
                     manifest_.pgs.size() * uint64_t{manifest_.pages_per_pg}, " pages"));
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
    complete_to = CompleteTo(manifest_.PgIndexOf(page), read_point);
    if (complete_to.IsNone()) {
      return PageSnapshot{std::string(entry_.page_size, '\0'), Lsn::None()};
    }
    tenure = tenure_;
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
  if (!wait->result.ok() && (tenure != tenure_ || IsOurOwnEpoch(wait->result.status()))) {
    return absl::AbortedError("the epoch changed");
  }
  return wait->result;
}

// Refused because this volume itself is on its way to a higher epoch. REQUIRES: mutex_ held.
bool VolumeHost::IsOurOwnEpoch(const absl::Status& refusal) const {
  return IsFenced(refusal) && (phase_ == Phase::kDraining || phase_ == Phase::kSucceeding);
}

// ---- pictures

std::string VolumeHost::Where() const {
  return absl::StrCat("volume ", entry_.name, " (timeline ", absl::Hex(entry_.timeline.value()),
                      ", epoch ", epoch_.number, ".", absl::Hex(epoch_.claimant), ", VDL ",
                      vdl_.value(), ")");
}

// Who is connected is all that is known.
std::vector<quorum::PgDescription> VolumeHost::DescribeWithoutWriter() const {
  std::vector<quorum::PgDescription> pgs;
  for (const quorum::Membership& membership : manifest_.pgs) {
    quorum::PgDescription pg;
    pg.pg = membership.pg;
    pg.membership_epoch = membership.epoch;
    for (const quorum::Member& member : membership.members) {
      quorum::PgDescription::MemberState state;
      state.node = member.node;
      state.az = member.az;
      const auto connected = connected_.find(member.node);
      state.up = connected != connected_.end();
      state.trusted = !state.up || connected->second == member.incarnation;
      pg.members.push_back(std::move(state));
    }
    pgs.push_back(std::move(pg));
  }
  return pgs;
}

VolumeStatus VolumeHost::Status() const {
  const Instant now = MonotonicNow();
  const std::lock_guard lock(mutex_);
  VolumeStatus status;
  status.name = entry_.name;
  status.epoch = epoch_;
  status.sealed = sealed_;
  status.vdl = status.vcl = status.last_issued = vdl_;
  status.manifest = manifest_;
  status.reason = reason_;
  status.pages_seen = pages_seen_;
  if (writer_ != nullptr) {
    status.vcl = writer_->vcl();
    status.last_issued = writer_->last_issued();
    status.pgs = writer_->Describe();
  } else {
    status.pgs = DescribeWithoutWriter();
  }
  const auto read_only = quorums_.ReadOnlyReason(now);
  switch (phase_) {
    case Phase::kOpening:
      status.mode = VolumeMode::kOpening;
      if (opening_ != nullptr) status.reason = opening_->Describe();
      break;
    case Phase::kWriting:
    case Phase::kDraining:
    case Phase::kSucceeding:
      status.mode = read_only.has_value() ? VolumeMode::kReadOnly : VolumeMode::kReadWrite;
      if (read_only.has_value()) status.reason = *read_only;
      if (phase_ == Phase::kSucceeding && !read_only_complete_to_.empty()) {
        status.mode = VolumeMode::kReadOnly;
        status.reason = reason_;
      }
      break;
    case Phase::kReadOnly:
    case Phase::kClosed:
      status.mode = VolumeMode::kReadOnly;
      break;
    case Phase::kFenced:
      status.mode = VolumeMode::kFenced;
      break;
  }
  return status;
}

VolumeStatistics VolumeHost::Statistics() const {
  const std::lock_guard lock(mutex_);
  VolumeStatistics statistics = statistics_;
  statistics.hedged_reads = reads_->hedged();
  statistics.cache_bytes = cache_ == nullptr ? 0 : cache_->size_bytes();
  statistics.commits_waiting = commits_.size();
  for (const auto& [id, link] : links_) {
    const StorageLink::Counters counters = link->counters();
    statistics.log_bytes_sent += counters.bytes_sent;
    statistics.log_bytes_received += counters.bytes_received;
    statistics.unsent_bytes += counters.unsent_bytes;
  }
  return statistics;
}

}  // namespace hexad::compute

// The clients of a simulated compute process: each makes an MTR, waits for its outcome, thinks, and
// makes the next one.
#include <algorithm>
#include <utility>

#include "compute/core/mtr.h"
#include "quorum/base/check.h"
#include "tests/sim/sim_compute.h"

namespace hexad::sim {

using quorum::RecordKind;

void SimCompute::StartClients(backtrack::OpenMode mode) {
  if (mode == backtrack::OpenMode::kSnapshot) return;
  clients_.resize(static_cast<size_t>(options_.load.clients));
  for (size_t client = 0; client < clients_.size(); ++client) Think(client);
}

void SimCompute::Think(size_t client) {
  const auto mean = static_cast<uint64_t>(options_.load.think.nanos());
  const auto pause = static_cast<int64_t>(mean == 0 ? 0 : prng_.Below(2 * mean));
  process_.After(Duration::Nanos(pause), [this, client] { Begin(client); });
}

void SimCompute::Begin(size_t client) {
  if (quiet_) return Think(client);
  clients_[client].writes = MakeMtr();
  clients_[client].in_hand = true;
  ++in_hand_;
  Try(client);
}

// Mostly a few small ranges on a few pages, some of them hot; now and then whole pages, the end of
// the volume cut off, or an MTR of many pages.
std::vector<PageWrite> SimCompute::MakeMtr() {
  const LoadOptions& load = options_.load;
  const auto draw_page = [&] {
    const uint32_t span = prng_.OneIn(2) ? std::max<uint32_t>(load.pages / 4, 1) : load.pages;
    return PageNo(static_cast<uint32_t>(prng_.Below(span)));
  };
  std::vector<PageWrite> writes;
  if (prng_.Below(1000) < load.truncates_per_mille) {
    writes.push_back({draw_page(), RecordKind::kTruncate, 0, ""});
    return writes;
  }
  const uint64_t count = 1 + prng_.Below(prng_.OneIn(4) ? load.largest_mtr : 2);
  for (uint64_t i = 0; i < count; ++i) {
    PageWrite write;
    write.page = draw_page();
    const uint32_t page_size = options_.named.page_size;
    const bool image = prng_.Below(1000) < load.images_per_mille;
    const size_t length = image ? page_size : 1 + prng_.Below(prng_.OneIn(8) ? 900 : 60);
    write.kind = image ? RecordKind::kPageImage : RecordKind::kDelta;
    write.offset = image ? 0 : static_cast<uint32_t>(prng_.Below(page_size - length));
    write.bytes.resize(length);
    const uint64_t pattern = prng_.Next();
    for (size_t at = 0; at < length; ++at) {
      write.bytes[at] = static_cast<char>(pattern >> (8 * (at % 8))) ^ static_cast<char>(at / 8);
    }
    writes.push_back(std::move(write));
  }
  return writes;
}

// ---- going back ---------------------------------------------------------------------------------

// Mostly a commit of late, on the head or on a branch that an earlier backtrack left; sometimes its
// time, sometimes inside an MTR or a gap, above everything, or far back.
std::optional<backtrack::BacktrackTarget> SimCompute::DrawTarget() {
  if (commits_seen_.empty()) return std::nullopt;
  const bool lately = prng_.OneIn(2);
  const size_t among = lately ? std::min<size_t>(commits_seen_.size(), 12) : commits_seen_.size();
  const quorum::CommitPoint& commit = commits_seen_[commits_seen_.size() - 1 - prng_.Below(among)];
  switch (prng_.Below(10)) {
    case 0:
    case 1:
    case 2:
      return CommitTime(commit.time.value() + static_cast<int64_t>(prng_.Below(3)) - 1);
    case 3:
      return commit.lsn.Next();
    case 4:
      return commit.lsn.Prev();
    case 5:
      return prng_.OneIn(2) ? commits_seen_.back().lsn.Plus(prng_.Below(3 * options_.lal))
                            : Lsn(1 + prng_.Below(commit.lsn.value()));
    default:
      return commit.lsn;
  }
}

void SimCompute::StartGoingBack() {
  const auto mean = static_cast<uint64_t>(options_.load.backtrack_every.nanos());
  if (mean == 0) return;
  process_.After(Duration::Nanos(static_cast<int64_t>(prng_.Below(2 * mean))), [this] {
    StartGoingBack();
    if (quiet_ || !Is(Phase::kWriting) || core_->going_back()) return;
    const auto target = DrawTarget();
    if (!target.has_value()) return;
    tell_(BacktrackAsked{id_, *target});
    Step(compute::Backtrack{*target});
  });
}

// ---- commits ------------------------------------------------------------------------------------

bool SimCompute::MayCommit(const Client& client) {
  if (!Is(Phase::kWriting) || cache_->crowded()) return false;
  uint64_t last = 0;
  for (const PageWrite& write : client.writes) {
    if (write.kind == RecordKind::kTruncate) continue;
    last = std::max<uint64_t>(last, write.page.value());
  }
  const quorum::Manifest& manifest = core_->manifest();
  const size_t pgs = manifest.PgIndexOf(PageNo(static_cast<uint32_t>(last))) + 1;
  if (pgs > manifest.pgs.size()) {
    Step(compute::GrowTo{pgs});
    return false;
  }
  const auto cached = [&](const PageWrite& write) {
    return write.kind == RecordKind::kTruncate || cache_->Find(write.page) != nullptr;
  };
  for (const PageWrite& write : client.writes) {
    if (!cached(write)) Fetch(write.page);
  }
  // Asked again: one that came in may have put another one out.
  return std::all_of(client.writes.begin(), client.writes.end(), cached);
}

void SimCompute::Try(size_t client) {
  if (MayCommit(clients_[client]) && Submit(client)) return;
  blocked_.push_back(client);
}

// Each of them once: what blocks again waits for the next change.
void SimCompute::TryBlocked() {
  if (trying_ || !Is(Phase::kWriting)) return;
  trying_ = true;
  for (size_t left = blocked_.size(); left > 0 && !blocked_.empty(); --left) {
    const size_t client = blocked_.front();
    blocked_.pop_front();
    Try(client);
  }
  trying_ = false;
}

// False if the writer holds it back.
bool SimCompute::Submit(size_t client) {
  compute::Mtr mtr(options_.named.page_size);
  for (const PageWrite& write : clients_[client].writes) {
    if (write.kind == RecordKind::kTruncate) {
      mtr.Truncate(write.page);
    } else if (write.kind == RecordKind::kPageImage) {
      INVARIANT(mtr.WriteImage(write.page, write.bytes).ok());
    } else {
      INVARIANT(mtr.Write(write.page, write.offset, write.bytes).ok());
    }
  }
  const auto changes = redo_->Generate(mtr, *cache_, core_->manifest().pgs.size());
  issued_.reset();
  refused_.reset();
  const CommitTime time(static_cast<int64_t>(process_.now().nanos() / 1000));
  const uint64_t tag = ++tag_;
  // The MTR is the world's from here on, before any segment can have heard of it.
  submitting_ = client;
  submitting_at_ = time;
  Step(quorum::SubmitMtr{tag, changes, time});
  if (refused_.has_value()) return false;
  INVARIANT(issued_.has_value());
  quorum::RecordView record;
  record.lsn = issued_->first_lsn;
  for (const quorum::PageChange& change : changes) {
    record.page = change.page;
    record.kind = change.kind;
    record.payload = change.payload;
    cache_->Apply(record);
    record.lsn = record.lsn.Next();
  }
  const Lsn commit = issued_->commit_lsn;
  compute::VolumeCore::Effects effects;
  core_->WaitFor(
      commit, process_.now(),
      [this, client, commit](const absl::Status& status) { Finished(client, commit, status.ok()); },
      effects);
  CarryOut(effects);
  return true;
}

void SimCompute::On(const quorum::MtrIssued& issued) {
  issued_ = issued;
  tell_(MtrIssued{id_, core_->epoch(), issued.first_lsn, issued.commit_lsn,
                  &clients_[submitting_].writes, submitting_at_});
  commits_seen_.push_back({issued.commit_lsn, submitting_at_});
  if (commits_seen_.size() > kCommitsSeen) commits_seen_.pop_front();
}

void SimCompute::Finished(size_t client, Lsn commit, bool durable) {
  if (durable) {
    tell_(MtrAcked{id_, core_->epoch(), commit});
  } else {
    tell_(MtrUnknown{id_, commit});
  }
  clients_[client].in_hand = false;
  --in_hand_;
  Think(client);
}

}  // namespace hexad::sim

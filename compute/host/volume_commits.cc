// Commits: from an MTR to its LSN, and from an LSN to "durable".
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "compute/host/volume_host.h"
#include "compute/host/volume_turn.h"
#include "quorum/base/check.h"

namespace hexad::compute {

using quorum::MtrBlocked;

absl::Status VolumeHost::CheckMtr(const Mtr& mtr) const {
  if (mtr.empty()) return absl::InvalidArgumentError("an MTR without changes");
  if (mtr.page_size() != entry_.page_size) {
    return absl::InvalidArgumentError(absl::StrCat("an MTR for pages of ", mtr.page_size(),
                                                   " bytes; volume ", entry_.name, " has ",
                                                   entry_.page_size));
  }
  return absl::OkStatus();
}

absl::Status VolumeHost::WhyNoCommit(Instant now) const {
  if (!closed_) return core_.WhyNoCommit(now);
  return MakeUserError(UserError::kReadOnly, absl::StrCat(core_.Where(), " is closed"));
}

absl::Status VolumeHost::HeldBack(const std::string& why) const {
  return MakeUserError(UserError::kRetry,
                       absl::StrCat("volume ", entry_.name, " held the MTR back for ",
                                    options_.commit_timeout.millis(), " ms: ", why));
}

absl::StatusOr<Lsn> VolumeHost::Commit(Mtr mtr) { return Commit(std::move(mtr), std::nullopt); }

absl::StatusOr<Lsn> VolumeHost::CommitAfter(Lsn newest, Mtr mtr) {
  return Commit(std::move(mtr), newest);
}

absl::StatusOr<Lsn> VolumeHost::Commit(Mtr mtr, std::optional<Lsn> after) {
  if (const absl::Status status = CheckMtr(mtr); !status.ok()) return status;
  const std::vector<PageNo> pages = PagesWritten(mtr);
  const Instant deadline = nodes_->port->Now() + options_.commit_timeout;
  Held held;
  held.after = after;
  for (;;) {
    Attempt attempt = AttemptCommit(mtr, pages, held);
    if (!attempt.outcome.has_value() && WaitOut(attempt, deadline)) continue;
    Release(held);
    return *std::move(attempt.outcome);
  }
}

absl::StatusOr<std::optional<Lsn>> VolumeHost::TryCommit(const Mtr& mtr) {
  if (const absl::Status status = CheckMtr(mtr); !status.ok()) return status;
  Held held;
  const Attempt attempt = AttemptCommit(mtr, PagesWritten(mtr), held);
  Release(held);
  if (!attempt.outcome.has_value()) return std::nullopt;
  if (!attempt.outcome->ok()) return attempt.outcome->status();
  return **attempt.outcome;
}

// True if there is something to try again for; otherwise the attempt has got its outcome. A page
// that no segment can give now is asked for again; one that is lost is not.
bool VolumeHost::WaitOut(Attempt& attempt, Instant deadline) const {
  if (!attempt.wait->WaitUntil(deadline)) {
    attempt.outcome = HeldBack(attempt.why);
    return false;
  }
  if (attempt.page == nullptr || attempt.page->result.ok()) return true;
  const absl::Status read = attempt.page->result.status();
  const bool fenced = UserErrorOf(read) == UserError::kFenced;
  if (absl::IsUnavailable(read) || (absl::IsAborted(read) && !fenced)) return true;
  attempt.outcome = read;
  return false;
}

void VolumeHost::Release(const Held& held) {
  if (held.pages.empty()) return;
  const std::lock_guard lock(mutex_);
  if (held.cache != cache_serial_) return;
  for (const PageNo page : held.pages) cache_->Unpin(page);
}

void VolumeHost::WaitForChange(Attempt& attempt, std::string why) {
  attempt.wait = nodes_->port->NewEvent();
  attempt.why = std::move(why);
  blocked_.push_back(attempt.wait);
}

VolumeHost::Attempt VolumeHost::AttemptCommit(const Mtr& mtr, const std::vector<PageNo>& pages,
                                              Held& held) {
  Attempt attempt;
  Turn turn(*this);
  const size_t pgs = pages.empty() ? 0 : core_.manifest().PgIndexOf(pages.back()) + 1;
  if (const absl::Status status = WhyNoCommit(turn.now()); !status.ok()) {
    attempt.outcome = status;
  } else if (core_.phase() != VolumeCore::Phase::kWriting) {
    WaitForChange(attempt, "the writer is following itself with a higher epoch");
  } else if (held.after.has_value() && core_.writer()->last_issued() != *held.after) {
    attempt.outcome = MakeUserError(
        UserError::kRetry,
        absl::StrCat(core_.Where(), " was changed after LSN ", held.after->value(),
                     ": its newest commit is ", core_.writer()->last_issued().value()));
  } else if (pgs > core_.manifest().pgs.size() + kMaxGrowthPgs) {
    attempt.outcome = absl::InvalidArgumentError(
        absl::StrCat("page ", pages.back().value(), " lies more than ", kMaxGrowthPgs,
                     " PGs beyond the end of ", core_.Where()));
  } else if (pgs > core_.manifest().pgs.size()) {
    WaitForChange(attempt, "the volume must grow first");
    Step(turn, GrowTo{pgs});
  } else if (cache_->crowded()) {
    WaitForChange(attempt, "too many pages in memory are not durable yet");
  } else if (AllCached(turn, pages, held, attempt)) {
    Submit(turn, mtr, attempt);
  }
  return attempt;
}

// Starts reading what is missing, and pins what is there: so each round brings the MTR closer,
// however small the cache is.
bool VolumeHost::AllCached(Turn& turn, const std::vector<PageNo>& pages, Held& held,
                           Attempt& attempt) {
  const auto cached = [&](PageNo page) { return cache_->Find(page) != nullptr; };
  if (std::all_of(pages.begin(), pages.end(), cached)) return true;
  if (held.cache != cache_serial_) held = Held{cache_serial_, {}, held.after};
  const Held before = std::exchange(held, Held{cache_serial_, {}, held.after});
  for (const PageNo page : pages) {
    const auto wait = cached(page) ? nullptr : FetchNewest(turn, page);
    if (wait == nullptr) {
      cache_->Pin(page);
      held.pages.push_back(page);
      continue;
    }
    attempt.wait = wait->event;
    attempt.page = wait;
    attempt.why = absl::StrCat("page ", page.value(), " must be read first");
  }
  for (const PageNo page : before.pages) cache_->Unpin(page);
  return attempt.wait == nullptr;
}

// REQUIRES: every page that the MTR writes is cached.
void VolumeHost::Submit(Turn& turn, const Mtr& mtr, Attempt& attempt) {
  const auto changes = redo_.Generate(mtr, *cache_, core_.manifest().pgs.size());
  if (changes.size() > options_.writer.lal) {
    attempt.outcome = absl::InvalidArgumentError(
        absl::StrCat("an MTR of ", changes.size(), " records; the LSN allocation limit is ",
                     options_.writer.lal));
    return;
  }
  issued_.reset();
  refused_.reset();
  Step(turn, quorum::SubmitMtr{++tag_, changes, WallClockNow()});
  INVARIANT(issued_.has_value() != refused_.has_value());
  if (refused_.has_value()) {
    switch (refused_->why) {
      case MtrBlocked::Why::kFenced:
        attempt.outcome = MakeUserError(UserError::kFenced, core_.reason());
        return;
      case MtrBlocked::Why::kNeedsGrowth:
        attempt.why = "the volume must grow first";
        break;
      case MtrBlocked::Why::kLal:
        attempt.why = "the LSN allocation limit is reached";
        break;
      case MtrBlocked::Why::kInFlight:
        attempt.why = "too many bytes are in flight without a quorum";
        break;
    }
    return WaitForChange(attempt, attempt.why);
  }
  INVARIANT(issued_->commit_lsn.value() - issued_->first_lsn.value() + 1 == changes.size());
  parts_.clear();
  quorum::RecordView record;
  record.lsn = issued_->first_lsn;
  for (const quorum::PageChange& change : changes) {
    record.page = change.page;
    record.kind = change.kind;
    record.payload = change.payload;
    cache_->Apply(record);
    NotePart(change.page, record.lsn);
    record.lsn = record.lsn.Next();
    statistics_.payload_bytes += change.payload.size();
    pages_seen_ = std::max<uint64_t>(pages_seen_, uint64_t{change.page.value()} + 1);
  }
  ++statistics_.mtrs;
  statistics_.records += changes.size();
  receipts_.Ordered(issued_->commit_lsn, core_.epoch(), parts_, turn.now());
  attempt.outcome = issued_->commit_lsn;
}

void VolumeHost::NotePart(PageNo page, Lsn lsn) {
  const quorum::Manifest& manifest = core_.manifest();
  const PgId pg = manifest.pgs[manifest.PgIndexOf(page)].pg;
  const auto known = std::ranges::find(parts_, pg, &CommitReceipts::Part::pg);
  if (known == parts_.end()) {
    parts_.push_back({pg, lsn});
  } else {
    known->last = lsn;
  }
}

// ---- durability

void VolumeHost::OnDurable(Lsn lsn, DurableCallback done) {
  Turn turn(*this);
  if (closed_) {
    return FinishCommits(
        {{lsn, 0, turn.now(), std::move(done)}},
        MakeUserError(UserError::kCommitUnknown, absl::StrCat(core_.Where(), " is closed")));
  }
  VolumeCore::Effects effects;
  core_.WaitFor(lsn, turn.now(), std::move(done), effects);
  CarryOut(turn, std::move(effects));
}

absl::Status VolumeHost::WaitDurable(Lsn lsn, Duration timeout) {
  struct Outcome {
    std::mutex mutex;
    absl::Status status;
  };
  const auto outcome = std::make_shared<Outcome>();
  const auto event = nodes_->port->NewEvent();
  OnDurable(lsn, [outcome, event](const absl::Status& status) {
    {
      const std::lock_guard lock(outcome->mutex);
      outcome->status = status;
    }
    event->Set();
  });
  if (!event->WaitUntil(nodes_->port->Now() + timeout)) {
    return MakeUserError(UserError::kCommitUnknown,
                         absl::StrCat("volume ", entry_.name, ": LSN ", lsn.value(),
                                      " was not confirmed within ", timeout.millis(), " ms"));
  }
  const std::lock_guard lock(outcome->mutex);
  return outcome->status;
}

}  // namespace hexad::compute

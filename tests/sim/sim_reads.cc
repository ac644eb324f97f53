// Page reads of a simulated compute process: for its cache, and of its readers at read points that
// they keep for a while. One complete segment is asked, another one when that is late; whoever
// meets a higher epoch asks all of them (as compute/io's PageReads).
#include <algorithm>
#include <utility>

#include "quorum/base/check.h"
#include "tests/sim/sim_compute.h"

namespace hexad::sim {

using quorum::MemberSet;
using quorum::RefusalReason;

namespace {

constexpr Duration kReadDeadline = Duration::Seconds(4);
constexpr Duration kAskAgain = Duration::Millis(100);

}  // namespace

struct SimCompute::Reading {
  quorum::ReadPage read;
  size_t pg_index = 0;
  uint64_t tenure = 0;
  Instant deadline;
  MemberSet tried;
  MemberSet agree;
  MemberSet stale;
  bool suspicious = false;
  int outstanding = 0;
  int round = 0;  // a round ends when everybody was asked in vain
  bool ended = false;
  std::optional<quorum::PageRead> page;
  NodeIndex from = 0;
  PageCallback done;  // not called if nobody could serve it
};

// ---- readers ------------------------------------------------------------------------------------

void SimCompute::StartReaders() {
  const auto mean = static_cast<uint64_t>(options_.load.read_every.nanos());
  if (mean == 0) return;
  process_.After(Duration::Nanos(static_cast<int64_t>(prng_.Below(2 * mean))), [this] {
    ReadSomething();
    StartReaders();
  });
}

void SimCompute::ReadSomething() {
  const bool writes = Is(Phase::kWriting);
  if (!writes && !(Is(Phase::kReadOnly) && !core_->between_epochs())) return;
  const quorum::Manifest& manifest = core_->manifest();
  const uint64_t pages = manifest.pgs.size() * uint64_t{manifest.pages_per_pg};
  const PageNo page(static_cast<uint32_t>(prng_.Below(pages)));
  const Instant now = process_.now();
  while (!views_.empty() && views_.front().until <= now) {
    Unpin(views_.front().read_point);
    views_.pop_front();
  }
  Lsn read_point = core_->vdl();
  if (writes && (views_.empty() || prng_.OneIn(8))) {
    const auto age = static_cast<uint64_t>(options_.load.read_point_age.nanos());
    const Instant until = now + Duration::Nanos(static_cast<int64_t>(prng_.Below(age + 1)));
    views_.push_back({core_->vdl(), views_.empty() ? until : std::max(until, views_.back().until)});
    Pin(core_->vdl());
  } else if (writes) {
    read_point = views_[prng_.Below(views_.size())].read_point;
  }
  if (read_point.IsNone() || read_point > core_->vdl()) return;
  if (!core_->IsOnHistory(read_point)) return;  // the volume went back below it
  ReadPage(page, read_point, [](const quorum::PageRead&) {});
}

void SimCompute::Pin(Lsn read_point) {
  const Lsn before = core_->pins().lowest();
  compute::VolumeCore::Effects effects;
  core_->Pin(read_point, process_.now(), effects);
  if (core_->pins().lowest() != before) tell_(ReadPointsHeld{id_, core_->pins().lowest()});
  CarryOut(effects);
}

void SimCompute::Unpin(Lsn read_point) {
  const Lsn before = core_->pins().lowest();
  compute::VolumeCore::Effects effects;
  core_->Unpin(read_point, process_.now(), effects);
  if (core_->pins().lowest() != before) tell_(ReadPointsHeld{id_, core_->pins().lowest()});
  CarryOut(effects);
}

// ---- the cache ----------------------------------------------------------------------------------

// REQUIRES: not cached; the page's PG exists.
void SimCompute::Fetch(PageNo page) {
  if (fetches_.contains(page)) return;
  const Lsn read_at = core_->vdl();
  const Lsn complete_to = core_->CompleteTo(core_->manifest().PgIndexOf(page), read_at);
  if (complete_to.IsNone()) {  // the PG has no records: nobody needs to be asked
    cache_->Insert(page, {Lsn::None(), std::string(options_.named.page_size, '\0')}, read_at);
    return;
  }
  fetches_[page] = read_at;
  Pin(read_at);
  ReadPage(page, read_at,
           [this, page, read_at](const quorum::PageRead& read) { Fetched(page, read_at, read); });
}

void SimCompute::Fetched(PageNo page, Lsn read_at, const quorum::PageRead& read) {
  fetches_.erase(page);
  Unpin(read_at);
  INVARIANT(read.page_lsn <= read_at);
  cache_->Insert(page, {read.page_lsn, std::string(read.page.view())}, read_at);
  TryBlocked();
}

void SimCompute::DropFetches() {
  const std::map<PageNo, Lsn> dropped = std::exchange(fetches_, {});
  for (const auto& [page, read_at] : dropped) Unpin(read_at);
}

// ---- asking segments ----------------------------------------------------------------------------

void SimCompute::SetSelectors(const std::vector<std::vector<std::optional<Lsn>>>& scls) {
  selectors_.clear();
  for (size_t pg = 0; pg < core_->manifest().pgs.size(); ++pg) {
    const auto& members = core_->manifest().pgs[pg].members;
    selectors_.emplace_back(static_cast<int>(members.size()), prng_.Next());
    for (size_t i = 0; i < members.size(); ++i) {
      const int member = static_cast<int>(i);
      selectors_[pg].SetUp(member, connected_.contains(IndexOf(members[i].node)));
      if (pg < scls.size() && scls[pg][i].has_value()) {
        selectors_[pg].SetScl(member, *scls[pg][i]);
      }
    }
  }
}

void SimCompute::LearnScl(const NodeId& node, const quorum::SegmentAnswer& answer) {
  const auto learn = [&](const quorum::Envelope& from, Lsn scl) {
    if (from.epoch != core_->epoch()) return;
    for (size_t pg = 0; pg < selectors_.size(); ++pg) {
      if (core_->manifest().pgs[pg].pg != from.pg) continue;
      const auto member = core_->manifest().pgs[pg].IndexOf(node);
      if (member.has_value()) selectors_[pg].SetScl(*member, scl);
    }
  };
  if (const auto* ack = std::get_if<quorum::Ack>(&answer)) learn(ack->from, ack->scl);
  if (const auto* begun = std::get_if<quorum::Begun>(&answer)) learn(begun->from, begun->scl);
}

void SimCompute::ReadPage(PageNo page, Lsn read_point, PageCallback done) {
  auto reading = std::make_shared<Reading>();
  reading->pg_index = core_->manifest().PgIndexOf(page);
  const quorum::Membership& membership = core_->manifest().pgs[reading->pg_index];
  reading->read.to = {core_->manifest().timeline, membership.pg, core_->epoch(), membership.epoch};
  reading->read.page = page;
  reading->read.read_point = read_point;
  reading->read.complete_to = core_->CompleteTo(reading->pg_index, read_point);
  reading->read.sealed = core_->sealed();
  reading->tenure = core_->tenure();
  reading->deadline = process_.now() + kReadDeadline;
  reading->done = std::move(done);
  if (reading->read.complete_to.IsNone()) return;
  Ask(reading);
}

void SimCompute::Ask(const std::shared_ptr<Reading>& reading) {
  if (reading->ended || reading->tenure != core_->tenure()) return;
  const auto& members = core_->manifest().pgs[reading->pg_index].members;
  const int count = static_cast<int>(members.size());
  auto& selector = selectors_[reading->pg_index];
  for (;;) {
    std::optional<int> member;
    if (!reading->suspicious) {
      member = selector.Pick(reading->read.complete_to, reading->tried);
    } else {
      for (int i = 0; i < count && !member.has_value(); ++i) {
        if (!reading->tried.Has(i)) member = i;
      }
    }
    if (!member.has_value()) break;
    reading->tried.Add(*member);
    ++reading->outstanding;
    fabric_.Read(self_, IndexOf(members[static_cast<size_t>(*member)].node), reading->read,
                 [this, reading, member = *member](std::optional<PageOutcome> outcome) {
                   Asked(reading, member, std::move(outcome));
                 });
    if (reading->suspicious) continue;
    process_.After(selector.HedgeAfter(*member), [this, reading, round = reading->round] {
      if (reading->round == round) Ask(reading);
    });
    return;
  }
  if (reading->outstanding > 0) return;
  // The cache's reads are repeated until they succeed; a reader's are given up some time.
  if (process_.now() >= reading->deadline && !fetches_.contains(reading->read.page)) return;
  ++reading->round;
  process_.After(kAskAgain, [this, reading] {
    reading->tried = MemberSet();
    Ask(reading);
  });
}

void SimCompute::Asked(const std::shared_ptr<Reading>& reading, int member,
                       std::optional<PageOutcome> outcome) {
  --reading->outstanding;
  if (reading->ended || reading->tenure != core_->tenure()) return;
  const quorum::Membership& membership = core_->manifest().pgs[reading->pg_index];
  const NodeId& node = membership.members[static_cast<size_t>(member)].node;
  auto& selector = selectors_[reading->pg_index];
  if (outcome.has_value() && std::holds_alternative<quorum::PageRead>(*outcome)) {
    reading->page = std::get<quorum::PageRead>(*std::move(outcome));
    reading->from = IndexOf(node);
    reading->agree.Add(member);
    selector.Observe(member, Duration::Micros(500));
    selector.SetScl(member, reading->page->scl);
  } else {
    selector.ObserveFailure(member);
    const auto* refused = outcome.has_value() ? std::get_if<quorum::Refused>(&*outcome) : nullptr;
    if (refused != nullptr && refused->reason == RefusalReason::kStaleEpoch) {
      reading->suspicious = true;
      reading->stale.Add(member);
      quorum::Refused stale = *refused;
      stale.from = reading->read.to;
      Step(compute::ReadRefused{node, stale});
      if (reading->tenure != core_->tenure() || Is(Phase::kFenced)) return;
    }
  }
  if (reading->page.has_value() &&
      (!reading->suspicious || membership.Quorums().CanRead(reading->agree))) {
    reading->ended = true;
    const quorum::PageRead& page = *reading->page;
    tell_(PageAnswered{id_, reading->from, reading->read.page, reading->read.read_point,
                       page.page_lsn, page.page.view(), &core_->history()->path});
    return reading->done(page);
  }
  Ask(reading);
}

}  // namespace hexad::sim

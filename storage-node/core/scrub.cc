#include "storage-node/core/scrub.h"

#include <algorithm>
#include <utility>

#include "quorum/base/check.h"
#include "quorum/base/marks.h"

namespace hexad::storage_node {

using quorum::PageDigest;
using quorum::ScrubAsk;
using State = quorum::PageDigest::State;

Scrub::Scrub(Duration every, uint32_t pages_at_once, uint64_t seed)
    : every_(every), pages_at_once_(pages_at_once), prng_(seed) {
  INVARIANT(pages_at_once_ <= quorum::kMaxScrubPages);
}

// ---- a range ------------------------------------------------------------------------------------

void Scrub::OnTick(Instant now, ScrubSite& site) {
  if (phase_ == Phase::kResting && now >= due_) return Start(now, site);
  if (phase_ == Phase::kReserving) Fetch(site);
}

void Scrub::Start(Instant now, ScrubSite& site) {
  const bool first = !range_.has_value();
  range_ = site.Next(range_);
  if (!range_.has_value()) {
    if (!first) {
      ++progress_.rounds;
      progress_.pages_this_round = 0;
    }
    return Rest(now, site);
  }
  range_->count = std::min(range_->count, pages_at_once_);
  const auto ask = site.Question(*range_);
  if (!ask.has_value()) return Rest(now, site);
  ask_ = *ask;
  own_.clear();
  theirs_.clear();
  unasked_ = site.Peers(range_->pg);
  page_ = 0;
  phase_ = Phase::kReading;
  if (!ReadOwn(ask_, site)) Rest(now, site);
}

void Scrub::On(const Scrubbed& scrubbed, Instant now, ScrubSite& site) {
  if (scrubbed.question != question_ || phase_ == Phase::kResting) return;  // given up meanwhile
  if (phase_ == Phase::kFetching) return TakeVersions(scrubbed, now, site);
  if (phase_ == Phase::kProving) return TakeProof(scrubbed, now, site);
  const bool right = scrubbed.fill.has_value() && scrubbed.fill->digests.size() == ask_.page_count;
  if (phase_ == Phase::kReading) {
    if (!right) return Rest(now, site);
    own_ = scrubbed.fill->digests;
    progress_.pages += own_.size();
    progress_.pages_this_round += own_.size();
    phase_ = Phase::kComparing;
  } else {
    INVARIANT(phase_ == Phase::kComparing);
    if (right) theirs_[scrubbed.peer] = scrubbed.fill->digests;
    if (right && AllEqual()) return Rest(now, site);
  }
  if (!AskNextPeer(site)) Judge(now, site);
}

bool Scrub::AskNextPeer(ScrubSite& site) {
  if (unasked_.empty()) return false;
  const size_t pick = prng_.Below(unasked_.size());
  const NodeId peer = unasked_[pick];
  unasked_.erase(unasked_.begin() + static_cast<ptrdiff_t>(pick));
  AskPeer(peer, ask_, site);
  return true;
}

// What a peer has damaged is for that peer to find and mend.
bool Scrub::AllEqual() const {
  for (size_t page = 0; page < own_.size(); ++page) {
    if (own_[page].state == State::kDamaged) return false;
    for (const auto& [peer, digests] : theirs_) {
      if (own_[page].state == State::kWhole && digests[page].state == State::kWhole &&
          !(digests[page] == own_[page])) {
        return false;
      }
    }
  }
  return true;
}

// ---- a page -------------------------------------------------------------------------------------

std::optional<PageDigest> Scrub::Truth(size_t page) const {
  std::map<PageDigest, int> votes;
  if (own_[page].state == State::kWhole) ++votes[own_[page]];
  for (const auto& [peer, digests] : theirs_) {
    if (digests[page].state == State::kWhole) ++votes[digests[page]];
  }
  const auto fewer = [](const auto& a, const auto& b) { return a.second < b.second; };
  const auto most = std::max_element(votes.begin(), votes.end(), fewer);
  if (most == votes.end()) return std::nullopt;
  const auto is_most = [&](const auto& vote) { return vote.second == most->second; };
  if (std::count_if(votes.begin(), votes.end(), is_most) > 1) return std::nullopt;
  return most->first;
}

void Scrub::Judge(Instant now, ScrubSite& site) {
  for (; page_ < own_.size(); ++page_) {
    const PageDigest& own = own_[page_];
    if (own.state == State::kInheritedDamage) continue;
    const auto truth = Truth(page_);
    if (own.state == State::kWhole && truth.has_value() && *truth == own) continue;
    if (own.state == State::kDamaged) {
      ++progress_.damaged;
      SOMETIMES(scrub_finds_damage);
    } else {
      ++progress_.different;
    }
    if (!truth.has_value()) {
      ++progress_.unrepaired;
      continue;
    }
    truth_ = *truth;
    sources_.clear();
    for (const auto& [peer, digests] : theirs_) {
      if (digests[page_] == truth_) sources_.push_back(peer);
    }
    return Fetch(site);
  }
  Rest(now, site);
}

void Scrub::Fetch(ScrubSite& site) {
  phase_ = Phase::kReserving;
  if (!reserved_ && !site.Reserve(range_->pg)) return;  // the next tick tries again
  reserved_ = true;
  const NodeId source = sources_.back();
  sources_.pop_back();
  ScrubAsk ask = AskAboutOne(page_);
  ask.with_versions = true;
  phase_ = Phase::kFetching;
  AskPeer(source, ask, site);
}

void Scrub::TakeVersions(const Scrubbed& scrubbed, Instant now, ScrubSite& site) {
  std::optional<StoreBatch> repair;
  if (scrubbed.fill.has_value() && scrubbed.fill->digests.size() == 1 &&
      scrubbed.fill->digests[0] == truth_) {
    repair = site.PlanRepair(AskAboutOne(page_), *scrubbed.fill);
  }
  if (repair.has_value()) {
    phase_ = Phase::kWriting;
    return site.Emit(Repair{*std::move(repair)});
  }
  if (!sources_.empty()) return Fetch(site);
  GiveUpPage(now, site);
}

void Scrub::On(const Repaired& repaired, Instant now, ScrubSite& site) {
  INVARIANT(phase_ == Phase::kWriting);
  site.Release();
  reserved_ = false;
  if (!repaired.status.ok()) return GiveUpPage(now, site);
  phase_ = Phase::kProving;
  if (!ReadOwn(AskAboutOne(page_), site)) GiveUpPage(now, site);
}

void Scrub::TakeProof(const Scrubbed& scrubbed, Instant now, ScrubSite& site) {
  const bool proven = scrubbed.fill.has_value() && scrubbed.fill->digests.size() == 1 &&
                      scrubbed.fill->digests[0] == truth_;
  if (!proven) return GiveUpPage(now, site);
  SOMETIMES(scrub_mends_a_page);
  ++progress_.repaired;
  ++page_;
  Judge(now, site);
}

void Scrub::GiveUpPage(Instant now, ScrubSite& site) {
  ++progress_.unrepaired;
  if (std::exchange(reserved_, false)) site.Release();
  ++page_;
  Judge(now, site);
}

bool Scrub::Leave(PgId pg, Instant now, ScrubSite& site) {
  if (phase_ == Phase::kResting || range_->pg != pg) return true;
  if (phase_ == Phase::kWriting) return false;
  Rest(now, site);
  return true;
}

void Scrub::Rest(Instant now, ScrubSite& site) {
  if (std::exchange(reserved_, false)) site.Release();
  phase_ = Phase::kResting;
  due_ = now + every_;
}

// ---- questions ----------------------------------------------------------------------------------

ScrubAsk Scrub::AskAboutOne(size_t page) const {
  ScrubAsk ask = ask_;
  ask.first_page = PageNo(ask_.first_page.value() + static_cast<uint32_t>(page));
  ask.page_count = 1;
  return ask;
}

bool Scrub::ReadOwn(const ScrubAsk& ask, ScrubSite& site) {
  auto plan = site.PlanOwn(ask);
  if (!plan.has_value()) return false;
  site.Emit(ScrubOwn{++question_, *std::move(plan)});
  return true;
}

void Scrub::AskPeer(const NodeId& peer, const ScrubAsk& ask, ScrubSite& site) {
  site.Emit(ScrubPeer{++question_, peer, ask});
}

}  // namespace hexad::storage_node

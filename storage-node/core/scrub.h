// Scrub: what is stored is read again and again, checksums and all, and compared with what peers
// make of it at the same LSN; what is damaged or differs is replaced by a peer's versions
// (docs/scrub.md; Verbitski 2017, section 3.3, step 8).
//
//   [resting] --Tick--> [reading] --own digests--> [comparing] --a peer's are equal--> [resting]
//      ^                                               |
//      |                                  not equal: all other peers are asked
//      |                                               v
//      +--nothing to mend-- (judging) --+--> [reserving] --no coalescing--> [fetching]
//                               ^                                              | a peer's versions
//                               |                                              v
//                               +------ [proving] <--it is on the disk-- [writing]
//
// One range of pages at a time per node, and one page of it being mended.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "quorum/base/instant.h"
#include "quorum/base/prng.h"
#include "quorum/messages.h"
#include "storage-node/core/node_core.h"

namespace hexad::storage_node {

// Pages of one timeline in one PG.
struct ScrubRange {
  PgId pg;
  TimelineId timeline;
  PageNo first;
  uint32_t count = 0;
};

// How the scrub reaches its node during one step.
class ScrubSite {
 public:
  virtual ~ScrubSite() = default;
  // The pages that follow `after` (nothing: the first ones of all). Nothing: that was the last.
  virtual std::optional<ScrubRange> Next(const std::optional<ScrubRange>& after) const = 0;
  // What to ask about a range: the LSN that its pages are compared at. Nothing: not now.
  virtual std::optional<quorum::ScrubAsk> Question(const ScrubRange& range) const = 0;
  virtual std::optional<ScrubPlan> PlanOwn(const quorum::ScrubAsk& ask) const = 0;
  virtual std::vector<NodeId> Peers(PgId pg) const = 0;
  // What puts a peer's versions in the place of the page's own. Nothing: they do not fit here now.
  virtual std::optional<StoreBatch> PlanRepair(const quorum::ScrubAsk& ask,
                                               const quorum::ScrubFill& fill) = 0;
  // From true on no coalescing starts until Release(). False: one is under way.
  virtual bool Reserve(PgId pg) = 0;
  virtual void Release() = 0;
  virtual void Emit(NodeEffect effect) = 0;
};

class Scrub {
 public:
  Scrub(Duration every, uint32_t pages_at_once, uint64_t seed);

  void OnTick(Instant now, ScrubSite& site);
  void On(const Scrubbed& scrubbed, Instant now, ScrubSite& site);
  void On(const Repaired& repaired, Instant now, ScrubSite& site);
  // A timeline of this PG is about to go: let it. False: a write of this scrub is on its way there,
  // and Repaired follows.
  bool Leave(PgId pg, Instant now, ScrubSite& site);

  const ScrubProgress& progress() const { return progress_; }

 private:
  enum class Phase : uint8_t {
    kResting,
    kReading,
    kComparing,
    kReserving,
    kFetching,
    kWriting,
    kProving
  };
  using Digests = std::vector<quorum::PageDigest>;

  void Start(Instant now, ScrubSite& site);
  void Compare(ScrubSite& site);
  // Asks the next peer that has not been asked about the range. False: there is none left.
  bool AskNextPeer(ScrubSite& site);
  bool AllEqual() const;
  // What most segments make of the page; nothing if that cannot be told.
  std::optional<quorum::PageDigest> Truth(size_t page) const;
  // Goes on with the first page that is to be mended, or to the next range.
  void Judge(Instant now, ScrubSite& site);
  void Fetch(ScrubSite& site);
  void TakeVersions(const Scrubbed& scrubbed, Instant now, ScrubSite& site);
  void TakeProof(const Scrubbed& scrubbed, Instant now, ScrubSite& site);
  void GiveUpPage(Instant now, ScrubSite& site);
  void Rest(Instant now, ScrubSite& site);
  quorum::ScrubAsk AskAboutOne(size_t page) const;
  // False: the range cannot be read now.
  bool ReadOwn(const quorum::ScrubAsk& ask, ScrubSite& site);
  void AskPeer(const NodeId& peer, const quorum::ScrubAsk& ask, ScrubSite& site);

  const Duration every_;
  const uint32_t pages_at_once_;
  Prng prng_;
  ScrubProgress progress_;

  Phase phase_ = Phase::kResting;
  Instant due_;
  uint64_t question_ = 0;            // the one that an answer is waited for
  std::optional<ScrubRange> range_;  // the one under way, or the last
  // Of the range under way:
  quorum::ScrubAsk ask_;
  Digests own_;
  std::vector<NodeId> unasked_;
  std::map<NodeId, Digests> theirs_;
  // Of the page being mended:
  size_t page_ = 0;
  quorum::PageDigest truth_;
  std::vector<NodeId> sources_;  // peers that have it right, and were not asked for it yet
  bool reserved_ = false;
};

}  // namespace hexad::storage_node

// Durability receipts: which segments had a commit on their disks, and when. Kept for the newest
// commits of this process, in rings of fixed size: a receipt is shown to who asks soon.
//
// A commit's records travel in boxcars of several PGs, and acks are cumulative: a segment has its
// part once it has acknowledged everything of the PG up to the commit's last record there.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "quorum/base/instant.h"
#include "quorum/base/types.h"

namespace hexad::compute {

struct CommitReceipt {
  struct Ack {
    PgId pg;
    NodeId node;
    Duration after;  // since the commit was ordered
  };
  Lsn lsn;
  EpochId epoch;
  std::optional<Duration> durable_after;  // nothing: not durable yet
  std::vector<Ack> acks;                  // as they came
};

class CommitReceipts {
 public:
  static constexpr size_t kCommits = 2'048;
  static constexpr size_t kAcks = 16'384;  // a boxcar has six

  // The last record of a commit in one PG.
  struct Part {
    PgId pg;
    Lsn last;
  };

  // Commits are ordered with rising LSNs, but after a backtrack.
  void Ordered(Lsn commit, EpochId epoch, std::span<const Part> parts, Instant now);
  void Acked(PgId pg, const NodeId& node, Lsn up_to, Instant now);
  void Durable(Lsn vdl, Instant now);

  // Nothing: it was never here, or is forgotten.
  std::optional<CommitReceipt> Find(Lsn commit) const;

 private:
  // The newest `kept` of what was pushed; [i] counts from the oldest that is still there.
  template <class Entry>
  class Ring {
   public:
    explicit Ring(size_t kept) : kept_(kept) {}
    // The entry to fill in: what it was before is forgotten.
    Entry& Push() {
      if (entries_.size() < kept_) return entries_.emplace_back();
      return entries_[next_++ % kept_];
    }
    size_t size() const { return entries_.size(); }
    const Entry& operator[](size_t i) const { return entries_[(next_ + i) % entries_.size()]; }

   private:
    const size_t kept_;
    size_t next_ = 0;
    std::vector<Entry> entries_;
  };
  struct Commit {
    Lsn lsn;
    EpochId epoch;
    Instant at;
    std::vector<Part> parts;
  };
  struct SegmentAck {
    PgId pg;
    NodeId node;
    Lsn up_to;
    Instant at;
  };
  struct VdlAt {
    Lsn vdl;
    Instant at;
  };

  void AddAcks(const Commit& commit, const Part& part, CommitReceipt& receipt) const;

  Ring<Commit> commits_{kCommits};
  Ring<SegmentAck> acks_{kAcks};
  Ring<VdlAt> durable_{kCommits};
};

}  // namespace hexad::compute

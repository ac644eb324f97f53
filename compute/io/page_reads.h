// Reads pages of one volume from its segments: one complete segment per read, the fastest first; a
// second one as well when the first is late against its own history (Verbitski 2018, section 3.1).
// No quorum read in normal operation.
//
//            answer in time                     the page
//   [asked] ------------------------------------------------------> done
//     |  late: hedge, ask another too; error or refusal: ask another   ^
//     |                                                                |
//     |  stale epoch refused                      a read quorum (3)    |
//     +----------------------> [suspicious] ---------------------------+
//                              ask everybody   \__ too many refuse: FENCED
//
// Why suspicion. A segment that promised a higher epoch refuses us. Perhaps its contender died
// half-way and we are still the writer; perhaps we are a zombie, and the next segment has only
// missed the new epoch's Begin. A begun epoch is held by a write quorum, so a read quorum of
// segments that do not refuse proves that none had begun when they answered: then the page is as
// fresh as we claim.
//
// Thread-safe. `done` is called once, on a gRPC or timer thread, or before Read returns; never with
// a lock held.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "compute/io/cluster_nodes.h"
#include "proto/read_codec.h"
#include "quorum/messages.h"
#include "quorum/segment_selector.h"

namespace hexad::compute {

class PageReads : public std::enable_shared_from_this<PageReads> {
 public:
  using Done = std::function<void(absl::StatusOr<quorum::PageRead>)>;
  // A segment refused a read because it promised something higher.
  using Stale = std::function<void(const NodeId&, const quorum::Refused&)>;

  static constexpr Duration kReadDeadline = Duration::Seconds(5);  // for the whole read
  static constexpr Duration kAskDeadline = Duration::Seconds(2);   // for one segment's answer
  static constexpr Duration kRetryPause = Duration::Millis(20);    // when no segment can be asked

  explicit PageReads(std::shared_ptr<const ClusterNodes> nodes);
  // Before the first read.
  void OnStale(Stale on_stale) { on_stale_ = std::move(on_stale); }

  // From now on reads claim `epoch` and use the manifest's PGs. Forgets SCLs: they belong to an
  // epoch. `sealed`: it is promised and has not begun (quorum::ReadPage).
  void SetEpoch(EpochId epoch, bool sealed, const quorum::Manifest& manifest);
  // The volume grew. REQUIRES: SetEpoch before.
  void SetGeometry(const quorum::Manifest& manifest);
  // What a segment said it holds on the epoch's history.
  void SetScl(PgId pg, const NodeId& node, Lsn scl);
  void SetUp(const NodeId& node, bool up);

  // The page as of `read_point`, whose PG's last record at or below it is `complete_to` or lower.
  // OUT_OF_RANGE: outside the volume, or no segment retains the read point. DATA_LOSS: every
  // segment that could have the page has answered, and has it damaged. FENCED (user error).
  // UNAVAILABLE: no complete segment in time.
  void Read(PageNo page, Lsn read_point, Lsn complete_to, Done done);

  uint64_t hedged() const;

 private:
  class Ask;
  struct Pg {
    quorum::Membership membership;
    quorum::SegmentSelector selector;
  };

  Pg* Find(PgId pg);
  void AddPg(const quorum::Membership& membership);

  const std::shared_ptr<const ClusterNodes> nodes_;
  Stale on_stale_ = [](const NodeId&, const quorum::Refused&) {};
  mutable std::mutex mutex_;
  EpochId epoch_;
  bool sealed_ = false;
  quorum::Manifest manifest_;  // empty until SetEpoch
  std::vector<std::unique_ptr<Pg>> pgs_;
  std::map<PgId, size_t> index_of_;
  std::map<NodeId, bool> up_;
  uint64_t hedged_ = 0;
};

}  // namespace hexad::compute

// One PG at the writer: its open boxcar, its sealed ones, and the streams of its segments.
//
//   Add --> [ open boxcar ] --seal--> [ boxcar queue ] --pump--> six streams
//                             |                                      |
//            SealPacer, or the target size                  acks: SCL, PGCL
//
// A lane knows nothing of other PGs. It tells its VolumeWriter that PGCL moved, and is told the
// VDL.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "quorum/boxcar_queue.h"
#include "quorum/member_stream.h"
#include "quorum/seal_pacer.h"
#include "quorum/volume_writer.h"

namespace hexad::quorum {

// What one Step knows, on its way through the lanes.
struct LaneTurn {
  Instant now;
  Lsn vdl;
  Lsn pgmrpl;
  std::vector<WriterEffect>& out;
};

struct LaneStart {
  size_t index = 0;  // of the PG in the manifest
  Envelope envelope;
  Membership membership;
  PgPath path;
  uint32_t page_size = 0;
  PageNo first_page;
  uint32_t page_count = 0;
  bool create = false;               // a new PG: its segments are created first
  std::optional<Manifest> manifest;  // at the first PG
};

class PgLane {
 public:
  // `options` must outlive the lane.
  PgLane(const WriterOptions& options, LaneStart start);

  // ---- the log
  Lsn last_lsn() const { return last_lsn_; }  // of the PG's last record, open ones included
  Lsn pgcl() const { return pgcl_.pgcl(); }
  // Appends a record, linked to the PG's last one; seals what is full.
  void Add(RecordView record, LaneTurn& turn);
  // Bytes sealed without quorum, and open.
  size_t in_flight_bytes() const { return queue_.in_flight_bytes() + open_bytes(); }
  // See VolumeWriter::CompleteTo.
  Lsn CompleteTo(Lsn read_point, Lsn vdl) const;

  // ---- the segments
  const Membership& membership() const { return start_.membership; }
  void NodeUp(int member, Incarnation incarnation, LaneTurn& turn);
  void NodeDown(int member);
  // True if PGCL moved. Answers that no writer asked for are ignored.
  bool Answered(int member, const SegmentAnswer& answer, LaneTurn& turn);
  // The member promised a higher epoch: it accepts nothing any more.
  void Fence(int member, EpochId by);
  // False once the members that are not fenced are too few, for ever.
  bool CouldWrite() const;
  // Those that hold the epoch / the manifest of the last WriteManifest, durably, and count.
  bool BegunAtWriteQuorum() const;
  bool ManifestAtWriteQuorum() const;
  // The highest R that a write quorum keeps, durably. REQUIRES: the first PG.
  Lsn RetainedAtWriteQuorum() const;
  // Sends the manifest to every segment until it is held. REQUIRES: the first PG; a higher
  // geometry.
  void WriteManifest(const Manifest& manifest, LaneTurn& turn);
  // From here on the PG is part of the volume: changes of its write quorum are told.
  void Use() { in_use_ = members_changed_ = true; }

  // ---- the rhythm
  // Some of the PG's records are not known durable to its segments: they may not coalesce, and
  // recovery would have to prove, what they were not told. So when the VDL moves the lane plans to
  // announce it, unless a boxcar carries it first. A lane that is idle hears of it with the
  // heartbeat.
  bool WantsVdl() const { return told_ < last_lsn_ && announce_at_ == Instant::Never(); }
  void PlanAnnouncement(Instant now);
  void Tick(LaneTurn& turn);
  // After every input that touched the lane, with the VDL that came of it: seals what is due, sends
  // what can be sent, drops what nobody needs.
  void Settle(LaneTurn& turn);
  Instant NextDeadline() const;

  PgDescription Describe() const;
  // Where the lane's first record without quorum is, Max() if there is none.
  Lsn FirstOutstanding() const;
  void CheckInvariants() const;

 private:
  size_t open_bytes() const { return open_.empty() ? 0 : open_.size(); }
  void Seal(LaneTurn& turn);
  void SealIfDue(LaneTurn& turn);
  void QuorumReached(Instant now);  // PGCL moved
  void Pump(MemberStream& member, LaneTurn& turn);
  void SendNext(MemberStream& member, LaneTurn& turn);
  void SendEmptyAppends(LaneTurn& turn);
  void Trim();
  bool SomebodyLacks(const BoxcarQueue::Entry& entry) const;
  void TellWriteQuorum(LaneTurn& turn);

  void Ask(MemberStream& member, LaneTurn& turn);
  void SendBegin(MemberStream& member, LaneTurn& turn);
  void RetryAt(MemberStream& member, Instant at);
  void Retry(MemberStream& member, LaneTurn& turn);
  void FindRetry();
  bool OwesManifest(const MemberStream& member) const;

  bool OnBegun(int index, const Begun& begun, LaneTurn& turn);
  bool OnAck(int index, const Ack& ack, LaneTurn& turn);
  void OnRefused(int index, const Refused& refused, LaneTurn& turn);
  void OnBadRequest(int index, LaneTurn& turn);
  bool Hear(int index, Lsn scl, Instant now);
  void Distrust(int index, std::string why);

  const WriterOptions& options_;
  LaneStart start_;
  QuorumExpr write_;
  BoxcarBuilder open_;
  BoxcarQueue queue_;
  SealPacer pacer_;
  PgclTracker pgcl_;
  std::vector<MemberStream> members_;
  Lsn last_lsn_;
  Lsn told_;  // the VDL that the segments were last told
  GeometryEpoch manifest_wanted_{0};
  bool in_use_ = true;
  bool members_changed_ = false;
  bool write_quorum_ok_ = false;
  MemberSet disk_full_told_;  // with the write quorum's last loss

  // Instants are lower bounds: a Tick that comes for nothing sets them right.
  Instant retry_at_ = Instant::Never();  // of all members
  Instant resend_at_ =
      Instant::Never();  // of all members; counts only while something is in flight
  Instant announce_at_ = Instant::Never();  // the VDL moved, and no boxcar told it
  Instant heartbeat_at_ = Instant::Never();
};

}  // namespace hexad::quorum

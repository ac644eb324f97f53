#include "quorum/volume_writer.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "quorum/base/check.h"
#include "quorum/base/marks.h"
#include "quorum/pg_lane.h"

namespace hexad::quorum {
namespace {

constexpr size_t kNoRun = std::numeric_limits<size_t>::max();

}  // namespace

static_assert(Core<VolumeWriter>);

VolumeWriter::VolumeWriter(WriterOptions options, WriterStart start)
    : options_(options),
      start_(std::move(start)),
      allocator_(start_.first_lsn, start_.vdl, options_.lal),
      vcl_(start_.vdl),
      vdl_(start_.vdl),
      volume_prev_(start_.vdl),
      highest_promised_(start_.epoch) {
  INVARIANT(start_.manifest.Check().ok());
  INVARIANT(start_.pg_paths.size() == start_.manifest.pgs.size());
  INVARIANT(options_.resend_after > Duration() && options_.heartbeat > Duration());
  INVARIANT(options_.announce_after > Duration());
  for (size_t i = 0; i < start_.manifest.pgs.size(); ++i) {
    INVARIANT(start_.pg_paths[i].fork_tail() <= start_.vdl);
    AddLane(start_.manifest.pgs[i], start_.pg_paths[i], /*create=*/false);
  }
}

VolumeWriter::~VolumeWriter() = default;

void VolumeWriter::AddLane(Membership membership, PgPath path, bool create) {
  const size_t index = lanes_.size();
  LaneStart lane;
  lane.index = index;
  lane.envelope = {start_.manifest.timeline, membership.pg, start_.epoch, membership.epoch};
  lane.membership = std::move(membership);
  lane.path = std::move(path);
  lane.page_size = start_.manifest.page_size;
  lane.first_page = start_.manifest.FirstPageOf(index);
  lane.page_count = start_.manifest.pages_per_pg;
  lane.create = create;
  if (index == 0) lane.manifest = start_.manifest;
  INVARIANT(lane_of_.emplace(lane.envelope.pg, index).second);
  lanes_.push_back(std::make_unique<PgLane>(options_, std::move(lane)));
  deadlines_.Resize(lanes_.size());
  lane_in_flight_.push_back(0);
  run_of_.push_back(kNoRun);
  is_untold_.push_back(false);
}

void VolumeWriter::Step(const Input& in, Instant now, Effects& out) {
  std::visit([&](const auto& input) { On(input, now, out); }, in);
}

// A fenced writer is silent: it sends nothing, learns nothing, and says so to whoever still asks.
Instant VolumeWriter::NextDeadline() const {
  return fenced_ ? Instant::Never() : deadlines_.earliest();
}

Lsn VolumeWriter::Pgmrpl() const {
  const Lsn floor = std::min(vdl(), retained_);
  return lowest_read_point_.IsNone() ? floor : std::min(floor, lowest_read_point_);
}

LaneTurn VolumeWriter::Turn(Instant now, Effects& out) const {
  return LaneTurn{now, vdl(), Pgmrpl(), out};
}

size_t VolumeWriter::LaneOf(const Envelope& from) const {
  if (from.timeline != start_.manifest.timeline || from.epoch != start_.epoch) {
    return lanes_.size();
  }
  const auto lane = lane_of_.find(from.pg);
  return lane == lane_of_.end() ? lanes_.size() : lane->second;
}

// ---- the log

void VolumeWriter::On(const SubmitMtr& mtr, Instant now, Effects& out) {
  INVARIANT(!mtr.changes.empty());
  MtrBlocked blocked{.tag = mtr.tag};
  if (const auto why = WhyBlocked(mtr, blocked.pgs_needed)) {
    blocked.why = *why;
    out.emplace_back(blocked);
    return;
  }
  const std::optional<Lsn> first = allocator_.Allocate(mtr.changes.size());
  if (!first) {
    SOMETIMES(mtr_blocked_by_lal);
    blocked.why = MtrBlocked::Why::kLal;
    out.emplace_back(blocked);
    return;
  }
  const Lsn last = first->Plus(mtr.changes.size() - 1);
  out.emplace_back(MtrIssued{mtr.tag, *first, last});

  LaneTurn turn = Turn(now, out);
  AppendRecords(mtr, *first, turn);
  for (const Run& run : runs_) vcl_.Issued(run.lane, run.first, run.last);
  vdl_.IssuedCpl(last);
  for (const Run& run : runs_) Settle(run.lane, turn);
}

std::optional<MtrBlocked::Why> VolumeWriter::WhyBlocked(const SubmitMtr& mtr,
                                                        size_t& pgs_needed) const {
  if (fenced_) return MtrBlocked::Why::kFenced;
  PageNo highest;
  size_t bytes = 0;
  for (const PageChange& change : mtr.changes) {
    highest = std::max(highest, change.page);
    bytes += kRecordHeaderBytes + change.payload.size();
  }
  const size_t pg_index = start_.manifest.PgIndexOf(highest);
  if (pg_index >= start_.manifest.pgs.size()) {
    pgs_needed = pg_index + 1;
    return MtrBlocked::Why::kNeedsGrowth;
  }
  // An MTR above the limit must pass some time: it does when it is alone.
  if (in_flight_bytes_ > 0 && in_flight_bytes_ + bytes > options_.in_flight_limit_bytes) {
    SOMETIMES(mtr_blocked_by_bytes_in_flight);
    return MtrBlocked::Why::kInFlight;
  }
  return std::nullopt;
}

void VolumeWriter::AppendRecords(const SubmitMtr& mtr, Lsn first, LaneTurn& turn) {
  for (const Run& run : runs_) run_of_[run.lane] = kNoRun;
  runs_.clear();
  linker_.Start(mtr.changes.size());
  RecordView record;
  record.epoch_number = start_.epoch.number;
  record.lsn = first;
  for (size_t i = 0; i < mtr.changes.size(); ++i) {
    const PageChange& change = mtr.changes[i];
    INVARIANT(change.page_prev < first);  // links inside the MTR are made here
    const bool is_last = i + 1 == mtr.changes.size();
    record.volume_prev = volume_prev_;
    record.page_prev = linker_.Link(change.page, change.page_prev, record.lsn);
    record.page = change.page;
    record.kind = change.kind;
    record.flags = static_cast<uint8_t>((i == 0 ? RecordFlags::kMtrBegin : 0) |
                                        (is_last ? RecordFlags::kCpl : 0));
    if (is_last) record.commit_time = mtr.commit_time;
    record.payload = change.payload;

    const size_t lane = start_.manifest.PgIndexOf(change.page);
    lanes_[lane]->Add(record, turn);
    Touch(lane, record.lsn);
    volume_prev_ = record.lsn;
    record.lsn = record.lsn.Next();
  }
}

void VolumeWriter::Touch(size_t lane, Lsn lsn) {
  if (run_of_[lane] == kNoRun) {
    run_of_[lane] = runs_.size();
    runs_.push_back(Run{lane, lsn, lsn});
  }
  runs_[run_of_[lane]].last = lsn;
}

Lsn VolumeWriter::CompleteTo(size_t pg_index, Lsn read_point) const {
  INVARIANT(pg_index < start_.manifest.pgs.size());
  return lanes_[pg_index]->CompleteTo(read_point, vdl());
}

void VolumeWriter::Settle(size_t lane, LaneTurn& turn) {
  lanes_[lane]->Settle(turn);
  const size_t in_flight = lanes_[lane]->in_flight_bytes();
  in_flight_bytes_ += in_flight - lane_in_flight_[lane];  // unsigned, and right when it falls too
  lane_in_flight_[lane] = in_flight;
  deadlines_.Set(lane, lanes_[lane]->NextDeadline());
  if (is_untold_[lane] || !lanes_[lane]->WantsVdl()) return;
  is_untold_[lane] = true;
  untold_.push_back(lane);
}

// ---- the segments

void VolumeWriter::On(const NodeUp& up, Instant now, Effects& out) {
  if (fenced_) return;
  connections_[up.node] = Connection{true, up.incarnation};
  LaneTurn turn = Turn(now, out);
  for (size_t lane = 0; lane < lanes_.size(); ++lane) {
    const std::optional<int> member = lanes_[lane]->membership().IndexOf(up.node);
    if (!member) continue;
    lanes_[lane]->NodeUp(*member, up.incarnation, turn);
    Settle(lane, turn);
  }
}

void VolumeWriter::On(const NodeDown& down, Instant now, Effects& out) {
  if (fenced_) return;
  connections_[down.node].up = false;
  LaneTurn turn = Turn(now, out);
  for (size_t lane = 0; lane < lanes_.size(); ++lane) {
    const std::optional<int> member = lanes_[lane]->membership().IndexOf(down.node);
    if (!member) continue;
    lanes_[lane]->NodeDown(*member);
    Settle(lane, turn);
  }
}

void VolumeWriter::On(const NodeAnswered& answered, Instant now, Effects& out) {
  if (fenced_) return;
  const Envelope& from = std::visit(
      [](const auto& answer) -> const Envelope& { return answer.from; }, answered.answer);
  const size_t lane = LaneOf(from);
  if (lane == lanes_.size()) return;
  const std::optional<int> member = lanes_[lane]->membership().IndexOf(answered.node);
  if (!member) return;

  LaneTurn turn = Turn(now, out);
  const auto* refused = std::get_if<Refused>(&answered.answer);
  if (refused != nullptr && refused->reason == RefusalReason::kStaleEpoch &&
      refused->promised > start_.epoch) {
    lanes_[lane]->Fence(*member, refused->promised);
    Outran(lane, refused->promised, out);
    if (fenced_) return;
  } else if (lanes_[lane]->Answered(*member, answered.answer, turn)) {
    PgclMoved(lane, turn);
  }
  Settle(lane, turn);
  if (lane == 0 && std::holds_alternative<Begun>(answered.answer)) {
    retained_ = std::max(retained_, lanes_[0]->RetainedAtWriteQuorum());
  }
  if (change_) ContinueChange(now, out);
}

void VolumeWriter::PgclMoved(size_t lane, LaneTurn& turn) {
  vcl_.PgclMoved(lane, lanes_[lane]->pgcl());
  if (!vdl_.VclMoved(vcl_.vcl())) return;
  allocator_.VdlMoved(vdl());
  turn.vdl = vdl();
  turn.pgmrpl = Pgmrpl();
  turn.out.emplace_back(VdlMoved{vdl()});
  for (const size_t untold : untold_) {
    lanes_[untold]->PlanAnnouncement(turn.now);
    deadlines_.Set(untold, lanes_[untold]->NextDeadline());
    is_untold_[untold] = false;
  }
  untold_.clear();
}

// A segment has promised a higher epoch. As long as a write quorum of every PG has not, this writer
// may go on: whoever asked for the promise may have died. But it should outbid it soon.
void VolumeWriter::Outran(size_t lane, EpochId by, Effects& out) {
  const bool is_news = by > highest_promised_;
  highest_promised_ = std::max(highest_promised_, by);
  if (!lanes_[lane]->CouldWrite()) {
    SOMETIMES(writer_fenced);
    fenced_ = true;
    out.emplace_back(Fenced{highest_promised_});
  } else if (is_news) {
    SOMETIMES(writer_outbid_and_goes_on);
    out.emplace_back(Outbid{by});
  }
}

void VolumeWriter::On(const ReadPointsMoved& moved, Instant, Effects&) {
  lowest_read_point_ = moved.lowest;
}

void VolumeWriter::On(const WriterTick&, Instant now, Effects& out) {
  LaneTurn turn = Turn(now, out);
  while (!fenced_ && deadlines_.earliest() <= now) {
    const size_t lane = deadlines_.EarliestIndex();
    lanes_[lane]->Tick(turn);
    Settle(lane, turn);
    INVARIANT(deadlines_.of(lane) > now);
  }
}

// ---- the manifest

void VolumeWriter::On(const Grow& grow, Instant now, Effects& out) {
  INVARIANT(!wanted_pg_.has_value() && !(change_.has_value() && change_->grows));
  if (fenced_) return;
  wanted_pg_ = grow.membership;
  StartChange(now, out);
}

void VolumeWriter::On(const Retain& retain, Instant now, Effects& out) {
  if (fenced_) return;
  wanted_retain_.from = std::max(wanted_retain_.from, std::min(retain.from, vdl()));
  if (retain.retention.has_value()) wanted_retain_.retention = retain.retention;
  if (retain.marks.has_value()) wanted_retain_.marks = retain.marks;
  StartChange(now, out);
}

void VolumeWriter::StartChange(Instant now, Effects& out) {
  if (change_.has_value()) return;
  Change change{start_.manifest};
  if (wanted_pg_.has_value()) {
    change.grows = true;
    change.next.pgs.push_back(*wanted_pg_);
  }
  change.next.retained_from = std::max(change.next.retained_from, wanted_retain_.from);
  change.next.retention = wanted_retain_.retention.value_or(change.next.retention);
  if (wanted_retain_.marks.has_value()) change.next.marks = *wanted_retain_.marks;
  if (change.next == start_.manifest) return;
  change.next.geometry_epoch = GeometryEpoch(start_.manifest.geometry_epoch.value() + 1);
  INVARIANT(change.next.Check().ok());
  change_ = std::move(change);
  wanted_retain_ = Retain{};
  if (wanted_pg_.has_value()) {
    StartGrowth(*std::exchange(wanted_pg_, std::nullopt), now, out);
  } else {
    ContinueChange(now, out);
  }
}

void VolumeWriter::StartGrowth(const Membership& membership, Instant now, Effects& out) {
  const size_t index = lanes_.size();
  AddLane(membership, WithoutRecords(start_.pg_paths[0]), /*create=*/true);
  LaneTurn turn = Turn(now, out);
  for (size_t i = 0; i < membership.members.size(); ++i) {
    const auto known = connections_.find(membership.members[i].node);
    if (known == connections_.end() || !known->second.up) continue;
    lanes_[index]->NodeUp(static_cast<int>(i), known->second.incarnation, turn);
  }
  Settle(index, turn);
}

void VolumeWriter::ContinueChange(Instant now, Effects& out) {
  const size_t index = start_.manifest.pgs.size();
  LaneTurn turn = Turn(now, out);
  if (!change_->writing) {
    if (change_->grows && !lanes_[index]->BegunAtWriteQuorum()) return;
    change_->writing = true;
    lanes_[0]->WriteManifest(change_->next, turn);
    Settle(0, turn);
    return;
  }
  if (!lanes_[0]->ManifestAtWriteQuorum()) return;
  const Change done = *std::exchange(change_, std::nullopt);
  // A clone's fork holds R at the segments that know of it.
  const Lsn before = start_.manifest.retained_from;
  start_.manifest = done.next;
  start_.manifest.retained_from = std::clamp(retained_, before, done.next.retained_from);
  if (done.grows) {
    SOMETIMES(volume_grows);
    out.emplace_back(Grown{start_.manifest});
    lanes_[index]->Use();
    Settle(index, turn);
  } else {
    out.emplace_back(Retained{start_.manifest});
  }
  StartChange(now, out);
}

// ---- for people and tests

std::vector<PgDescription> VolumeWriter::Describe() const {
  std::vector<PgDescription> descriptions;
  for (size_t i = 0; i < start_.manifest.pgs.size(); ++i) {
    descriptions.push_back(lanes_[i]->Describe());
  }
  return descriptions;
}

void VolumeWriter::CheckInvariants() const {
  INVARIANT(start_.vdl <= vdl() && vdl() <= vcl() && vcl() <= last_issued());
  INVARIANT(last_issued() == volume_prev_);
  INVARIANT(last_issued() <= allocator_.limit());
  INVARIANT(last_issued() == start_.vdl || last_issued().Next() == allocator_.next());
  INVARIANT(lanes_.size() == start_.manifest.pgs.size() + (change_ && change_->grows ? 1 : 0));
  size_t in_flight = 0;
  Lsn outstanding = Lsn::Max();
  for (size_t i = 0; i < lanes_.size(); ++i) {
    lanes_[i]->CheckInvariants();
    INVARIANT(lanes_[i]->last_lsn() <= last_issued());
    INVARIANT(fenced_ || deadlines_.of(i) == lanes_[i]->NextDeadline());
    INVARIANT(is_untold_[i] == (std::count(untold_.begin(), untold_.end(), i) == 1));
    INVARIANT(is_untold_[i] || !lanes_[i]->WantsVdl());
    in_flight += lanes_[i]->in_flight_bytes();
    outstanding = std::min(outstanding, lanes_[i]->FirstOutstanding());
  }
  INVARIANT(fenced_ || in_flight == in_flight_bytes_);
  // VCL ends before the lowest record that lacks a quorum, whichever PG has it. (Inside an MTR,
  // whose runs the tracker knows by their ends only, perhaps a few records before it.)
  INVARIANT(outstanding == Lsn::Max() ? vcl() == last_issued() : vcl() < outstanding);
}

}  // namespace hexad::quorum

#include "compute/host/volume_state.h"

#include <algorithm>
#include <string>

namespace hexad::compute {
namespace {

std::string_view StateOf(const quorum::PgDescription::MemberState& member) {
  if (!member.up) return "down";
  if (!member.trusted) return "untrusted";
  return member.lagging ? "lagging" : "up";
}

void Tell(const quorum::PgDescription& pg, uint32_t write, v1::PgState* out) {
  out->set_pg(pg.pg.value());
  out->set_membership_epoch(pg.membership_epoch.value());
  out->set_pgcl(pg.pgcl.value());
  out->set_write(write);
  for (const auto& member : pg.members) {
    v1::SegmentState* segment = out->add_segments();
    segment->set_node(member.node.value());
    segment->set_az(member.az.value());
    segment->set_scl(member.scl.value());
    segment->set_lag_lsns(member.lag_lsns);
    segment->set_state(std::string(StateOf(member)));
    segment->set_last_ack_us(static_cast<uint64_t>(std::max<int64_t>(member.last_ack.micros(), 0)));
  }
}

template <class Wire>
void TellSteps(const quorum::Path& path, Wire* out) {
  for (const quorum::PathStep& step : path.steps()) {
    v1::HistoryStep* wire = out->add_steps();
    wire->set_epoch_number(step.epoch.number);
    wire->set_epoch_claimant(step.epoch.claimant);
    wire->set_first_lsn(step.first_lsn.value());
    wire->set_last_lsn(step.last_lsn.value());
    wire->set_timeline(step.timeline.value());
  }
}

void TellHistory(const VolumeStatus& status, v1::History* out) {
  TellSteps(status.history->path, out);
  for (const quorum::Branch& branch : status.history->branches) {
    v1::HistoryBranch* wire = out->add_branches();
    TellSteps(branch.path, wire);
    wire->set_end(branch.end.at.value());
    wire->set_left_by(branch.left_by.number);
  }
  out->set_retained_from(status.manifest.retained_from.value());
  out->set_retention_window_ms(status.manifest.retention.window_ms);
  out->set_retention_log_bytes(status.manifest.retention.log_bytes);
}

}  // namespace

void Tell(const VolumeStatus& status, v1::VolumeState* out) {
  out->set_name(status.name);
  out->set_timeline(status.manifest.timeline.value());
  out->set_epoch_number(status.epoch.number);
  out->set_epoch_claimant(status.epoch.claimant);
  out->set_vdl(status.vdl.value());
  out->set_vcl(status.vcl.value());
  out->set_last_issued(status.last_issued.value());
  out->set_page_size(status.manifest.page_size);
  out->set_pages_per_pg(status.manifest.pages_per_pg);
  out->set_mode(std::string(NameOf(status.mode)));
  out->set_mode_reason(status.reason);
  out->set_page_count(status.pages_seen);
  if (status.history.has_value()) TellHistory(status, out->mutable_history());
  for (size_t i = 0; i < status.pgs.size(); ++i) {
    const uint32_t write = i < status.manifest.pgs.size() ? status.manifest.pgs[i].write : 0;
    Tell(status.pgs[i], write, out->add_pgs());
  }
}

}  // namespace hexad::compute

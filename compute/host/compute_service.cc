#include "compute/host/compute_service.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "compute/core/user_error.h"
#include "compute/io/clocks.h"
#include "proto/status.h"

namespace hexad::compute {
namespace {

constexpr Duration kOpenTimeout = Duration::Seconds(20);
constexpr Duration kDurableTimeout = Duration::Seconds(12);

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

uint64_t MicrosSince(Instant start) {
  return static_cast<uint64_t>((MonotonicNow() - start).micros());
}

}  // namespace

grpc::Status ComputeService::WaitingCall::Admit() const {
  if (rank_ <= kMaxWaiting) return grpc::Status::OK;
  return proto::ToGrpc(MakeUserError(UserError::kRetry,
                                     absl::StrCat(kMaxWaiting, " calls wait for storage already")));
}

grpc::Status ComputeService::Describe(grpc::ServerContext*, const v1::ComputeDescribeRequest*,
                                      v1::ComputeDescription* answer) {
  answer->set_version(HEXAD_VERSION);
  answer->set_cluster(volumes_.cluster().value());
  for (const VolumeStatus& status : volumes_.Describe()) Tell(status, answer->add_volumes());
  return grpc::Status::OK;
}

grpc::Status ComputeService::OpenVolume(grpc::ServerContext*, const v1::OpenVolumeRequest* ask,
                                        v1::OpenVolumeAnswer* answer) {
  const WaitingCall call(*this);
  if (grpc::Status refused = call.Admit(); !refused.ok()) return refused;
  const Instant start = MonotonicNow();
  OpenOptions options;
  options.read_only = ask->read_only();
  const auto volume = volumes_.Open(ask->name(), options, start + kOpenTimeout);
  if (!volume.ok()) return proto::ToGrpc(volume.status());
  Tell((*volume)->Status(), answer->mutable_volume());
  answer->set_opening_us(MicrosSince(start));
  return grpc::Status::OK;
}

grpc::Status ComputeService::CloseVolume(grpc::ServerContext*, const v1::CloseVolumeRequest* ask,
                                         v1::CloseVolumeAnswer*) {
  const WaitingCall call(*this);
  if (grpc::Status refused = call.Admit(); !refused.ok()) return refused;
  return proto::ToGrpc(volumes_.Close(ask->name()));
}

grpc::Status ComputeService::WritePages(grpc::ServerContext*, const v1::WritePagesRequest* ask,
                                        v1::WritePagesAnswer* answer) {
  const WaitingCall call(*this);
  if (grpc::Status refused = call.Admit(); !refused.ok()) return refused;
  const Instant start = MonotonicNow();
  if (ask->ranges_size() > kMaxRanges) {
    return proto::ToGrpc(absl::InvalidArgumentError(
        absl::StrCat(ask->ranges_size(), " ranges in one MTR; at most ", kMaxRanges)));
  }
  const auto volume = volumes_.Find(ask->volume());
  if (!volume.ok()) return proto::ToGrpc(volume.status());
  Mtr mtr = (*volume)->BeginMtr();
  for (const v1::PageRange& range : ask->ranges()) {
    const absl::Status status = mtr.Write(PageNo(range.page()), range.offset(), range.data());
    if (!status.ok()) return proto::ToGrpc(status);
  }
  const auto lsn = (*volume)->Commit(std::move(mtr));
  if (!lsn.ok()) return proto::ToGrpc(lsn.status());
  answer->set_commit_lsn(lsn->value());
  const absl::Status durable = (*volume)->WaitDurable(*lsn, kDurableTimeout);
  answer->set_commit_us(MicrosSince(start));
  return proto::ToGrpc(durable);
}

grpc::Status ComputeService::ReadPages(grpc::ServerContext* context,
                                       const v1::ReadPagesRequest* ask,
                                       grpc::ServerWriter<v1::ReadPagesAnswer>* writer) {
  const WaitingCall call(*this);
  if (grpc::Status refused = call.Admit(); !refused.ok()) return refused;
  const auto volume = volumes_.Find(ask->volume());
  if (!volume.ok()) return proto::ToGrpc(volume.status());
  const auto view = (*volume)->PinReadPoint();
  const Lsn read_point = ask->read_point() == 0 ? view->read_point() : Lsn(ask->read_point());
  for (uint64_t i = 0; i < ask->page_count(); ++i) {
    const uint64_t number = ask->first_page() + i;
    if (number > UINT32_MAX) {
      return proto::ToGrpc(absl::OutOfRangeError(absl::StrCat("there is no page ", number)));
    }
    const auto page = (*volume)->ReadPage(PageNo(static_cast<uint32_t>(number)), read_point);
    if (!page.ok()) return proto::ToGrpc(page.status());
    v1::ReadPagesAnswer answer;
    answer.set_page(static_cast<uint32_t>(number));
    answer.set_page_lsn(page->page_lsn.value());
    answer.set_read_point(read_point.value());
    answer.set_data(page->page);
    if (context->IsCancelled() || !writer->Write(answer)) return grpc::Status::CANCELLED;
  }
  return grpc::Status::OK;
}

grpc::Status ComputeService::PinReadPoint(grpc::ServerContext*, const v1::PinReadPointRequest* ask,
                                          v1::PinReadPointAnswer* answer) {
  const WaitingCall call(*this);
  if (grpc::Status refused = call.Admit(); !refused.ok()) return refused;
  const auto volume = volumes_.Find(ask->volume());
  if (!volume.ok()) return proto::ToGrpc(volume.status());
  ReleaseExpiredPins();
  auto view = (*volume)->PinReadPoint();
  answer->set_read_point(view->read_point().value());
  const auto ttl_ms = static_cast<int64_t>(std::min(ask->ttl_ms(), kMaxPinMs));
  const std::lock_guard lock(mutex_);
  if (pins_.size() >= kMaxPins) {
    return proto::ToGrpc(absl::ResourceExhaustedError("too many pinned read points"));
  }
  pins_.push_back(Pin{MonotonicNow() + Duration::Millis(ttl_ms), std::move(view)});
  return grpc::Status::OK;
}

void ComputeService::ReleaseExpiredPins() {
  std::list<Pin> expired;  // released without the lock
  const Instant now = MonotonicNow();
  const std::lock_guard lock(mutex_);
  for (auto pin = pins_.begin(); pin != pins_.end();) {
    const auto next = std::next(pin);
    if (pin->until <= now) expired.splice(expired.end(), pins_, pin);
    pin = next;
  }
}

}  // namespace hexad::compute

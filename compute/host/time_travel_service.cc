// The page-level service's time travel: looking for commits, going back, how much is retained.
#include "compute/core/user_error.h"
#include "compute/host/compute_service.h"
#include "compute/host/volume_state.h"
#include "compute/io/clocks.h"
#include "proto/status.h"

namespace hexad::compute {
namespace {

absl::StatusOr<backtrack::BacktrackTarget> TargetOf(const v1::Target& wire) {
  switch (wire.target_case()) {
    case v1::Target::kLsn:
      return backtrack::BacktrackTarget(Lsn(wire.lsn()));
    case v1::Target::kTimeUs:
      return backtrack::BacktrackTarget(CommitTime(wire.time_us()));
    case v1::Target::TARGET_NOT_SET:
      break;
  }
  return absl::InvalidArgumentError("a target is an LSN or a time");
}

void Tell(const quorum::CommitPoint& commit, v1::Commit* out) {
  out->set_lsn(commit.lsn.value());
  out->set_time_us(commit.time.value());
}

}  // namespace

grpc::Status ComputeService::Locate(grpc::ServerContext*, const v1::LocateRequest* ask,
                                    v1::LocateAnswer* answer) {
  const WaitingCall call(*this);
  if (grpc::Status refused = call.Admit(); !refused.ok()) return refused;
  const auto volume = volumes_.Find(ask->volume());
  if (!volume.ok()) return proto::ToGrpc(volume.status());
  const auto target = TargetOf(ask->target());
  if (!target.ok()) return proto::ToGrpc(target.status());
  const auto around = (*volume)->Locate(*target);
  if (!around.ok()) return proto::ToGrpc(around.status());
  if (around->before.has_value()) Tell(*around->before, answer->mutable_before());
  if (around->after.has_value()) Tell(*around->after, answer->mutable_after());
  return grpc::Status::OK;
}

grpc::Status ComputeService::Backtrack(grpc::ServerContext*, const v1::BacktrackRequest* ask,
                                       v1::BacktrackAnswer* answer) {
  const WaitingCall call(*this);
  if (grpc::Status refused = call.Admit(); !refused.ok()) return refused;
  const Instant start = MonotonicNow();
  const auto volume = volumes_.Find(ask->volume());
  if (!volume.ok()) return proto::ToGrpc(volume.status());
  const auto target = TargetOf(ask->target());
  if (!target.ok()) return proto::ToGrpc(target.status());
  const auto done = (*volume)->Backtrack(*target);
  if (!done.ok()) return proto::ToGrpc(done.status());
  Tell(done->forked_at, answer->mutable_forked_at());
  if (done->first_left.has_value()) Tell(*done->first_left, answer->mutable_first_left());
  answer->set_backtrack_us(static_cast<uint64_t>((MonotonicNow() - start).micros()));
  return grpc::Status::OK;
}

// What was committed here before is in the clone: this compute knows that it is durable earlier
// than the segments do.
grpc::Status ComputeService::CloneVolume(grpc::ServerContext*, const v1::CloneVolumeRequest* ask,
                                         v1::CloneVolumeAnswer* answer) {
  const WaitingCall call(*this);
  if (grpc::Status refused = call.Admit(); !refused.ok()) return refused;
  const Instant start = MonotonicNow();
  CloneSpec spec;
  spec.parent = ask->volume();
  spec.name = ask->name();
  if (ask->has_target()) {
    const auto target = TargetOf(ask->target());
    if (!target.ok()) return proto::ToGrpc(target.status());
    std::visit([&](const auto& at) { spec.at = at; }, *target);
  }
  if (const auto parent = volumes_.Find(spec.parent); parent.ok()) {
    spec.at_least = (*parent)->vdl();
  }
  const auto cloned = volumes_.Clone(spec);
  if (!cloned.ok()) return proto::ToGrpc(cloned.status());
  const Instant made = MonotonicNow();
  Tell(cloned->forked_at, answer->mutable_forked_at());
  answer->set_clone_us(static_cast<uint64_t>((made - start).micros()));
  const auto opened = volumes_.Open(spec.name, {}, made + kOpenTimeout);
  if (!opened.ok()) return proto::ToGrpc(opened.status());
  answer->set_opening_us(static_cast<uint64_t>((MonotonicNow() - made).micros()));
  Tell((*opened)->Status(), answer->mutable_volume());
  return grpc::Status::OK;
}

grpc::Status ComputeService::SetRetention(grpc::ServerContext*, const v1::SetRetentionRequest* ask,
                                          v1::SetRetentionAnswer*) {
  const WaitingCall call(*this);
  if (grpc::Status refused = call.Admit(); !refused.ok()) return refused;
  const auto volume = volumes_.Find(ask->volume());
  if (!volume.ok()) return proto::ToGrpc(volume.status());
  const quorum::Retention retention{ask->window_ms(), ask->log_bytes()};
  if (absl::Status status = retention.Check(); !status.ok()) return proto::ToGrpc(status);
  return proto::ToGrpc((*volume)->SetRetention(retention));
}

}  // namespace hexad::compute

#include "compute/host/compute_service.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "compute/core/user_error.h"
#include "compute/host/volume_state.h"
#include "compute/io/clocks.h"
#include "proto/status.h"

namespace hexad::compute {
namespace {

constexpr Duration kDurableTimeout = Duration::Seconds(12);

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
  TellLeases(*answer);
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
  if (ask->read_point() != 0) {
    auto at = (*volume)->PinReadPointAt(Lsn(ask->read_point()));
    if (!at.ok()) return proto::ToGrpc(at.status());
    view = *std::move(at);
  }
  answer->set_read_point(view->read_point().value());
  const auto ttl_ms = static_cast<int64_t>(std::min(ask->ttl_ms(), kMaxPinMs));
  const std::lock_guard lock(mutex_);
  if (pins_.size() >= kMaxPins) {
    return proto::ToGrpc(absl::ResourceExhaustedError("too many pinned read points"));
  }
  pins_.push_back(Pin{ask->volume(), MonotonicNow() + Duration::Millis(ttl_ms), std::move(view)});
  return grpc::Status::OK;
}

void ComputeService::TellLeases(v1::ComputeDescription& description) {
  const Instant now = MonotonicNow();
  const std::lock_guard lock(mutex_);
  for (v1::VolumeState& volume : *description.mutable_volumes()) {
    for (const Pin& pin : pins_) {
      if (pin.volume != volume.name() || pin.until <= now) continue;
      v1::Lease* lease = volume.add_leases();
      lease->set_read_point(pin.view->read_point().value());
      lease->set_ends_in_ms(static_cast<uint64_t>((pin.until - now).millis()));
    }
  }
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

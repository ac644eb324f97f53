// A volume on which nothing happens: what a test of something else overrides.
#pragma once

#include <memory>
#include <optional>
#include <utility>

#include "compute/engine.h"

namespace hexad::unit {

class IdleVolume : public compute::Volume {
 public:
  absl::StatusOr<Lsn> Commit(compute::Mtr) override { return Lsn::None(); }
  absl::StatusOr<Lsn> CommitAfter(Lsn, compute::Mtr) override { return Lsn::None(); }
  absl::StatusOr<std::optional<Lsn>> TryCommit(const compute::Mtr&) override {
    return std::nullopt;
  }
  void OnDurable(Lsn, DurableCallback done) override { done(absl::OkStatus()); }
  absl::Status WaitDurable(Lsn, Duration) override { return absl::OkStatus(); }
  std::shared_ptr<const compute::ReadView> PinReadPoint() override { return nullptr; }
  absl::StatusOr<std::shared_ptr<const compute::ReadView>> PinReadPointAt(Lsn) override {
    return absl::UnimplementedError("idle");
  }
  absl::StatusOr<backtrack::CommitsAround> Locate(const backtrack::BacktrackTarget&) override {
    return absl::UnimplementedError("idle");
  }
  absl::StatusOr<compute::Backtracked> Backtrack(const backtrack::BacktrackTarget&) override {
    return absl::UnimplementedError("idle");
  }
  absl::Status SetRetention(const quorum::Retention&) override { return absl::OkStatus(); }
  absl::StatusOr<compute::PageSnapshot> ReadPage(PageNo, Lsn) override {
    return compute::PageSnapshot{};
  }
  absl::StatusOr<compute::PageSnapshot> ReadNewest(PageNo) override {
    return compute::PageSnapshot{};
  }
  void Close() override {}
  Lsn vdl() const override { return Lsn::None(); }
  bool IsDurable(Lsn lsn) const override { return lsn <= vdl(); }
  Lsn newest() const override { return Lsn::None(); }
  uint32_t page_size() const override { return 4096; }
  compute::VolumeStatus Status() const override { return {}; }
  compute::VolumeStatistics Statistics() const override { return {}; }
  std::optional<compute::CommitReceipt> ReceiptOf(Lsn) const override { return std::nullopt; }
};

}  // namespace hexad::unit

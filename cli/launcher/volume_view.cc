#include "cli/launcher/volume_view.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "cli/launcher/admin_client.h"
#include "cli/launcher/explain.h"
#include "cli/launcher/time_travel.h"
#include "cli/launcher/volumes.h"
#include "compute/host/volume_state.h"

namespace hexad::launcher {
namespace {

void Tell(const quorum::CommitPoint& commit, v1::Commit* out) {
  out->set_lsn(commit.lsn.value());
  out->set_time_us(commit.time.value());
}

}  // namespace

absl::StatusOr<VolumeView> VolumeView::Of(Launcher& launcher, const std::string& volume,
                                          Duration patience) {
  VolumeView view(launcher, patience);
  if (auto state = OpenInCompute(launcher, volume); state.ok()) {
    view.state_ = *std::move(state);
    return view;
  }
  if (absl::Status opened = view.OpenHere(volume); !opened.ok()) return opened;
  return view;
}

absl::Status VolumeView::OpenHere(const std::string& volume) {
  auto cluster = ConnectToNodes(launcher_->record());
  if (!cluster.ok()) return cluster.status();
  cluster_ = *std::move(cluster);
  compute::OpenOptions options;
  options.read_only = true;
  options.open_timeout = patience_;
  auto opened = cluster_->Open(volume, options);
  if (absl::IsNotFound(opened.status())) {
    return Failed(absl::StatusCode::kNotFound,
                  {absl::StrCat("there is no volume ", volume), "", "hexad volume list"});
  }
  if (!opened.ok()) {
    return Failed(opened.status().code(), {absl::StrCat("volume ", volume, " cannot be looked at"),
                                           std::string(opened.status().message()), "hexad status"});
  }
  volume_ = *std::move(opened);
  const auto newest = volume_->PinReadPoint();  // asks the segments how far it is
  compute::Tell(volume_->Status(), &state_);
  return absl::OkStatus();
}

absl::StatusOr<v1::LocateAnswer> VolumeView::Locate(const v1::Target& target) {
  if (volume_ == nullptr) {
    v1::LocateRequest request;
    request.set_volume(state_.name());
    *request.mutable_target() = target;
    return launcher_->client().Locate(request, Millis(patience_.millis()));
  }
  const auto around = volume_->Locate(TargetOf(target));
  if (!around.ok()) return around.status();
  v1::LocateAnswer answer;
  if (around->before.has_value()) Tell(*around->before, answer.mutable_before());
  if (around->after.has_value()) Tell(*around->after, answer.mutable_after());
  return answer;
}

absl::StatusOr<v1::ReadPagesAnswer> VolumeView::ReadPage(uint32_t page, uint64_t read_point) {
  if (volume_ == nullptr) {
    v1::ReadPagesRequest request;
    request.set_volume(state_.name());
    request.set_first_page(page);
    request.set_page_count(1);
    request.set_read_point(read_point);
    return launcher_->client().ReadPage(request, Millis(patience_.millis()));
  }
  const Lsn at = read_point == 0 ? volume_->vdl() : Lsn(read_point);
  const auto pinned = volume_->PinReadPointAt(at);
  if (!pinned.ok()) return pinned.status();
  auto read = volume_->ReadPage(PageNo(page), at);
  if (!read.ok()) return read.status();
  v1::ReadPagesAnswer answer;
  answer.set_page(page);
  answer.set_page_lsn(read->page_lsn.value());
  answer.set_read_point(at.value());
  answer.set_data(std::move(read->page));
  return answer;
}

}  // namespace hexad::launcher

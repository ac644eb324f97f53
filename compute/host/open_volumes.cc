#include "compute/host/open_volumes.h"

#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "compute/io/clocks.h"

namespace hexad::compute {
namespace {

constexpr std::chrono::milliseconds kRetryAfter(500);

// What another attempt may change. An automatic opening that met a writer gives up.
bool IsWorthRetrying(const absl::Status& status, const OpenOptions& options) {
  return absl::IsUnavailable(status) && !options.automatic;
}

}  // namespace

OpenVolumes::~OpenVolumes() {
  CloseAll();
  for (auto& [name, entry] : entries_) entry->opener.join();
}

// All at once: each may have to wait for nodes that hang.
void OpenVolumes::CloseAll() {
  std::vector<std::thread> closers;
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
    for (auto& [name, entry] : entries_) {
      entry->closing = true;
      entry->stop.request_stop();
      if (entry->volume == nullptr) continue;
      closers.emplace_back([volume = entry->volume] { volume->Close(); });
    }
    changed_.notify_all();
  }
  for (std::thread& closer : closers) closer.join();
}

absl::Status OpenVolumes::Start(const std::string& name, const OpenOptions& options) {
  const std::lock_guard lock(mutex_);
  return StartLocked(name, options, /*asked=*/false);
}

absl::Status OpenVolumes::StartLocked(const std::string& name, const OpenOptions& options,
                                      bool asked) {
  if (closing_) return absl::UnavailableError("this compute is stopping");
  const auto known = entries_.find(name);
  if (known != entries_.end() && !known->second->failed) {
    if (known->second->options.read_only == options.read_only) return absl::OkStatus();
    return absl::InvalidArgumentError(absl::StrCat("volume ", name, " is open ",
                                                   options.read_only ? "for writing" : "read-only",
                                                   " here; close it first"));
  }
  if (known == entries_.end() && entries_.size() >= kMaxVolumes) {
    return absl::ResourceExhaustedError(
        absl::StrCat(kMaxVolumes, " volumes are open at this compute; close one first"));
  }
  if (known != entries_.end()) known->second->opener.join();  // it has ended: it failed
  auto entry = std::make_shared<Entry>();
  entry->options = options;
  entry->options.stop = entry->stop.get_token();
  entry->asked = asked;
  entry->trouble = absl::UnavailableError("opening");
  entry->opener = std::thread([this, name, entry] { KeepOpening(name, entry); });
  entries_[name] = entry;
  return absl::OkStatus();
}

void OpenVolumes::KeepOpening(const std::string& name, const std::shared_ptr<Entry>& entry) {
  std::unique_lock lock(mutex_);
  while (!entry->closing) {
    lock.unlock();
    auto volume = cluster_->Open(name, entry->options);
    lock.lock();
    if (entry->closing) {
      lock.unlock();  // to close what came too late takes its time
      return;
    }
    if (volume.ok()) {
      entry->volume = *std::move(volume);
      changed_.notify_all();
      return;
    }
    entry->trouble = volume.status();
    entry->failed = !IsWorthRetrying(volume.status(), entry->options);
    changed_.notify_all();
    if (entry->failed) return;
    changed_.wait_for(lock, kRetryAfter, [&] { return entry->closing; });
  }
}

absl::StatusOr<std::shared_ptr<Volume>> OpenVolumes::Open(const std::string& name,
                                                          const OpenOptions& options,
                                                          Instant deadline) {
  std::unique_lock lock(mutex_);
  if (absl::Status started = StartLocked(name, options, /*asked=*/true); !started.ok()) {
    return started;
  }
  const std::shared_ptr<Entry> entry = entries_.at(name);
  const std::chrono::steady_clock::time_point until{std::chrono::nanoseconds(deadline.nanos())};
  changed_.wait_until(lock, until,
                      [&] { return entry->volume != nullptr || entry->failed || entry->closing; });
  if (entry->volume != nullptr) return entry->volume;
  const absl::Status trouble = entry->trouble;
  lock.unlock();
  ForgetIfFailed(name, entry);
  return trouble;
}

absl::StatusOr<ClonedVolume> OpenVolumes::CloneAndOpen(const CloneSpec& spec,
                                                       Duration open_timeout) {
  auto cloned = Clone(spec);
  if (!cloned.ok()) return cloned;
  const auto opened = Open(spec.name, {}, MonotonicNow() + open_timeout);
  if (opened.ok()) return cloned;
  return absl::Status(opened.status().code(),
                      absl::StrCat("clone ", spec.name, " was made and is not open yet: ",
                                   std::string(opened.status().message())));
}

// Several may have waited for it: the first one forgets it.
void OpenVolumes::ForgetIfFailed(const std::string& name, const std::shared_ptr<Entry>& entry) {
  {
    const std::lock_guard lock(mutex_);
    const auto known = entries_.find(name);
    if (known == entries_.end() || known->second != entry) return;
    if (!entry->failed || !entry->asked) return;
    entries_.erase(known);
  }
  entry->opener.join();
}

absl::StatusOr<std::shared_ptr<Volume>> OpenVolumes::Find(const std::string& name) {
  const std::lock_guard lock(mutex_);
  const auto known = entries_.find(name);
  if (known == entries_.end()) {
    return absl::NotFoundError(absl::StrCat("volume ", name, " is not open at this compute"));
  }
  if (known->second->volume != nullptr) return known->second->volume;
  return known->second->trouble;
}

absl::Status OpenVolumes::Close(const std::string& name) {
  std::shared_ptr<Entry> entry;
  {
    const std::lock_guard lock(mutex_);
    const auto known = entries_.find(name);
    if (known == entries_.end()) {
      return absl::NotFoundError(absl::StrCat("volume ", name, " is not open at this compute"));
    }
    entry = known->second;
    entry->closing = true;
    entry->stop.request_stop();
    entries_.erase(known);
    changed_.notify_all();
  }
  entry->opener.join();
  if (entry->volume != nullptr) entry->volume->Close();
  return absl::OkStatus();
}

std::vector<VolumeStatus> OpenVolumes::Describe() {
  std::vector<VolumeStatus> statuses;
  std::map<std::string, std::shared_ptr<Volume>> open;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [name, entry] : entries_) {
      open[name] = entry->volume;
      if (entry->volume != nullptr) continue;
      VolumeStatus status;
      status.name = name;
      status.reason = std::string(entry->trouble.message());
      statuses.push_back(std::move(status));
    }
  }
  for (const auto& [name, volume] : open) {
    if (volume != nullptr) statuses.push_back(volume->Status());
  }
  return statuses;
}

std::map<std::string, std::shared_ptr<Volume>> OpenVolumes::All() {
  const std::lock_guard lock(mutex_);
  std::map<std::string, std::shared_ptr<Volume>> open;
  for (const auto& [name, entry] : entries_) {
    if (entry->volume != nullptr) open[name] = entry->volume;
  }
  return open;
}

absl::Status OpenVolumes::Failure() {
  const std::lock_guard lock(mutex_);
  for (const auto& [name, entry] : entries_) {
    if (entry->failed && !entry->asked) return entry->trouble;
  }
  return absl::OkStatus();
}

}  // namespace hexad::compute

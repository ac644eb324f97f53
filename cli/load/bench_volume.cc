#include "cli/load/bench_volume.h"

#include <unistd.h>

#include <chrono>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "cli/launcher/explain.h"
#include "cli/launcher/volumes.h"

namespace hexad::cli {
namespace {

// Together with a refused commit's own time, below the 15 s in which `bench write` must give up.
constexpr Duration kOpenTimeout = Duration::Seconds(10);

absl::Status CheckNobodyWrites(launcher::Launcher& launcher, const std::string& name, bool force) {
  if (launcher.StateOf(launcher::kBench) != launcher::ProcessState::kDown) {
    return launcher::Failed(absl::StatusCode::kFailedPrecondition,
                            {absl::StrCat("another hexad bench runs here, pid ",
                                          launcher.dir().Remembered(launcher::kBench)->pid),
                             "", "wait for it, or: hexad kill bench"});
  }
  const bool compute_runs = launcher.StateOf(launcher::kCompute) != launcher::ProcessState::kDown;
  if (name == launcher.record().volume && compute_runs && !force) {
    return launcher::Refused({absl::StrCat("volume ", name, " has a writer, the compute"),
                              "a second writer would fence it for good",
                              "use another volume: --volume bench; or insist: --force"});
  }
  return absl::OkStatus();
}

// A volume that cannot be opened for writing takes no writes: say it in the user's four words.
absl::Status CannotWrite(const std::string& name, const absl::Status& why) {
  const std::string reason(why.message());
  const bool named = compute::UserErrorOf(why) != compute::UserError::kNone;
  const bool quorum = absl::IsUnavailable(why) || absl::IsDeadlineExceeded(why);
  return launcher::Failed(why.code(), {absl::StrCat("cannot open volume ", name, " for writing",
                                                    named || !quorum ? "" : ": READ_ONLY"),
                                       reason, "hexad status"});
}

}  // namespace

absl::StatusOr<std::unique_ptr<BenchVolume>> BenchVolume::Open(launcher::Launcher& launcher,
                                                               const std::string& name,
                                                               bool force) {
  auto bench = std::unique_ptr<BenchVolume>(new BenchVolume(launcher));
  if (absl::Status alone = bench->BeTheOnlyOne(name, force); !alone.ok()) return alone;
  // Before the volume: a port that is taken must not cost another writer its volume.
  if (absl::Status bound = bench->BindMetrics(); !bound.ok()) return bound;
  auto cluster = launcher::ConnectToNodes(launcher.record(), launcher::kBench);
  if (!cluster.ok()) return cluster.status();
  bench->cluster_ = *std::move(cluster);
  if (absl::Status made = launcher::EnsureVolume(launcher, *bench->cluster_, name); !made.ok()) {
    return CannotWrite(name, made);
  }
  compute::OpenOptions options;
  options.open_timeout = kOpenTimeout;
  const auto begin = std::chrono::steady_clock::now();
  auto volume = bench->cluster_->Open(name, options);
  if (!volume.ok()) return CannotWrite(name, volume.status());
  bench->volume_ = *std::move(volume);
  bench->ServeMetrics(name);
  bench->opening_ =
      Duration::Nanos(std::chrono::nanoseconds(std::chrono::steady_clock::now() - begin).count());
  return bench;
}

// Of two that start at once the second finds the first.
absl::Status BenchVolume::BeTheOnlyOne(const std::string& volume, bool force) {
  const auto lock = launcher_.Lock();
  if (!lock.ok()) return lock.status();
  if (absl::Status free = CheckNobodyWrites(launcher_, volume, force); !free.ok()) return free;
  const auto self = launcher::Inspect(getpid());
  if (!self) return absl::OkStatus();
  launcher::ProcessIdentity identity = self->identity;
  identity.writes_to = volume;
  absl::Status kept = launcher_.dir().Remember(launcher::kBench, identity);
  remembered_ = kept.ok();
  return kept;
}

absl::Status BenchVolume::BindMetrics() {
  auto server = metrics::MetricsServer::Start(launcher_.record().bench_metrics);
  if (!server.ok()) {
    return launcher::Failed(server.status().code(),
                            {std::string(server.status().message()), "", "hexad doctor"});
  }
  metrics_server_ = *std::move(server);
  return absl::OkStatus();
}

void BenchVolume::ServeMetrics(const std::string& volume) {
  metrics_ = std::make_unique<compute::ComputeMetrics>(*metrics_server_, [this, volume] {
    return compute::VolumesByName{{volume, volume_}};
  });
}

BenchVolume::~BenchVolume() {
  metrics_.reset();  // it looks at the volume
  volume_.reset();
  if (remembered_) launcher_.dir().Forget(launcher::kBench);
}

}  // namespace hexad::cli

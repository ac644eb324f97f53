// hexad-compute: opens volumes for writing and serves their pages.
#include <grpcpp/resource_quota.h>
#include <grpcpp/server_builder.h>
#include <signal.h>
#include <spdlog/spdlog.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <map>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "compute/host/compute_metrics.h"
#include "compute/host/compute_service.h"
#include "compute/host/open_volumes.h"
#include "compute/io/clocks.h"
#include "compute/sql/server.h"
#include "metrics/metrics_server.h"
#include "process/server_process.h"
#include "proto/frame_codec.h"
#include "topology/topology.h"

namespace hexad::compute {
namespace {

constexpr int kFailed = 1;
constexpr int kWrongUsage = 2;
constexpr Duration kConnectTimeout = Duration::Seconds(15);
constexpr Duration kOpenCloneTimeout = Duration::Seconds(20);
constexpr Duration kOpenForSqlTimeout = Duration::Seconds(10);
using FoundVolume = absl::StatusOr<std::shared_ptr<Volume>>;
constexpr int kMaxThreads = 64;
constexpr uint64_t kFewFiles = 4096;
constexpr long kLookEveryNanos = 200'000'000;
constexpr std::chrono::seconds kSweepEvery{20};

struct Flags {
  std::string id = "compute";
  std::string topology;
  std::string listen = "127.0.0.1:0";
  std::string metrics;
  std::string sql;
  std::string password_file;
  std::string log_level = "info";
  std::vector<std::string> volumes;
};

int Fail(const absl::Status& status) {
  std::fprintf(stderr, "hexad-compute: %s\n", std::string(status.message()).c_str());
  return kFailed;
}

// Says once what a volume's mode has become.
class ModeLog {
 public:
  void Look(OpenVolumes& volumes) {
    for (const VolumeStatus& status : volumes.Describe()) {
      const std::string now = std::string(NameOf(status.mode)) +
                              (status.mode == VolumeMode::kReadWrite ? "" : ": " + status.reason);
      // The mode and the PG ("no write quorum: PG 5f has 3 of ..., since 2034 ms"): that another
      // node went, or that it lasts longer, is no news.
      const std::string key = now.substr(0, now.find(" has "));
      std::string& before = modes_[status.name];
      if (before == key) continue;
      before = key;
      spdlog::info("volume {} (epoch {}, VDL {}) is {}", status.name, status.epoch.number,
                   status.vdl.value(), now);
    }
  }

 private:
  std::map<std::string, std::string> modes_;
};

// Clones whose creators died, looked for now and then for as long as it lives.
class OrphanSweep {
 public:
  explicit OrphanSweep(OpenVolumes& volumes)
      : thread_([this, &volumes](const std::stop_token& stop) { Run(volumes, stop); }) {}

 private:
  void Run(OpenVolumes& volumes, const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    while (!changed_.wait_for(lock, stop, kSweepEvery, [] { return false; })) {
      if (stop.stop_requested()) return;
      const auto dropped = volumes.DropOrphanClones();
      if (!dropped.ok()) {
        spdlog::warn("clones without a name were not dropped: {}", dropped.status().ToString());
      } else if (*dropped > 0) {
        spdlog::info("{} clone(s) dropped that were never named", *dropped);
      }
    }
  }

  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::jthread thread_;
};

// Until SIGTERM or SIGINT, or until a volume turns out not to exist.
absl::Status Watch(const sigset_t& signals, OpenVolumes& volumes, ComputeService& service) {
  ModeLog modes;
  const timespec pause{0, kLookEveryNanos};
  for (;;) {
    const int signal = sigtimedwait(&signals, nullptr, &pause);
    if (signal == SIGTERM || signal == SIGINT) {
      spdlog::info("stopping on {}", signal == SIGTERM ? "SIGTERM" : "SIGINT");
      return absl::OkStatus();
    }
    modes.Look(volumes);
    service.ReleaseExpiredPins();
    if (const absl::Status failure = volumes.Failure(); !failure.ok()) return failure;
  }
}

// nullptr: nobody asked for it.
absl::StatusOr<std::unique_ptr<sql::Server>> StartSql(const Flags& flags, OpenVolumes& volumes) {
  if (flags.sql.empty()) return nullptr;
  sql::ServerOptions options;
  if (!flags.password_file.empty()) {
    auto passwords = sql::Passwords::Load(flags.password_file);
    if (!passwords.ok()) return passwords.status();
    options.passwords = std::make_shared<const sql::Passwords>(*std::move(passwords));
  }
  options.listen = flags.sql;
  options.clone = [&volumes](const CloneSpec& spec) {
    return volumes.CloneAndOpen(spec, kOpenCloneTimeout);
  };
  auto server = sql::Server::Start(options, [&volumes](const std::string& name) -> FoundVolume {
    auto open = volumes.Find(name);
    if (!absl::IsNotFound(open.status())) return open;
    // A volume that nobody writes to is opened for who asks; whoever does write keeps it.
    OpenOptions keep_off;
    keep_off.automatic = true;
    return volumes.Open(name, keep_off, MonotonicNow() + kOpenForSqlTimeout);
  });
  if (server.ok()) spdlog::info("SQL on port {}", (*server)->port());
  return server;
}

int Run(const Flags& flags, const sigset_t& signals) {
  if (const uint64_t files = process::RaiseFileLimit(); files < kFewFiles) {
    spdlog::warn("only {} open files are allowed; raise the limit (ulimit -n) to {} or more", files,
                 kFewFiles);
  }
  const auto topology = topology::LoadTopology(flags.topology);
  if (!topology.ok()) return Fail(topology.status());
  auto metrics_server = metrics::MetricsServer::Start(flags.metrics);
  if (!metrics_server.ok()) return Fail(metrics_server.status());
  auto cluster = Cluster::Connect(*topology, kConnectTimeout);
  if (!cluster.ok()) return Fail(cluster.status());

  OpenVolumes volumes(*std::move(cluster));
  ComputeMetrics metrics(**metrics_server, [&volumes] { return volumes.All(); });
  ComputeService service(volumes);
  grpc::ResourceQuota quota("compute");
  quota.SetMaxThreads(kMaxThreads);
  int port = 0;
  grpc::ServerBuilder builder;
  builder.AddListeningPort(flags.listen, grpc::InsecureServerCredentials(), &port);
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);  // a port in use is an error
  builder.SetResourceQuota(quota);
  builder.SetMaxReceiveMessageSize(proto::kMaxMessageBytes);
  builder.RegisterService(&service);
  const auto server = builder.BuildAndStart();
  if (server == nullptr || port == 0) {
    return Fail(absl::UnavailableError("cannot listen on " + flags.listen +
                                       ": is another compute running? Choose another --listen"));
  }
  spdlog::info("{} serves on port {}, metrics on port {}, cluster {:x}", flags.id, port,
               (*metrics_server)->port(), volumes.cluster().value());
  auto sql = StartSql(flags, volumes);
  if (!sql.ok()) return Fail(sql.status());
  for (const std::string& name : flags.volumes) {
    if (const absl::Status status = volumes.Start(name, {}); !status.ok()) return Fail(status);
  }
  auto sweep = std::make_unique<OrphanSweep>(volumes);
  const absl::Status ended = Watch(signals, volumes, service);
  sweep.reset();
  // First: calls that wait for storage end, and the servers need not wait for them.
  volumes.CloseAll();
  sql->reset();
  server->Shutdown(std::chrono::system_clock::now() + std::chrono::seconds(1));
  return ended.ok() ? 0 : Fail(ended);
}

}  // namespace
}  // namespace hexad::compute

int main(int argc, char** argv) {
  hexad::process::SetUpLibraries();
  hexad::compute::Flags flags;
  CLI::App app("hexad-compute: opens volumes of a Hexad cluster and serves their pages");
  app.add_option("--id", flags.id, "name in logs");
  app.add_option("--topology", flags.topology, "the cluster file (TOML)")->required();
  app.add_option("--listen", flags.listen, "host:port of ComputeService")->capture_default_str();
  app.add_option("--metrics", flags.metrics, "host:port of /metrics; empty for none");
  app.add_option("--sql", flags.sql, "host:port of PostgreSQL's protocol; empty for none");
  app.add_option("--password-file", flags.password_file,
                 "who may log in to SQL, a line user:password each; empty: whoever reaches it");
  app.add_option("--volume", flags.volumes, "volumes to open at start, by comma")->delimiter(',');
  app.add_option("--log-level", flags.log_level, "trace, debug, info, warn, error, off")
      ->check(CLI::IsMember(hexad::process::LogLevels()))
      ->capture_default_str();
  app.set_version_flag("--version", "hexad-compute " HEXAD_VERSION);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    const int code = app.exit(error);
    return code == 0 ? 0 : hexad::compute::kWrongUsage;
  }
  hexad::process::StartLog("hexad-compute", flags.log_level);
  const sigset_t signals = hexad::process::BlockStopSignals();  // only Watch takes them
  return hexad::compute::Run(flags, signals);
}

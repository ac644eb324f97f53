// hexad-storage-node: one storage node. `hexad up` starts six of them.
#include <signal.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <string>

#include "absl/strings/str_cat.h"
#include "process/server_process.h"
#include "quorum/messages.h"
#include "spdlog/spdlog.h"
#include "storage-node/host/node_host.h"
#include "topology/topology.h"

namespace {

using hexad::storage_node::NodeHost;
using hexad::storage_node::NodeHostOptions;

constexpr int kExitFailed = 1;
constexpr int kExitUsage = 2;
constexpr uint64_t kFewFiles = 4096;

struct Flags {
  std::string id;
  std::string az;
  std::string listen;
  std::string data;
  std::string topology;
  std::string metrics;
  std::string log_level = "info";
  uint32_t scrub_pages = hexad::quorum::kMaxScrubPages;
};

void Declare(CLI::App& app, Flags& flags) {
  app.set_version_flag("--version", "hexad-storage-node " HEXAD_VERSION);
  app.add_option("--id", flags.id, "this node's id in the cluster file")->required();
  app.add_option("--data", flags.data, "folder of this node's data; made if it does not exist")
      ->required();
  app.add_option("--topology", flags.topology, "cluster file: every node's id, az and address")
      ->required();
  app.add_option("--az", flags.az, "availability zone (default: as in the cluster file)");
  app.add_option("--listen", flags.listen, "host:port (default: as in the cluster file)");
  app.add_option("--metrics", flags.metrics, "host:port for Prometheus (default: none)");
  app.add_option("--scrub-pages", flags.scrub_pages,
                 "pages checked against peers every 200 ms; 0 = no scrub")
      ->check(CLI::Range(uint32_t{0}, hexad::quorum::kMaxScrubPages))
      ->capture_default_str();
  app.add_option("--log-level", flags.log_level, "trace, debug, info, warn, error, off")
      ->check(CLI::IsMember(hexad::process::LogLevels()))
      ->capture_default_str();
}

int Fail(int code, const absl::Status& status) {
  std::fprintf(stderr, "hexad-storage-node: %s\n", std::string(status.message()).c_str());
  return code;
}

absl::StatusOr<NodeHostOptions> OptionsFrom(const Flags& flags) {
  auto topology = hexad::topology::LoadTopology(flags.topology);
  if (!topology.ok()) return topology.status();
  const auto* self = topology->Find(hexad::NodeId(flags.id));
  if (self == nullptr) {
    return absl::InvalidArgumentError(
        absl::StrCat("--id ", flags.id, " is not in ", flags.topology, "; add a [[node]] for it"));
  }
  if (!flags.az.empty() && flags.az != self->az.value()) {
    return absl::InvalidArgumentError(absl::StrCat("--az ", flags.az, " contradicts ",
                                                   flags.topology, ", where ", flags.id,
                                                   " is in AZ ", self->az.value()));
  }
  NodeHostOptions options;
  options.node = self->id;
  options.az = self->az;
  options.listen = flags.listen.empty() ? self->address : flags.listen;
  options.data_dir = flags.data;
  options.metrics_address = flags.metrics;
  options.cluster = topology->nodes;
  options.scrub_pages = flags.scrub_pages;
  for (const auto& [what, address] :
       {std::pair("--listen", options.listen), std::pair("--metrics", options.metrics_address)}) {
    if (address.empty()) continue;
    if (auto status = hexad::topology::CheckAddress(what, address); !status.ok()) return status;
  }
  return options;
}

int Run(const NodeHostOptions& options, const sigset_t& signals) {
  if (const uint64_t files = hexad::process::RaiseFileLimit(); files < kFewFiles) {
    spdlog::warn("only {} open files are allowed; raise the limit (ulimit -n) to {} or more", files,
                 kFewFiles);
  }
  auto node = NodeHost::Start(options);
  if (!node.ok()) return Fail(kExitFailed, node.status());
  spdlog::info("{} (AZ {}) serves on {}, data in {}, incarnation {:x}", options.node.value(),
               options.az.value(), options.listen, options.data_dir,
               (*node)->incarnation().value());
  int signal = 0;
  sigwait(&signals, &signal);
  spdlog::info("{} stops on signal {}", options.node.value(), signal);
  (*node)->Stop();
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  hexad::process::SetUpLibraries();
  CLI::App app("One storage node of a Hexad cluster.");
  Flags flags;
  Declare(app, flags);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kExitUsage;
  }
  hexad::process::StartLog("hexad-storage-node", flags.log_level);
  const sigset_t signals = hexad::process::BlockStopSignals();
  const auto options = OptionsFrom(flags);
  if (!options.ok()) return Fail(kExitUsage, options.status());
  return Run(*options, signals);
}

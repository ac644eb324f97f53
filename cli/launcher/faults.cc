#include "cli/launcher/faults.h"

#include <signal.h>

#include <filesystem>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "cli/launcher/explain.h"
#include "cli/launcher/record_json.h"
#include "cli/launcher/targets.h"
#include "cli/launcher/wait.h"

namespace hexad::launcher {
namespace {

namespace fs = std::filesystem;

constexpr Millis kApplyTimeout{5'000};

std::string FaultsFolder(const ClusterDir& dir) { return dir.folder() + "/faults"; }
std::string RulesFile(const ClusterDir& dir) { return FaultsFolder(dir) + "/rules"; }
std::string BlockFile(const ClusterDir& dir, const std::string& name) {
  return absl::StrCat(FaultsFolder(dir), "/", name, ".block");
}

std::string Milliseconds(uint64_t us) {
  return us % 1000 == 0 ? absl::StrCat(us / 1000, " ms") : absl::StrCat(us, " us");
}

faults::LinkRules RulesIn(const ClusterDir& dir) {
  const auto text = ReadFile(RulesFile(dir));
  if (!text.ok()) return {};
  auto rules = faults::ParseRules(*text);
  return rules.ok() ? *std::move(rules) : faults::LinkRules();
}

std::string InWords(const faults::LinkRule& rule) {
  if (rule.cut) return "cut";
  return absl::StrCat("+", Milliseconds(rule.delay_us));
}

std::string InWords(const DiskFault& disk) {
  if (disk.full) return "disk full";
  if (disk.failing) return "fsync fails";
  return absl::StrCat("fsync +", Milliseconds(disk.sync_delay_us));
}

}  // namespace

std::vector<faults::Link> LinksOf(const ClusterRecord& record) {
  std::vector<faults::Link> links;
  for (const std::string& from : AllProcesses(record)) {
    const topology::Topology reached = record.TopologyOf(from);
    for (size_t i = 0; i < record.nodes.size(); ++i) {
      const NodeRecord& to = record.nodes[i];
      if (to.id == from) continue;
      links.push_back({from, to.id, reached.nodes[i].address, to.address});
    }
  }
  return links;
}

absl::Status CheckTakesFaults(const ClusterDir& dir) {
  if (dir.record().faults) return absl::OkStatus();
  return WrongUsage({absl::StrCat("the cluster in ", dir.shown(),
                                  " was made without --faults, so its links and disks are "
                                  "the machine's own"),
                     "processes of a test cluster talk through a relay from their start",
                     "hexad up --faults --dir FOLDER (a new cluster)"});
}

FaultsInForce FaultsOf(const ClusterDir& dir) {
  FaultsInForce found;
  if (!dir.record().faults) return found;
  found.links = RulesIn(dir);
  for (const NodeRecord& node : dir.record().nodes) {
    auto block = faults::ProcessFaults::Open(BlockFile(dir, node.id));
    if (!block.ok()) continue;
    const DiskFault disk{.node = node.id,
                         .sync_delay_us = (*block)->sync_delay_us,
                         .full = (*block)->disk_full != 0,
                         .failing = (*block)->sync_error != 0};
    if (disk.full || disk.failing || disk.sync_delay_us != 0) found.disks.push_back(disk);
  }
  return found;
}

std::vector<std::string> InWords(const FaultsInForce& faults) {
  std::vector<std::string> lines;
  for (const auto& [direction, rule] : faults.links.rules) {
    const auto& [from, to] = direction;
    const bool both = faults.links.Of(to, from) == rule;
    if (both && to < from) continue;  // told with the other direction
    lines.push_back(absl::StrCat(from, both ? " <-> " : " -> ", to, ": ", InWords(rule)));
  }
  for (const DiskFault& disk : faults.disks) {
    lines.push_back(absl::StrCat(disk.node, ": ", InWords(disk)));
  }
  return lines;
}

absl::Status SetLinkRules(Launcher& launcher, faults::LinkRules rules) {
  const std::string file = RulesFile(launcher.dir());
  rules.generation = RulesIn(launcher.dir()).generation + 1;
  if (absl::Status written = WriteFileAtomically(file, faults::FormatRules(rules)); !written.ok()) {
    return written;
  }
  const auto relay = launcher.dir().Remembered(kRelay);
  if (!relay || !Signal(*relay, SIGHUP).ok())
    return absl::OkStatus();  // it reads them at its start
  return WaitUntil({"the relay to obey", kApplyTimeout, "hexad logs relay"},
                   [&]() -> absl::StatusOr<bool> {
                     const auto applied = ReadFile(file + ".applied");
                     uint64_t generation = 0;
                     return applied.ok() && absl::SimpleAtoi(*applied, &generation) &&
                            generation == rules.generation;
                   });
}

absl::StatusOr<faults::ProcessFaults> FaultsOfProcess(const ClusterDir& dir,
                                                      const std::string& name) {
  return faults::ProcessFaults::Make(BlockFile(dir, name));
}

absl::Status HealFaults(Launcher& launcher) {
  const ClusterDir& dir = launcher.dir();
  if (!dir.record().faults) return absl::OkStatus();
  for (const std::string& name : AllProcesses(dir.record())) {
    auto block = faults::ProcessFaults::Open(BlockFile(dir, name));
    if (block.ok()) block->Heal();
  }
  return RulesIn(dir).rules.empty() ? absl::OkStatus() : SetLinkRules(launcher, {});
}

std::string TopologyFileOf(const ClusterDir& dir, const std::string& name) {
  return dir.record().faults ? absl::StrCat(FaultsFolder(dir), "/", name, ".toml")
                             : dir.topology_file();
}

absl::Status PrepareFaults(const ClusterDir& dir, const std::string& name) {
  std::error_code error;
  fs::create_directories(FaultsFolder(dir), error);
  if (name == kRelay) {
    // What was in force when an earlier relay ended is in force no more.
    const absl::Status healed =
        WriteFileAtomically(RulesFile(dir), faults::FormatRules({.generation = 1, .rules = {}}));
    if (!healed.ok()) return healed;
    return WriteFileAtomically(FaultsFolder(dir) + "/links",
                               faults::FormatLinks(LinksOf(dir.record())));
  }
  const auto block = FaultsOfProcess(dir, name);
  if (!block.ok()) return block.status();
  return WriteFileAtomically(TopologyFileOf(dir, name),
                             topology::FormatTopology(dir.record().TopologyOf(name)));
}

std::vector<std::string> EnvironmentOf(const Launcher& launcher, const std::string& name) {
  if (!launcher.record().faults || name == kRelay) return {};
  return {absl::StrCat("LD_PRELOAD=", launcher.options().bin_dir, "/hexad-faults-preload.so"),
          absl::StrCat(faults::kProcessFaultsVariable, "=", BlockFile(launcher.dir(), name))};
}

}  // namespace hexad::launcher

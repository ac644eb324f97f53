#include "cli/doctor.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "cli/format.h"
#include "cli/launcher/ports.h"
#include "cli/launcher/slack.h"
#include "cli/launcher/targets.h"

namespace hexad::cli {
namespace {

namespace fs = std::filesystem;
using launcher::NodeState;
using launcher::ProcessState;

// A node needs some tens of descriptors for connections, and RocksDB one per open file.
constexpr rlim_t kWantedDescriptors = 4096;
constexpr uint64_t kWantedDiskBytes = 1'000'000'000;

Finding Problem(std::string what, std::string why, std::string next) {
  return {Severity::kProblem, std::move(what), std::move(why), std::move(next)};
}

void CheckNode(const launcher::Launcher& launcher, const launcher::NodePicture& node,
               Findings& findings) {
  switch (node.state) {
    case NodeState::kUp:
      if (!node.disk_full) return;
      findings.push_back(Problem(node.id + " has a full disk",
                                 "it serves reads but stores nothing new",
                                 "make space; it resumes by itself"));
      return;
    case NodeState::kDown:
      findings.push_back(
          Problem(absl::StrCat(node.id, node.ended_by_itself ? " ended by itself" : " is down"),
                  node.ended_by_itself ? "its log ends with: " + launcher.LastLogLines(node.id, 2)
                                       : "it was killed or stopped",
                  "hexad restart " + node.id));
      return;
    case NodeState::kPaused:
      findings.push_back(Problem(node.id + " is paused", "SIGSTOP", "hexad resume " + node.id));
      return;
    case NodeState::kSilent:
      findings.push_back(
          Problem(absl::StrCat(node.id, " (pid ", node.pid, ") does not answer"),
                  "its process runs, but its port was silent for a second",
                  absl::StrCat("hexad logs ", node.id, "; hexad restart ", node.id)));
      return;
    case NodeState::kAmnesiac:
      findings.push_back(Problem(
          node.id + " is amnesiac",
          absl::StrCat("its disk is not the one that was admitted when the cluster was formed: ",
                       launcher.dir().data_folder(node.id),
                       " was deleted or replaced. What it says proves nothing, so it counts for "
                       "no quorum"),
          "put the old folder back and restart it, or start from nothing: hexad down --wipe"));
      return;
  }
}

}  // namespace

const char* NameOf(Severity severity) {
  switch (severity) {
    case Severity::kFine:
      return "fine";
    case Severity::kNote:
      return "note";
    case Severity::kProblem:
      return "problem";
  }
  return "";
}

void CheckPrograms(const launcher::Launcher& launcher, Findings& findings) {
  for (const char* program : {"hexad-storage-node", "hexad-compute"}) {
    const std::string path = absl::StrCat(launcher.options().bin_dir, "/", program);
    if (access(path.c_str(), X_OK) == 0) continue;
    findings.push_back(Problem(absl::StrCat(path, " is missing"),
                               "the programs of one build stand side by side",
                               "cluster-scripts/build"));
  }
}

void CheckLimits(const launcher::Launcher& launcher, Findings& findings) {
  rlimit descriptors{};
  getrlimit(RLIMIT_NOFILE, &descriptors);
  if (descriptors.rlim_max < kWantedDescriptors) {
    findings.push_back({Severity::kNote,
                        absl::StrCat("at most ", descriptors.rlim_max, " open files per process"),
                        absl::StrCat("many connections or files need ", kWantedDescriptors),
                        absl::StrCat("ulimit -n ", kWantedDescriptors)});
  }
  std::error_code error;
  const fs::space_info space = fs::space(launcher.dir().folder(), error);
  if (!error && space.available < kWantedDiskBytes) {
    findings.push_back(Problem(absl::StrCat(Bytes(space.available), " of disk space left"),
                               "six copies of everything are kept under " + launcher.dir().shown(),
                               "make space; nodes with a full disk store nothing new"));
  }
}

void CheckProcesses(const launcher::Launcher& launcher, const launcher::ClusterPicture& cluster,
                    Findings& findings) {
  const size_t down =
      std::ranges::count(cluster.nodes, NodeState::kDown, &launcher::NodePicture::state);
  const bool none_remembered =
      std::ranges::none_of(cluster.nodes, &launcher::NodePicture::ended_by_itself);
  if (down == cluster.nodes.size() && none_remembered) {
    findings.push_back({Severity::kNote, "the cluster is down", "", "hexad up"});
    return;
  }
  for (const launcher::NodePicture& node : cluster.nodes) CheckNode(launcher, node, findings);
  if (cluster.compute == ProcessState::kDown) {
    findings.push_back(Problem("compute is down",
                               "volume " + launcher.record().volume + " has no writer",
                               "hexad restart compute"));
  }
  if (cluster.compute == ProcessState::kPaused) {
    findings.push_back(Problem("compute is paused", "SIGSTOP", "hexad resume compute"));
  }
}

void CheckFaults(const launcher::Launcher& launcher, const launcher::ClusterPicture& cluster,
                 Findings& findings) {
  const size_t down =
      std::ranges::count(cluster.nodes, NodeState::kDown, &launcher::NodePicture::state);
  if (launcher.record().faults && down < cluster.nodes.size() &&
      launcher.StateOf(launcher::kRelay) == ProcessState::kDown) {
    findings.push_back(Problem("the relay of this test cluster is down",
                               "its processes cannot reach each other", "hexad up"));
  }
  for (const std::string& fault : launcher::InWords(cluster.faults)) {
    findings.push_back({Severity::kNote, fault, "a fault that was made by hand", "hexad heal"});
  }
}

void CheckLeftovers(const launcher::Launcher& launcher, Findings& findings) {
  for (const launcher::NodeRecord& node : launcher.record().nodes) {
    const auto remembered = launcher.dir().Remembered(node.id);
    for (const auto& process :
         launcher::FindByArguments({"--data", launcher.dir().data_folder(node.id)})) {
      if (remembered && *remembered == process.identity) continue;
      const pid_t pid = process.identity.pid;
      findings.push_back(Problem(
          absl::StrCat("pid ", pid, " uses ", node.id, "'s data, but this folder forgot it"),
          "its pid file was lost, or somebody started it by hand", absl::StrCat("kill ", pid)));
    }
  }
}

void CheckPorts(const launcher::Launcher& launcher, Findings& findings) {
  for (const launcher::NodeRecord& node : launcher.record().nodes) {
    if (launcher.StateOf(node.id) != ProcessState::kDown) continue;
    const auto address = launcher::ParseAddress(node.address);
    if (!address || launcher::PortIsFree(address->port)) continue;
    findings.push_back(
        Problem(absl::StrCat("port ", address->port, " of ", node.id, " is in use by ",
                             launcher::WhoListensOn(address->port)),
                "ports are chosen once and kept", "end that process, then: hexad up"));
  }
}

void CheckVolumes(const launcher::ClusterPicture& cluster, Findings& findings) {
  for (const launcher::VolumePicture& volume : cluster.volumes) {
    const launcher::VolumeSlack slack = launcher::SlackOf(volume, cluster);
    if (!slack.can_write) {
      findings.push_back(Problem(absl::StrCat("volume ", volume.name, " cannot write"),
                                 absl::StrCat(slack.up, " of ", slack.of, " copies are up, and ",
                                              slack.write_need, " must confirm a write"),
                                 slack.can_read ? "bring nodes back: hexad up"
                                                : "bring nodes back: hexad up (reads too)"));
    }
    if (volume.mode == "fenced" || volume.mode == "read-only") {
      // A fenced writer never writes again; without a write quorum it goes on by itself once nodes
      // are back, and a restart would only lose what it has in memory.
      findings.push_back(
          Problem(absl::StrCat("volume ", volume.name, " is ", volume.mode, " at ", volume.writer),
                  volume.reason, volume.mode == "fenced" ? "hexad restart compute" : "hexad up"));
    }
  }
}

Findings Examine(launcher::Launcher& launcher) {
  Findings findings;
  const launcher::ClusterPicture cluster = launcher::Look(launcher);
  CheckPrograms(launcher, findings);
  CheckLimits(launcher, findings);
  CheckProcesses(launcher, cluster, findings);
  CheckFaults(launcher, cluster, findings);
  CheckLeftovers(launcher, findings);
  CheckPorts(launcher, findings);
  if (!cluster.UpNodes().empty()) CheckVolumes(cluster, findings);
  return findings;
}

}  // namespace hexad::cli

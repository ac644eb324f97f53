#include "tests/cluster/chaos/inflict.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <filesystem>

#include "absl/strings/str_cat.h"
#include "cli/launcher/targets.h"

namespace hexad::chaos {
namespace {

namespace fs = std::filesystem;
using cluster_test::SteadyLoad;
using launcher::ProcessNames;

// Where the disk is while it is lost. A mounted disk keeps its place, so its contents move.
std::string LostFolder(const launcher::Launcher& launcher, const std::string& node) {
  return launcher.dir().data_folder(node) + "/../" + node + ".lost";
}

absl::Status MoveContents(const std::string& from, const std::string& to) {
  std::error_code error;
  fs::create_directories(to, error);
  fs::copy(from, to, fs::copy_options::recursive, error);
  if (error) return absl::InternalError(absl::StrCat("cannot move ", from, ": ", error.message()));
  // A disk that was elsewhere for a while has on it what was on it: no power cut takes that.
  const int fd = open(to.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const bool synced = fd >= 0 && syncfs(fd) == 0;
  close(fd);
  if (!synced) return absl::InternalError(absl::StrCat("cannot sync ", to));
  for (const auto& entry : fs::directory_iterator(from)) fs::remove_all(entry.path(), error);
  return absl::OkStatus();
}

}  // namespace

absl::Status Inflicter::KillThoseThatRun(const ProcessNames& nodes) {
  ProcessNames running = nodes;
  std::erase_if(running, [&](const std::string& node) {
    return launcher_.StateOf(node) == launcher::ProcessState::kDown;
  });
  return running.empty() ? absl::OkStatus() : launcher_.Kill(running);
}

absl::Status Inflicter::SetLinks(const Fault& fault) {
  const launcher::ClusterRecord& record = launcher_.record();
  faults::LinkRules rules = launcher::FaultsOf(launcher_.dir()).links;
  for (const std::string& node : fault.nodes) {
    for (const std::string& other : launcher::AllProcesses(record)) {
      const bool writer = record.FindNode(other) == nullptr;
      if (other == node || (writer && fault.kind == Kind::kNoGossip)) continue;
      faults::LinkRule out = rules.Of(node, other);
      faults::LinkRule in = rules.Of(other, node);
      if (fault.kind == Kind::kSlowNet) {
        out.delay_us = in.delay_us = fault.delay_ms * 1'000;
      } else {
        out.cut |= fault.kind != Kind::kDeaf;
        in.cut |= fault.kind != Kind::kMute;
      }
      rules.Set({node, other}, out);
      rules.Set({other, node}, in);
    }
  }
  return launcher::SetLinkRules(launcher_, std::move(rules));
}

absl::Status Inflicter::SetDisks(const Fault& fault) {
  for (const std::string& node : fault.nodes) {
    auto block = launcher::FaultsOfProcess(launcher_.dir(), node);
    if (!block.ok()) return block.status();
    if (fault.kind == Kind::kFullDisk) (*block)->disk_full = 1;
    if (fault.kind == Kind::kSlowDisk) (*block)->sync_delay_us = fault.delay_ms * 1'000;
  }
  return absl::OkStatus();
}

absl::Status Inflicter::LoseDisks(const ProcessNames& nodes) {
  if (absl::Status killed = KillThoseThatRun(nodes); !killed.ok()) return killed;
  for (const std::string& node : nodes) {
    if (absl::Status moved =
            MoveContents(launcher_.dir().data_folder(node), LostFolder(launcher_, node));
        !moved.ok()) {
      return moved;
    }
  }
  return launcher_.Start(nodes);
}

absl::Status Inflicter::FindDisks(const ProcessNames& nodes) {
  if (absl::Status killed = KillThoseThatRun(nodes); !killed.ok()) return killed;
  std::error_code error;
  for (const std::string& node : nodes) {
    const std::string folder = launcher_.dir().data_folder(node);
    for (const auto& entry : fs::directory_iterator(folder)) fs::remove_all(entry.path(), error);
    if (absl::Status moved = MoveContents(LostFolder(launcher_, node), folder); !moved.ok()) {
      return moved;
    }
    fs::remove_all(LostFolder(launcher_, node), error);
  }
  return launcher_.Start(nodes);
}

absl::Status Inflicter::Begin(const Fault& fault, SteadyLoad& load) {
  switch (fault.kind) {
    case Kind::kKill:
      return KillThoseThatRun(fault.nodes);
    case Kind::kPause:
      return launcher_.Pause(fault.nodes);
    case Kind::kCut:
    case Kind::kMute:
    case Kind::kDeaf:
    case Kind::kNoGossip:
    case Kind::kSlowNet:
      return SetLinks(fault);
    case Kind::kSlowDisk:
    case Kind::kFullDisk:
      return SetDisks(fault);
    case Kind::kLoseDisk:
      return LoseDisks(fault.nodes);
    case Kind::kPowerCut:
      return disks_->CutPower(launcher_, fault.nodes);
    case Kind::kKillWriter:
      load.Signal(SIGKILL);
      return absl::OkStatus();
    case Kind::kPauseWriter:
      load.Signal(SIGSTOP);
      return absl::OkStatus();
  }
  return absl::OkStatus();
}

absl::Status Inflicter::End(const Fault& fault, SteadyLoad& load) {
  switch (fault.kind) {
    case Kind::kKill:
    case Kind::kPowerCut:
      return launcher_.Start(fault.nodes);
    case Kind::kPause:
      return launcher_.Resume(fault.nodes);
    case Kind::kLoseDisk:
      return FindDisks(fault.nodes);
    case Kind::kPauseWriter:
      load.Signal(SIGCONT);
      return absl::OkStatus();
    default:
      return absl::OkStatus();
  }
}

}  // namespace hexad::chaos

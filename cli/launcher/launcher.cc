#include "cli/launcher/launcher.h"

#include <signal.h>

#include <algorithm>
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "cli/launcher/admin_client.h"
#include "cli/launcher/explain.h"
#include "cli/launcher/faults.h"
#include "cli/launcher/ports.h"
#include "cli/launcher/record_json.h"
#include "cli/launcher/targets.h"
#include "cli/launcher/wait.h"

namespace hexad::launcher {
namespace {

constexpr Millis kServeTimeout{20'000};
constexpr Millis kAskTimeout{200};
constexpr int kStopTimeoutMs = 10'000;
constexpr int kKillTimeoutMs = 5'000;
constexpr size_t kLogTailBytes = 16 * 1024;

std::string Pid(const ProcessIdentity& identity) { return absl::StrCat("pid ", identity.pid); }

}  // namespace

Launcher::Launcher(ClusterDir dir, LauncherOptions options)
    : dir_(std::move(dir)),
      options_(std::move(options)),
      client_(std::make_unique<AdminClient>(dir_.record())) {}

Launcher::~Launcher() = default;
Launcher::Launcher(Launcher&&) noexcept = default;
Launcher& Launcher::operator=(Launcher&&) noexcept = default;

absl::StatusOr<DirLock> Launcher::Lock() {
  auto lock = dir_.Lock();
  if (!lock.ok()) return lock.status();
  if (absl::Status reloaded = dir_.Reload(); !reloaded.ok()) return reloaded;
  return lock;
}

ProcessState Launcher::StateOf(const std::string& name) const {
  const auto identity = dir_.Remembered(name);
  return identity ? launcher::StateOf(*identity) : ProcessState::kDown;
}

ProcessNames Launcher::InState(ProcessState state) const {
  ProcessNames names = AllProcesses(record());
  std::erase_if(names, [&](const std::string& name) { return StateOf(name) != state; });
  return names;
}

std::string Launcher::BenchVolume() const {
  const auto identity = dir_.Remembered(kBench);
  const bool lives = identity && launcher::StateOf(*identity) != ProcessState::kDown;
  return lives ? identity->writes_to : "";
}

std::string Launcher::AddressOf(const std::string& name) const {
  if (name == kCompute) return record().compute_address;
  const NodeRecord* node = record().FindNode(name);
  return node == nullptr ? "" : node->address;
}

std::vector<std::string> Launcher::CommandLine(const std::string& name) const {
  if (name == kRelay) {
    const std::string folder = dir_.folder() + "/faults";
    return {options_.bin_dir + "/hexad-relay", folder + "/links", folder + "/rules"};
  }
  if (name == kCompute) {
    return {options_.bin_dir + "/hexad-compute",
            "--id",
            kCompute,
            "--topology",
            TopologyFileOf(dir_, name),
            "--listen",
            record().compute_address,
            "--metrics",
            record().compute_metrics,
            "--sql",
            record().compute_sql,
            "--volume",
            absl::StrCat(record().volume, record().clones.empty() ? "" : ",",
                         absl::StrJoin(record().clones, ","))};
  }
  const NodeRecord* node = record().FindNode(name);
  return {options_.bin_dir + "/hexad-storage-node",
          "--id",
          node->id,
          "--az",
          node->az,
          "--listen",
          node->address,
          "--data",
          dir_.data_folder(node->id),
          "--topology",
          TopologyFileOf(dir_, name),
          "--metrics",
          node->metrics,
          "--log-level",
          options_.log_level};
}

absl::Status Launcher::CheckPortFree(const std::string& name, const std::string& address) const {
  const auto parsed = ParseAddress(address);
  if (!parsed || PortIsFree(parsed->port)) return absl::OkStatus();
  const auto leftovers = FindByArguments({"--listen", address});
  if (!leftovers.empty()) {
    return Failed(absl::StatusCode::kFailedPrecondition,
                  {absl::StrCat(name, " already runs as ", Pid(leftovers[0].identity),
                                ", but this folder did not start it or forgot it"),
                   absl::StrCat("it listens on ", address),
                   absl::StrCat("kill ", leftovers[0].identity.pid, " && hexad up")});
  }
  return Failed(absl::StatusCode::kFailedPrecondition,
                {absl::StrCat("port ", parsed->port, " of ", name, " is in use by ",
                              WhoListensOn(parsed->port)),
                 "ports are chosen once and kept, so that clients find the cluster again",
                 "end that process and run hexad up again, or use another folder: --dir FOLDER"});
}

absl::Status Launcher::StartOne(const std::string& name) {
  if (record().faults) {
    if (absl::Status prepared = PrepareFaults(dir_, name); !prepared.ok()) return prepared;
  }
  auto identity = Spawn({CommandLine(name), dir_.log_file(name), EnvironmentOf(*this, name)});
  if (!identity.ok()) return identity.status();
  if (absl::Status kept = dir_.Remember(name, *identity); !kept.ok()) {
    // Nobody would find it again, and it holds ports and data.
    Signal(*identity, SIGKILL).IgnoreError();
    return kept;
  }
  started_.push_back(name);
  return absl::OkStatus();
}

absl::Status Launcher::EnsureRelay() {
  if (!record().faults || StateOf(kRelay) != ProcessState::kDown) return absl::OkStatus();
  const std::string applied = dir_.folder() + "/faults/rules.applied";
  std::error_code error;
  std::filesystem::remove(applied, error);
  if (absl::Status begun = StartOne(kRelay); !begun.ok()) return begun;
  const absl::Status serving =
      WaitUntil({"the relay to listen", kServeTimeout, "hexad logs relay", options_.interrupted},
                [&]() -> absl::StatusOr<bool> {
                  if (StateOf(kRelay) == ProcessState::kDown) {
                    return Failed(absl::StatusCode::kAborted,
                                  {"the relay of this test cluster ended right after its start",
                                   LastLogLines(kRelay, 3), "hexad logs relay"});
                  }
                  return std::filesystem::exists(applied);
                });
  if (serving.ok()) {
    options_.say(absl::StrCat("relay started, ", Pid(*dir_.Remembered(kRelay)), ": ",
                              LinksOf(record()).size(), " links"));
  }
  return serving;
}

absl::Status Launcher::Start(const ProcessNames& names) {
  for (const std::string& name : names) {
    if (name == kBench) {
      return WrongUsage({"bench is started by its own command", "", "hexad bench write"});
    }
    if (const absl::Status free = CheckPortFree(name, AddressOf(name)); !free.ok()) return free;
  }
  if (absl::Status relayed = EnsureRelay(); !relayed.ok()) return relayed;
  for (const std::string& name : names) {
    if (absl::Status begun = StartOne(name); !begun.ok()) return begun;
  }
  for (const std::string& name : names) {
    if (const absl::Status serving = WaitUntilServing(name); !serving.ok()) return serving;
  }
  return absl::OkStatus();
}

// A node serves when it says who it is; a compute when its volume is open.
absl::StatusOr<bool> Launcher::Serves(const std::string& name) {
  if (StateOf(name) == ProcessState::kDown) {
    return Failed(
        absl::StatusCode::kAborted,
        {absl::StrCat(name, " ended right after its start"),
         absl::StrCat("its log says: ", LastLogLines(name, 3)), absl::StrCat("hexad logs ", name)});
  }
  if (name == kCompute) {
    const auto compute = client_->DescribeCompute(kAskTimeout);
    if (!compute.ok()) return false;
    return std::ranges::any_of(compute->volumes(), [&](const v1::VolumeState& volume) {
      return volume.name() == record().volume && volume.mode() != "opening";
    });
  }
  const NodeRecord* node = record().FindNode(name);
  const auto described = client_->DescribeNode(node - record().nodes.data(), kAskTimeout);
  return described.ok();
}

absl::Status Launcher::WaitUntilServing(const std::string& name) {
  const std::string what = name == kCompute
                               ? absl::StrCat("compute to open volume ", record().volume)
                               : absl::StrCat(name, " to answer at ", AddressOf(name));
  const absl::Status serving =
      WaitUntil({what, kServeTimeout, absl::StrCat("hexad logs ", name), options_.interrupted},
                [&] { return Serves(name); });
  if (!serving.ok()) return serving;
  const auto identity = dir_.Remembered(name);
  options_.say(absl::StrCat(name, " started", identity ? ", " + Pid(*identity) : ""));
  return absl::OkStatus();
}

absl::StatusOr<ProcessIdentity> Launcher::Running(const std::string& name) const {
  const auto identity = dir_.Remembered(name);
  if (identity && launcher::StateOf(*identity) != ProcessState::kDown) return *identity;
  return Failed(absl::StatusCode::kNotFound,
                {absl::StrCat(name, " is not running"), "",
                 name == kBench ? "hexad bench write" : absl::StrCat("hexad restart ", name)});
}

// Signals all of them at once, then waits for each.
absl::Status Launcher::EndAll(const ProcessNames& names, int signal, int timeout_ms) {
  std::vector<std::pair<std::string, ProcessIdentity>> ending;
  for (const std::string& name : names) {
    if (const auto identity = Running(name); identity.ok()) ending.emplace_back(name, *identity);
  }
  for (const auto& [name, identity] : ending) {
    // NOT_FOUND: it has just ended by itself, which is what was asked for.
    Signal(identity, signal).IgnoreError();
    Signal(identity, SIGCONT).IgnoreError();
  }
  for (const auto& [name, identity] : ending) {
    const absl::Status ended = WaitUntil(
        {absl::StrCat(name, " (", Pid(identity), ") to end"), Millis(timeout_ms), "hexad doctor"},
        [&identity = identity]() -> absl::StatusOr<bool> {
          return launcher::StateOf(identity) == ProcessState::kDown;
        });
    if (!ended.ok()) return ended;
  }
  return absl::OkStatus();
}

absl::Status Launcher::Stop(const ProcessNames& names) {
  const absl::Status polite = EndAll(names, SIGTERM, kStopTimeoutMs);
  if (absl::IsDeadlineExceeded(polite)) {
    options_.say("some process did not stop when asked; it is killed");
    if (absl::Status killed = EndAll(names, SIGKILL, kKillTimeoutMs); !killed.ok()) return killed;
  }
  for (const std::string& name : names) {
    if (dir_.Remembered(name)) options_.say(name + " stopped");
    dir_.Forget(name);
  }
  return absl::OkStatus();
}

absl::Status Launcher::Kill(const ProcessNames& names) {
  std::vector<std::string> lines;
  for (const std::string& name : names) {
    if (const auto identity = Running(name); identity.ok()) {
      lines.push_back(absl::StrCat(name, " killed (", Pid(*identity), ")"));
    } else if (names.size() == 1) {
      return identity.status();
    }
  }
  if (absl::Status ended = EndAll(names, SIGKILL, kKillTimeoutMs); !ended.ok()) return ended;
  for (const std::string& name : names) dir_.Forget(name);
  for (const std::string& line : lines) options_.say(line);
  return absl::OkStatus();
}

absl::Status Launcher::Pause(const ProcessNames& names) {
  for (const std::string& name : names) {
    const auto identity = Running(name);
    if (!identity.ok()) return identity.status();
    if (absl::Status sent = Signal(*identity, SIGSTOP); !sent.ok()) return sent;
    const absl::Status stopped =
        WaitUntil({name + " to stop", Millis(2'000), "hexad doctor"},
                  [&]() -> absl::StatusOr<bool> { return StateOf(name) != ProcessState::kUp; });
    if (!stopped.ok()) return stopped;
    options_.say(absl::StrCat(name, " paused (", Pid(*identity), ")"));
  }
  return absl::OkStatus();
}

absl::Status Launcher::Resume(const ProcessNames& names) {
  for (const std::string& name : names) {
    const auto identity = Running(name);
    if (!identity.ok()) return identity.status();
    if (absl::Status sent = Signal(*identity, SIGCONT); !sent.ok()) return sent;
    options_.say(absl::StrCat(name, " resumed (", Pid(*identity), ")"));
  }
  return absl::OkStatus();
}

absl::Status Launcher::Restart(const ProcessNames& names) {
  ProcessNames running;
  for (const std::string& name : names) {
    if (StateOf(name) != ProcessState::kDown) running.push_back(name);
  }
  if (absl::Status stopped = Stop(running); !stopped.ok()) return stopped;
  return Start(names);
}

absl::Status Launcher::Wipe(const ProcessNames& nodes) {
  if (absl::Status ended = EndAll(nodes, SIGKILL, kKillTimeoutMs); !ended.ok()) return ended;
  for (const std::string& node : nodes) {
    dir_.Forget(node);
    std::error_code error;
    std::filesystem::remove_all(dir_.data_folder(node), error);
    if (error) {
      return Failed(absl::StatusCode::kInternal,
                    {absl::StrCat("cannot delete ", dir_.data_folder(node)), error.message(),
                     "delete it by hand, then: hexad restart " + node});
    }
    options_.say(node + " killed, and its data deleted");
  }
  if (absl::Status started = Start(nodes); !started.ok()) return started;
  const auto amnesiac = EnsureFormed();
  if (!amnesiac.ok()) return amnesiac.status();
  options_.say(absl::StrCat(absl::StrJoin(*amnesiac, ", "),
                            " came back empty: amnesiac, counts for no quorum"));
  return absl::OkStatus();
}

std::string Launcher::LastLogLines(const std::string& name, size_t lines) const {
  auto text = ReadFile(dir_.log_file(name));
  if (!text.ok() || text->empty()) return "(nothing)";
  const absl::string_view tail =
      absl::string_view(*text).substr(text->size() - std::min(text->size(), kLogTailBytes));
  std::vector<std::string> all = absl::StrSplit(tail, '\n', absl::SkipWhitespace());
  if (all.size() > lines) all.erase(all.begin(), all.end() - static_cast<ptrdiff_t>(lines));
  return absl::StrJoin(all, "\n        ");
}

}  // namespace hexad::launcher

#include "cli/launcher/cluster_dir.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <thread>

#include "absl/strings/str_cat.h"
#include "cli/launcher/explain.h"
#include "cli/launcher/ports.h"
#include "cli/launcher/record_json.h"
#include "cli/launcher/targets.h"
#include "topology/topology.h"

namespace hexad::launcher {
namespace {

namespace fs = std::filesystem;

// Everything that is ours besides cluster.json, topology.toml and lock. "floor" is what a killed
// `hexad bench write --with-floor` leaves.
constexpr const char* kMadeFolders[] = {"pids", "data", "logs"};
constexpr const char* kFloorFolder = "floor";
constexpr const char* kFaultsFolder = "faults";

// Loopback, whole, is 127.0.0.0/8: addresses of it cost nothing and need no setting up.
constexpr const char* kRelayNetwork = "127.7.0.";

constexpr auto kLockTimeout = std::chrono::seconds(30);

std::string Absolute(const std::string& folder) {
  const std::string path = fs::absolute(folder).lexically_normal().string();
  return path.size() > 1 && path.back() == '/' ? path.substr(0, path.size() - 1) : path;
}

std::string RecordFile(const std::string& folder) { return folder + "/cluster.json"; }

std::string Loopback(int port) { return absl::StrCat("127.0.0.1:", port); }

absl::Status CannotMake(const std::string& folder, const std::string& why) {
  return Failed(
      absl::StatusCode::kPermissionDenied,
      {absl::StrCat("cannot make the folder ", folder), why, "choose another one: --dir FOLDER"});
}

// Of a file that WriteFileAtomically was about to make, or is making just now.
bool IsDraft(const std::string& name) {
  return name.starts_with("topology.toml.new.") || name.starts_with("cluster.json.new.");
}

// A beginning that was cut short has our parts, in them nothing, and no cluster.json yet. A floor
// may be left, too: it holds no data of a cluster.
bool EmptyOrHalfMade(const fs::path& folder) {
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    const std::string name = entry.path().filename();
    if (name == "topology.toml" || name == "lock" || name == kFloorFolder) continue;
    if (IsDraft(name)) continue;
    const bool ours = std::ranges::count(kMadeFolders, name) != 0;
    if (!ours || !fs::is_empty(entry.path(), error) || error) return false;
  }
  return !error;
}

// A folder may become a cluster's if it does not exist yet, or has nothing in it.
absl::Status CheckUsable(const std::string& folder, const std::string& shown) {
  std::error_code error;
  if (!fs::exists(folder, error)) return absl::OkStatus();
  if (fs::exists(RecordFile(folder), error)) {
    return Failed(absl::StatusCode::kAlreadyExists,
                  {absl::StrCat(shown, " already holds a cluster"), "", "hexad up"});
  }
  if (fs::is_directory(folder, error) && EmptyOrHalfMade(folder)) return absl::OkStatus();
  return Failed(absl::StatusCode::kFailedPrecondition,
                {absl::StrCat(shown, " is not a Hexad cluster and not empty"),
                 "it has no cluster.json, so it belongs to something else and stays as it is",
                 "choose another folder: --dir FOLDER"});
}

void ChoosePorts(int block, bool nodes_too, ClusterRecord& record) {
  record.port_block = block;
  for (size_t i = 0; i < record.nodes.size(); ++i) {
    const int index = static_cast<int>(i);
    if (nodes_too) record.nodes[i].address = Loopback(NodePort(block, index));
    record.nodes[i].metrics = Loopback(NodeMetricsPort(block, index));
  }
  record.compute_address = Loopback(ComputePort(block));
  record.compute_metrics = Loopback(ComputeMetricsPort(block));
  record.compute_sql = Loopback(ComputeSqlPort(block));
  record.bench_metrics = Loopback(BenchMetricsPort(block));
}

}  // namespace

const NodeRecord* ClusterRecord::FindNode(const std::string& id) const {
  const auto found = std::ranges::find(nodes, id, &NodeRecord::id);
  return found == nodes.end() ? nullptr : &*found;
}

std::vector<std::string> ClusterRecord::Azs() const {
  std::vector<std::string> azs;
  for (const NodeRecord& node : nodes) {
    if (std::ranges::find(azs, node.az) == azs.end()) azs.push_back(node.az);
  }
  return azs;
}

topology::Topology ClusterRecord::Topology() const {
  topology::Topology topology;
  for (const NodeRecord& node : nodes) {
    topology.nodes.push_back({NodeId(node.id), AzId(node.az), node.address});
  }
  return topology;
}

topology::Topology ClusterRecord::TopologyOf(const std::string& process) const {
  topology::Topology topology = Topology();
  if (!faults) return topology;
  const std::vector<std::string> processes = AllProcesses(*this);
  const auto index = std::ranges::find(processes, process) - processes.begin();
  for (topology::TopologyNode& node : topology.nodes) {
    if (node.id.value() == process) continue;
    // HOST:PORT was checked when the cluster was planned.
    const size_t colon = node.address.rfind(':');
    node.address = absl::StrCat(kRelayNetwork, index + 1, node.address.substr(colon));
  }
  return topology;
}

DirLock::~DirLock() {
  if (fd_ >= 0) close(fd_);
}

ClusterDir::ClusterDir(std::string folder, std::string shown, ClusterRecord record)
    : folder_(std::move(folder)), shown_(std::move(shown)), record_(std::move(record)) {}

absl::StatusOr<ClusterDir> ClusterDir::Open(const std::string& shown) {
  const std::string folder = Absolute(shown);
  if (!fs::exists(RecordFile(folder))) {
    const absl::Status usable = CheckUsable(folder, shown);
    if (usable.ok()) {
      return Failed(absl::StatusCode::kNotFound,
                    {absl::StrCat("no cluster in ", shown), "", "start one: hexad up"});
    }
    if (!absl::IsAlreadyExists(usable)) return usable;  // somebody made one just now
  }
  auto text = ReadFile(RecordFile(folder));
  if (!text.ok()) return text.status();
  auto record = DecodeRecord(*text);
  if (!record.ok()) {
    return Failed(
        record.status().code(),
        {absl::StrCat("cannot use ", RecordFile(shown)), std::string(record.status().message()),
         "use the hexad that made it, or another folder: --dir FOLDER"});
  }
  return ClusterDir(folder, shown, *std::move(record));
}

absl::StatusOr<ClusterDir> ClusterDir::Create(const std::string& shown, ClusterRecord record,
                                              bool choose_ports) {
  const std::string folder = Absolute(shown);
  if (const absl::Status usable = CheckUsable(folder, shown); !usable.ok()) return usable;
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) return CannotMake(shown, error.message());
  // Of two that make it at once, the second finds the cluster of the first.
  ClusterDir dir(folder, shown, {});
  const auto lock = dir.Lock();
  if (!lock.ok()) return lock.status();
  if (const absl::Status usable = CheckUsable(folder, shown); !usable.ok()) return usable;
  auto block = ClaimPortBlock(folder);
  if (!block.ok()) return block.status();
  ChoosePorts(*block, choose_ports, record);

  for (const char* part : kMadeFolders) {
    fs::create_directories(fs::path(folder) / part, error);
    if (error) return CannotMake(shown, error.message());
  }
  dir.record_ = record;
  // cluster.json last: with it the folder is a cluster's, and without it nothing was begun.
  absl::Status written =
      WriteFileAtomically(dir.topology_file(), topology::FormatTopology(record.Topology()));
  if (written.ok()) written = dir.Save(record);
  if (!written.ok()) return written;
  return dir;
}

absl::Status ClusterDir::Reload() {
  auto now = Open(shown_);
  if (!now.ok()) return now.status();
  if (!(now->record_.Topology() == record_.Topology()) ||
      now->record_.compute_address != record_.compute_address) {
    return Failed(absl::StatusCode::kNotFound,
                  {absl::StrCat("the cluster in ", shown_, " was replaced meanwhile"), "",
                   "run the command again"});
  }
  record_ = std::move(now->record_);
  return absl::OkStatus();
}

absl::Status ClusterDir::Save(const ClusterRecord& record) {
  record_ = record;
  return WriteFileAtomically(RecordFile(folder_), EncodeRecord(record));
}

std::string ClusterDir::floor_folder() const { return absl::StrCat(folder_, "/", kFloorFolder); }

std::string ClusterDir::log_file(const std::string& process) const {
  return absl::StrCat(folder_, "/logs/", process, ".log");
}

std::optional<ProcessIdentity> ClusterDir::Remembered(const std::string& process) const {
  const auto text = ReadFile(absl::StrCat(folder_, "/pids/", process, ".json"));
  if (!text.ok()) return std::nullopt;
  auto identity = DecodeIdentity(*text);
  // A damaged pid file names nobody: doctor finds the process by its command line instead.
  if (!identity.ok()) return std::nullopt;
  return *identity;
}

absl::Status ClusterDir::Remember(const std::string& process,
                                  const ProcessIdentity& identity) const {
  return WriteFileAtomically(absl::StrCat(folder_, "/pids/", process, ".json"),
                             EncodeIdentity(identity));
}

void ClusterDir::Forget(const std::string& process) const {
  fs::remove(absl::StrCat(folder_, "/pids/", process, ".json"));
}

absl::StatusOr<DirLock> ClusterDir::Lock() const {
  const int fd = open((folder_ + "/lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (fd < 0) return absl::ErrnoToStatus(errno, absl::StrCat("cannot open ", folder_, "/lock"));
  DirLock lock(fd);
  const auto deadline = std::chrono::steady_clock::now() + kLockTimeout;
  while (flock(fd, LOCK_EX | LOCK_NB) != 0) {
    if (std::chrono::steady_clock::now() > deadline) {
      return WaitedInVain(std::chrono::duration<double>(kLockTimeout).count(),
                          absl::StrCat("another hexad command that is at work in ", shown_),
                          "see who holds it: fuser " + folder_ + "/lock");
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  return lock;
}

absl::Status ClusterDir::Wipe() {
  ReleasePortBlock(record_.port_block, folder_);
  std::error_code error;
  // Ours only, so that a file that somebody put beside them survives. cluster.json goes last.
  for (const char* part : {"pids", "data", "logs", kFloorFolder, kFaultsFolder, "topology.toml",
                           "lock", "cluster.json"}) {
    fs::remove_all(fs::path(folder_) / part, error);
    if (error) {
      return Failed(absl::StatusCode::kInternal,
                    {absl::StrCat("cannot delete ", shown_, "/", part), error.message(), ""});
    }
  }
  fs::remove(folder_, error);  // fails if something else is in it, which is then kept
  return absl::OkStatus();
}

}  // namespace hexad::launcher

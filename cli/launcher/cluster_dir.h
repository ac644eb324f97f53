// The folder of one local cluster (`--dir`, default .hexad), and everything that is remembered in
// it.
//
//   cluster.json     what was decided once: nodes, AZs, ports, the cluster's id. Written here only
//   topology.toml    the same nodes as the cluster file that every process is started with
//   pids/NAME.json   who was started as NAME (process.h says how it is recognised)
//   data/NODE/       a storage node's disk
//   logs/NAME.log    what a process said
//   faults/          of a test cluster: its links, and what they and the disks suffer (faults.h)
//   floor/           the bare floor's databases, while a bench measures it
//   lock             held by the command that changes processes
//
// A folder that exists, is not empty and has no cluster.json is somebody else's: it is never
// touched.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "cli/launcher/process.h"
#include "topology/topology.h"

namespace hexad::launcher {

struct NodeRecord {
  std::string id;
  std::string az;
  std::string address = {};  // HOST:PORT of its gRPC services
  std::string metrics = {};  // HOST:PORT of its Prometheus endpoint
  uint64_t incarnation = 0;  // of the disk that was admitted when the cluster was formed
};

// Forming gives every fresh node the cluster's id and roster, once. kForming is written before the
// first node is told: an interrupted forming is completed with the same id.
enum class Forming { kFresh, kForming, kFormed };

struct ClusterRecord {
  int port_block = 0;
  std::vector<NodeRecord> nodes;
  std::string compute_address;
  std::string compute_metrics;
  std::string compute_sql;  // of PostgreSQL's protocol; empty in a folder that is older than that
  std::string bench_metrics;
  std::string volume;               // what the compute opens,
  std::vector<std::string> clones;  // and the clones that hexad clone made, as long as they exist
  Forming forming = Forming::kFresh;
  uint64_t cluster = 0;  // 0 while kFresh
  bool faults = false;   // a test cluster: its links and disks can be hurt (faults.h)

  const NodeRecord* FindNode(const std::string& id) const;
  std::vector<std::string> Azs() const;  // each once, in the order of the nodes
  topology::Topology Topology() const;
  // The nodes as one process reaches them: through the relay in a test cluster.
  topology::Topology TopologyOf(const std::string& process) const;
};

// The names of processes besides the nodes' ids.
inline constexpr char kCompute[] = "compute";
inline constexpr char kBench[] = "bench";

// Held while a command changes processes; released when destroyed, or by the kernel at our death.
class DirLock {
 public:
  DirLock(DirLock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  DirLock& operator=(DirLock&&) = delete;
  ~DirLock();

 private:
  friend class ClusterDir;
  explicit DirLock(int fd) : fd_(fd) {}
  int fd_;
};

class ClusterDir {
 public:
  // NOT_FOUND without a cluster; FAILED_PRECONDITION for a foreign folder or one of a newer Hexad.
  static absl::StatusOr<ClusterDir> Open(const std::string& folder);
  // Makes the folder, chooses ports (`choose_ports`: node addresses too, else those of the record
  // are kept) and writes the record. ALREADY_EXISTS if there is a cluster.
  static absl::StatusOr<ClusterDir> Create(const std::string& folder, ClusterRecord record,
                                           bool choose_ports);

  const std::string& folder() const { return folder_; }  // absolute
  const std::string& shown() const { return shown_; }    // as the user wrote it
  const ClusterRecord& record() const { return record_; }
  absl::Status Save(const ClusterRecord& record);

  std::string topology_file() const { return folder_ + "/topology.toml"; }
  std::string data_folder(const std::string& node) const { return folder_ + "/data/" + node; }
  std::string log_file(const std::string& process) const;
  std::string floor_folder() const;  // of `hexad bench write --with-floor`, while it runs

  std::optional<ProcessIdentity> Remembered(const std::string& process) const;
  absl::Status Remember(const std::string& process, const ProcessIdentity& identity) const;
  void Forget(const std::string& process) const;

  // The record as it is on disk now. NOT_FOUND if the folder was wiped, or is another cluster's by
  // now (its nodes, ports or AZs differ): what was made of the old record does not hold for it.
  absl::Status Reload();

  // Waits for another command that is at work here, up to a deadline that the message names. The
  // record may have changed meanwhile: Reload().
  absl::StatusOr<DirLock> Lock() const;

  // Deletes all of it, and gives the ports back. REQUIRES: no process of it runs.
  absl::Status Wipe();

 private:
  ClusterDir(std::string folder, std::string shown, ClusterRecord record);

  std::string folder_;
  std::string shown_;
  ClusterRecord record_;
};

}  // namespace hexad::launcher

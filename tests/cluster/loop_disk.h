// A node's disk of its own: ext4 in a file on a loop device, whose power can be cut, so that only
// what was fsynced is left. Needs root. Mounts live in a mount namespace of this process and of
// what it starts, and go with the last of them, however that ends.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "cli/launcher/launcher.h"

namespace hexad::cluster_test {

class LoopDisk {
 public:
  // Why there can be none here, or nullptr. The first call makes the mount namespace.
  static const char* Missing();

  // REQUIRES: !Missing(); the node is down. Its data moves there.
  LoopDisk(const std::string& folder, const std::string& image, uint64_t bytes);
  ~LoopDisk();
  LoopDisk(const LoopDisk&) = delete;
  LoopDisk& operator=(const LoopDisk&) = delete;

  bool made() const { return made_; }
  // Whoever still runs on it gets errors.
  bool CutPower() const;
  bool TurnOff() const;
  bool TurnOn() const;

 private:
  const std::string folder_;
  const std::string image_;
  bool made_ = false;
};

// The disks of all nodes of a cluster.
class LoopDisks {
 public:
  // Moves the data of every node. REQUIRES: all nodes are down. Images are kept in `folder`.
  static absl::StatusOr<LoopDisks> Make(const launcher::Launcher& launcher,
                                        const std::string& folder, uint64_t bytes);
  // The power of all of these goes at once, and comes back; they are down then.
  absl::Status CutPower(launcher::Launcher& launcher, const launcher::ProcessNames& nodes);

 private:
  std::map<std::string, std::unique_ptr<LoopDisk>> disks_;
};

}  // namespace hexad::cluster_test

// A cluster of real processes in a folder of its own, gone after the test. For every test program
// in tests/cluster.
#pragma once

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "cli/launcher/bring_up.h"
#include "cli/launcher/picture.h"
#include "tests/cluster/guardian.h"
#include "tests/cluster/hexad_command.h"

namespace hexad::cluster_test {

// An empty folder under the tests' temporary folder; `hexad down --wipe` and deletion at the end,
// even if this process does not live to see it.
class ScratchFolder {
 public:
  ScratchFolder();
  ~ScratchFolder();
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;

  const std::string& root() const { return root_; }
  std::string cluster() const { return root_ + "/cluster"; }  // --dir
  // root()/name with this text in it.
  std::string Write(const std::string& name, const std::string& text) const;

  // hexad ... --dir cluster()
  Outcome Run(std::vector<std::string> arguments, double deadline_seconds = 60) const;

 private:
  std::string root_;
  std::optional<Guardian> guardian_;
};

// Six nodes in three AZs with volume main open, brought up through the launcher library.
class ScratchCluster {
 public:
  // REQUIRES: HasFatalFailure() is checked after construction.
  explicit ScratchCluster(const launcher::ClusterRequest& request = {});

  const ScratchFolder& folder() const { return folder_; }
  launcher::Launcher& launcher() { return *launcher_; }
  Outcome Run(std::vector<std::string> arguments, double deadline_seconds = 60) const {
    return folder_.Run(std::move(arguments), deadline_seconds);
  }
  launcher::ClusterPicture Look() { return launcher::Look(*launcher_); }
  // Expects `hexad verify` to find every MTR of the ack log, none partly there, on volume bench,
  // whose six segments are equal. How many MTRs there were; 0 if it could not be told.
  uint64_t ProveAcknowledged(const std::string& ack_log) const;

 private:
  ScratchFolder folder_;
  absl::StatusOr<launcher::Launcher> launcher_;
};

}  // namespace hexad::cluster_test

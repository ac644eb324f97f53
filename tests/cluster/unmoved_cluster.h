// A live cluster that is shown what makes no sense: after each test every process is the one it
// was, no bigger than it must be, and an honest writer writes.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "cli/launcher/ports.h"
#include "tests/cluster/background_load.h"
#include "tests/cluster/compute_client.h"

namespace hexad::cluster_test {

// Above what requests of at most 8 MiB, some of them at once, may leave behind in an allocator.
inline constexpr uint64_t kMayGrowBytes = 96 << 20;

// One cluster for all tests of the suite.
class UnmovedCluster : public testing::Test {
 protected:
  static void SetUpTestSuite() { cluster_ = std::make_unique<ScratchCluster>(); }
  static void TearDownTestSuite() { cluster_.reset(); }

  void SetUp() override {
    before_ = cluster_->Look();
    ASSERT_EQ(before_.UpNodes().size(), 6u);
  }
  void TearDown() override {
    const launcher::ClusterPicture after = cluster_->Look();
    ASSERT_EQ(after.nodes.size(), before_.nodes.size());
    for (size_t i = 0; i < after.nodes.size(); ++i) {
      const launcher::NodePicture& node = after.nodes[i];
      EXPECT_EQ(node.state, launcher::NodeState::kUp) << node.id;
      EXPECT_EQ(node.pid, before_.nodes[i].pid) << node.id << " was started again";
      EXPECT_LT(node.resident_bytes, before_.nodes[i].resident_bytes + kMayGrowBytes) << node.id;
    }
    EXPECT_EQ(after.compute, launcher::ProcessState::kUp);
    EXPECT_EQ(ComputeClient(*cluster_).Write("main", 9, "honest").error_message(), "");
    OpenedVolume honest(*cluster_, "honest");
    ASSERT_TRUE(honest.ok());
    EXPECT_TRUE(PutDurably(*honest, PageNo(0), "still").ok());
  }

  static launcher::Launcher& launcher() { return cluster_->launcher(); }
  static int PortOf(size_t node) {
    return launcher::ParseAddress(launcher().record().nodes[node].address)->port;
  }
  static int ComputePort() {
    return launcher::ParseAddress(launcher().record().compute_address)->port;
  }

  inline static std::unique_ptr<ScratchCluster> cluster_;
  launcher::ClusterPicture before_;
};

}  // namespace hexad::cluster_test

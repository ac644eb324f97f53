// What tests of the engine share: a cluster in their own process, a volume in it, and patience.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "compute/engine.h"
#include "tests/cluster/local_cluster.h"

namespace hexad::compute {

using hexad::testing::LocalCluster;

inline constexpr Duration kPatience = Duration::Seconds(20);

inline std::string Text(const PageSnapshot& page, size_t length) {
  return page.page.substr(0, length);
}

inline std::shared_ptr<Volume> OpenVolume(Cluster& cluster, const OpenOptions& options = {}) {
  auto volume = cluster.Open("main", options);
  EXPECT_TRUE(volume.ok()) << volume.status();
  return volume.ok() ? *volume : nullptr;
}

// One durable MTR that writes `text` at the start of a page.
inline absl::StatusOr<Lsn> Put(Volume& volume, uint32_t page, const std::string& text) {
  Mtr mtr = volume.BeginMtr();
  EXPECT_TRUE(mtr.Write(PageNo(page), 0, text).ok());
  const auto lsn = volume.Commit(std::move(mtr));
  if (!lsn.ok()) return lsn.status();
  const absl::Status durable = volume.WaitDurable(*lsn, kPatience);
  if (!durable.ok()) return durable;
  return lsn;
}

// Until `done`, or for kPatience.
inline bool Eventually(const std::function<bool()>& done) {
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (std::chrono::steady_clock::now() < until) {
    if (done()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  return false;
}

class EngineTest : public ::testing::Test {
 protected:
  void SetUp() override {
    cluster_ = nodes_.Connect();
    ASSERT_NE(cluster_, nullptr);
  }
  void Create(const CreateOptions& options = {}) {
    const absl::Status created = cluster_->Create("main", options);
    ASSERT_TRUE(created.ok()) << created;
  }

  LocalCluster nodes_;
  std::unique_ptr<Cluster> cluster_;
};

}  // namespace hexad::compute

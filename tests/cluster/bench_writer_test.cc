// While `hexad bench write` runs it is its volume's writer, and whoever asks is told so: status,
// what a fault would cost, a drop, and Prometheus.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/launcher/ports.h"
#include "cli/launcher/wait.h"
#include "tests/cluster/scratch_cluster.h"
#include "tests/unit/http_get.h"

namespace hexad::cluster_test {
namespace {

using testing::AllOf;
using testing::HasSubstr;

constexpr int kRefused = 3;

class BenchWriter : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_FALSE(HasFatalFailure());
    const absl::Status begun = launcher::WaitUntil(
        {"the bench to write", launcher::Millis(30'000), ""}, [this]() -> absl::StatusOr<bool> {
          return Metrics().find("hexad_compute_vdl{volume=\"bench\"}") != std::string::npos;
        });
    ASSERT_TRUE(begun.ok()) << begun;
  }

  std::string Metrics() {
    const auto address = launcher::ParseAddress(cluster_.launcher().record().bench_metrics);
    return unit::HttpGet(address->port, "/metrics");
  }
  nlohmann::json Volume(const std::string& name) {
    const nlohmann::json status = cluster_.Run({"status", "--json"}).Json();
    for (const auto& volume : status.at("volumes")) {
      if (volume.at("name") == name) return volume;
    }
    return nullptr;
  }

  ScratchCluster cluster_;
  BackgroundHexad bench_{{"bench", "write", "--dir", cluster_.folder().cluster(), "--seconds",
                          "100", "--pages", "64", "--depth", "4"},
                         cluster_.folder().root() + "/bench.log"};
};

TEST_F(BenchWriter, AndTheComputeBothAnswerPrometheusMoreThanOnce) {
  const auto compute = launcher::ParseAddress(cluster_.launcher().record().compute_metrics);
  for (int i = 0; i < 3; ++i) {
    EXPECT_THAT(unit::HttpGet(compute->port, "/metrics"),
                HasSubstr("hexad_compute_writable{volume=\"main\"} 1"));
    EXPECT_THAT(Metrics(), HasSubstr("hexad_compute_writable{volume=\"bench\"} 1"));
  }
  EXPECT_EQ(Volume("main").at("writer"), "compute");
}

TEST_F(BenchWriter, IsNamedWithItsProcessAndItsEndpoint) {
  const nlohmann::json volume = Volume("bench");
  EXPECT_EQ(volume.at("writer"), "bench");
  EXPECT_EQ(volume.at("writer_pid"), bench_.identity().pid);
  EXPECT_EQ(volume.at("writer_metrics"), cluster_.launcher().record().bench_metrics);
  EXPECT_EQ(Volume("main").at("writer"), "compute");
  const std::string line = "writer bench, pid " + std::to_string(bench_.identity().pid);
  EXPECT_THAT(cluster_.Run({"status"}).out, HasSubstr(line));
  EXPECT_THAT(Metrics(), AllOf(HasSubstr("hexad_compute_writable{volume=\"bench\"} 1"),
                               HasSubstr("hexad_compute_mtrs_total{volume=\"bench\"}")));

  ASSERT_EQ(cluster_.Run({"kill", "bench"}).exit_code, 0);
  EXPECT_TRUE(Volume("bench").at("writer").is_null());
}

TEST_F(BenchWriter, IsCountedInWhatAFaultWouldCost) {
  EXPECT_THAT(cluster_.Run({"kill", "az:a", "--dry-run"}).out,
              HasSubstr("bench writes to volume bench and keeps running"));
  EXPECT_THAT(cluster_.Run({"pause", "bench", "--dry-run"}).out,
              HasSubstr("volume bench loses its writer"));
  ASSERT_EQ(cluster_.Run({"kill", "az:a"}).exit_code, 0);
  EXPECT_THAT(cluster_.Run({"kill", "n3", "--dry-run"}).out,
              HasSubstr("bench writes to volume bench and will be cut off"));
}

TEST_F(BenchWriter, KeepsItsVolumeFromBeingDroppedEvenWhilePaused) {
  const Outcome plan = cluster_.Run({"volume", "drop", "bench", "--dry-run"});
  EXPECT_THAT(plan.out, HasSubstr("bench writes to it, so it would be refused without --force"));
  ASSERT_EQ(cluster_.Run({"pause", "bench"}).exit_code, 0);
  const Outcome drop = cluster_.Run({"volume", "drop", "bench"});
  EXPECT_EQ(drop.exit_code, kRefused) << drop.Said();
  EXPECT_THAT(drop.err, HasSubstr("bench writes to it"));
  EXPECT_EQ(Volume("bench").at("writer"), "bench");
  ASSERT_EQ(cluster_.Run({"resume", "bench"}).exit_code, 0);
}

}  // namespace
}  // namespace hexad::cluster_test

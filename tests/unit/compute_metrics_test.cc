// What a process with volumes open tells Prometheus: each volume's numbers as they are now, and
// nothing of a volume that it has closed.
#include "compute/host/compute_metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <mutex>

#include "tests/unit/http_get.h"
#include "tests/unit/idle_volume.h"

namespace hexad::compute {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// `mtrs` MTRs, each durable after 150 us; the node n1 two LSNs behind in PG 5f.
class BusyVolume final : public unit::IdleVolume {
 public:
  explicit BusyVolume(uint64_t mtrs) : mtrs_(mtrs) {}

  VolumeStatus Status() const override {
    VolumeStatus status;
    status.mode = VolumeMode::kReadWrite;
    status.vdl = Lsn(mtrs_);
    quorum::PgDescription pg;
    pg.pg = PgId(0x5f);
    pg.last_lsn = Lsn(mtrs_);
    for (const uint64_t behind : {2, 0}) {
      auto& member = pg.members.emplace_back();
      member.node = NodeId("n" + std::to_string(pg.members.size()));
      member.scl = Lsn(mtrs_ - behind);
      member.up = true;
    }
    status.pgs.push_back(pg);
    return status;
  }
  VolumeStatistics Statistics() const override {
    VolumeStatistics statistics;
    statistics.mtrs = mtrs_;
    for (uint64_t i = 0; i < mtrs_; ++i) statistics.commit_us.Add(150);
    statistics.fourth_ack["n2"] = 3;
    return statistics;
  }

 private:
  const uint64_t mtrs_;
};

class ComputeMetricsTest : public ::testing::Test {
 protected:
  // One server for all: it takes seconds to end.
  static void SetUpTestSuite() {
    auto server = metrics::MetricsServer::Start("127.0.0.1:0");
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
  }
  static void TearDownTestSuite() { server_.reset(); }

  void SetUp() override {
    ASSERT_NE(server_, nullptr);
    metrics_ = std::make_unique<ComputeMetrics>(*server_, [this] {
      const std::lock_guard lock(mutex_);
      return open_;
    });
  }
  void Open(const std::string& name, uint64_t mtrs) {
    const std::lock_guard lock(mutex_);
    open_[name] = std::make_shared<BusyVolume>(mtrs);
  }
  void CloseAll() {
    const std::lock_guard lock(mutex_);
    open_.clear();
  }
  std::string Page() const { return unit::HttpGet(server_->port(), "/metrics"); }

  std::mutex mutex_;
  VolumesByName open_;
  static std::unique_ptr<metrics::MetricsServer> server_;
  std::unique_ptr<ComputeMetrics> metrics_;
};
std::unique_ptr<metrics::MetricsServer> ComputeMetricsTest::server_;

TEST_F(ComputeMetricsTest, EveryOpenVolumeIsOnThePage) {
  Open("main", 40);
  Open("other", 7);
  const std::string page = Page();
  EXPECT_THAT(page, HasSubstr("hexad_compute_vdl{volume=\"main\"} 40"));
  EXPECT_THAT(page, HasSubstr("hexad_compute_vdl{volume=\"other\"} 7"));
  EXPECT_THAT(page, HasSubstr("hexad_compute_writable{volume=\"main\"} 1"));
  EXPECT_THAT(page, HasSubstr("# TYPE hexad_compute_mtrs_total counter"));
  EXPECT_THAT(page, HasSubstr("hexad_compute_mtrs_total{volume=\"main\"} 40"));
  EXPECT_THAT(page, HasSubstr("hexad_compute_fourth_ack_total{node=\"n2\",volume=\"main\"} 3"));
  EXPECT_THAT(page,
              HasSubstr("hexad_compute_segment_scl{node=\"n1\",pg=\"5f\",volume=\"main\"} 38"));
  EXPECT_THAT(page, HasSubstr("hexad_compute_pg_copies_missing{pg=\"5f\",volume=\"main\"} 1"));
}

TEST_F(ComputeMetricsTest, AHistogramCountsUpToEachBound) {
  Open("main", 40);
  const std::string page = Page();
  const std::string bucket = "hexad_compute_commit_seconds_bucket{volume=\"main\",le=";
  EXPECT_THAT(page, HasSubstr(bucket + "\"0.0001\"} 0"));
  EXPECT_THAT(page, HasSubstr(bucket + "\"0.0002\"} 40"));
  EXPECT_THAT(page, HasSubstr(bucket + "\"+Inf\"} 40"));
  EXPECT_THAT(page, HasSubstr("hexad_compute_commit_seconds_count{volume=\"main\"} 40"));
  EXPECT_THAT(page, HasSubstr("hexad_compute_commit_seconds_sum{volume=\"main\"} 0.006"));
}

TEST_F(ComputeMetricsTest, AClosedVolumeIsGoneAndCountsAnewWhenItIsOpenedAgain) {
  Open("main", 40);
  ASSERT_THAT(Page(), HasSubstr("volume=\"main\""));
  CloseAll();
  EXPECT_THAT(Page(), Not(HasSubstr("volume=\"main\"")));
  Open("main", 3);
  EXPECT_THAT(Page(), HasSubstr("hexad_compute_mtrs_total{volume=\"main\"} 3"));
}

}  // namespace
}  // namespace hexad::compute

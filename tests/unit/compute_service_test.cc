// The compute's service and its set of volumes over volumes that hang: what waits for storage takes
// neither the service's threads nor its end with it.
#include "compute/host/compute_service.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace hexad::compute {
namespace {

using ::testing::StartsWith;
using Clock = std::chrono::steady_clock;

constexpr auto kLong = std::chrono::seconds(30);
constexpr auto kSoon = std::chrono::seconds(5);

bool Eventually(const std::function<bool()>& done) {
  for (const auto until = Clock::now() + kSoon; Clock::now() < until;) {
    if (done()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return false;
}

// A volume whose commits wait until it is closed.
class HungVolume final : public Volume {
 public:
  absl::StatusOr<Lsn> Commit(Mtr) override {
    std::unique_lock lock(mutex_);
    ++waiting_;
    changed_.wait_for(lock, kLong, [&] { return closed_; });
    --waiting_;
    return MakeUserError(UserError::kReadOnly, "it hangs");
  }
  void Close() override {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    changed_.notify_all();
  }
  int waiting() const {
    const std::lock_guard lock(mutex_);
    return waiting_;
  }

  void OnDurable(Lsn, DurableCallback done) override { done(absl::OkStatus()); }
  absl::Status WaitDurable(Lsn, Duration) override { return absl::OkStatus(); }
  std::shared_ptr<const ReadView> PinReadPoint() override { return nullptr; }
  absl::StatusOr<PageSnapshot> ReadPage(PageNo, Lsn) override { return PageSnapshot{}; }
  absl::StatusOr<PageSnapshot> ReadNewest(PageNo) override { return PageSnapshot{}; }
  Lsn vdl() const override { return Lsn::None(); }
  uint32_t page_size() const override { return 4096; }
  VolumeStatus Status() const override { return {}; }
  VolumeStatistics Statistics() const override { return {}; }

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool closed_ = false;
  int waiting_ = 0;
};

// Opens "main" at once, and anything else never.
class HungCluster final : public Cluster {
 public:
  explicit HungCluster(std::shared_ptr<Volume> main) : main_(std::move(main)) {}
  ClusterId id() const override { return ClusterId(1); }
  absl::Status Create(const std::string&, const CreateOptions&) override {
    return absl::OkStatus();
  }
  absl::StatusOr<VolumeEntry> Find(const std::string&) override { return VolumeEntry{}; }
  absl::StatusOr<std::vector<VolumeEntry>> List() override { return std::vector<VolumeEntry>{}; }
  absl::Status Drop(const std::string&, bool) override { return absl::OkStatus(); }
  absl::StatusOr<std::shared_ptr<Volume>> Open(const std::string& name,
                                               const OpenOptions& options) override {
    if (name == "main") return main_;
    const auto until = Clock::now() + kLong;
    while (!options.stop.stop_requested() && Clock::now() < until) {
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    return absl::UnavailableError("nobody answers");
  }

 private:
  const std::shared_ptr<Volume> main_;
};

class ComputeServiceTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(volumes_.Start("main", {}).ok()); }
  // As soon as the opener has run.
  bool IsOpen() {
    return Eventually([&] { return volumes_.Find("main").ok(); });
  }
  grpc::Status Write() {
    v1::WritePagesRequest ask;
    ask.set_volume("main");
    v1::WritePagesAnswer answer;
    return service_.WritePages(nullptr, &ask, &answer);
  }

  const std::shared_ptr<HungVolume> main_ = std::make_shared<HungVolume>();
  OpenVolumes volumes_{std::make_unique<HungCluster>(main_)};
  ComputeService service_{volumes_};
};

TEST_F(ComputeServiceTest, CallsThatWaitLeaveThreadsForDescribe) {
  ASSERT_TRUE(IsOpen());
  std::vector<std::thread> writers;
  std::atomic<int> told_to_retry = 0;
  const auto write = [&] {
    const grpc::Status status = Write();
    told_to_retry += status.error_message().starts_with("RETRY") ? 1 : 0;
  };
  for (int i = 0; i < ComputeService::kMaxWaiting; ++i) writers.emplace_back(write);
  EXPECT_TRUE(Eventually([&] { return main_->waiting() == ComputeService::kMaxWaiting; }));
  for (int i = 0; i < 5; ++i) writers.emplace_back(write);
  EXPECT_TRUE(Eventually([&] { return told_to_retry == 5; })) << "at once, nothing happened";
  EXPECT_EQ(main_->waiting(), ComputeService::kMaxWaiting);

  v1::ComputeDescription description;
  EXPECT_TRUE(service_.Describe(nullptr, nullptr, &description).ok());
  EXPECT_EQ(description.volumes_size(), 1);

  main_->Close();
  for (std::thread& writer : writers) writer.join();
  EXPECT_EQ(told_to_retry, 5);
  EXPECT_THAT(Write().error_message(), StartsWith("READ_ONLY")) << "there is room again";
}

TEST_F(ComputeServiceTest, TheEndWakesWhoWaitsForAVolume) {
  ASSERT_TRUE(IsOpen());
  std::thread writer([&] { EXPECT_THAT(Write().error_message(), StartsWith("READ_ONLY")); });
  EXPECT_TRUE(Eventually([&] { return main_->waiting() == 1; }));
  const auto start = Clock::now();
  volumes_.CloseAll();
  writer.join();
  EXPECT_LT(Clock::now() - start, kSoon);
  EXPECT_TRUE(absl::IsUnavailable(volumes_.Start("late", {}))) << "nothing is opened any more";
}

TEST(OpenVolumesTest, TheEndDoesNotWaitForAnOpening) {
  const auto start = Clock::now();
  {
    OpenVolumes volumes(std::make_unique<HungCluster>(nullptr));
    ASSERT_TRUE(volumes.Start("hung", {}).ok());
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  EXPECT_LT(Clock::now() - start, kSoon);
}

TEST(OpenVolumesTest, NorDoesCloseOfOneVolume) {
  OpenVolumes volumes(std::make_unique<HungCluster>(nullptr));
  ASSERT_TRUE(volumes.Start("hung", {}).ok());
  const auto start = Clock::now();
  EXPECT_TRUE(volumes.Close("hung").ok());
  EXPECT_LT(Clock::now() - start, kSoon);
}

}  // namespace
}  // namespace hexad::compute

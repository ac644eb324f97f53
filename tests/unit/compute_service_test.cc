// The compute's service and its set of volumes over volumes that hang: what waits for storage takes
// neither the service's threads nor its end with it.
#include "compute/host/compute_service.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "compute/io/clocks.h"
#include "tests/unit/idle_volume.h"

namespace hexad::compute {
namespace {

using ::testing::StartsWith;
using Clock = std::chrono::steady_clock;

constexpr auto kLong = std::chrono::seconds(30);
constexpr auto kSoon = std::chrono::seconds(5);

// A volume whose commits wait until it is closed.
class HungVolume final : public unit::IdleVolume {
 public:
  absl::StatusOr<Lsn> Commit(Mtr) override {
    std::unique_lock lock(mutex_);
    ++waiting_;
    changed_.notify_all();
    changed_.wait_for(lock, kLong, [&] { return closed_; });
    --waiting_;
    return MakeUserError(UserError::kReadOnly, "it hangs");
  }
  void Close() override {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    changed_.notify_all();
  }
  bool AwaitWaiting(int commits) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, kSoon, [&] { return waiting_ == commits; });
  }

 private:
  std::mutex mutex_;
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
  absl::StatusOr<ClonedVolume> Clone(const CloneSpec&) override { return ClonedVolume{}; }
  absl::StatusOr<int> DropOrphanClones() override { return 0; }
  absl::StatusOr<VolumeEntry> Find(const std::string&) override { return VolumeEntry{}; }
  absl::StatusOr<std::vector<VolumeEntry>> List() override { return std::vector<VolumeEntry>{}; }
  absl::Status Drop(const std::string&, bool) override { return absl::OkStatus(); }
  absl::StatusOr<std::shared_ptr<Volume>> Open(const std::string& name,
                                               const OpenOptions& options) override {
    if (name == "main") return main_;
    std::unique_lock lock(mutex_);
    opening_ = true;
    changed_.notify_all();
    changed_.wait_for(lock, options.stop, kLong, [] { return false; });
    return absl::UnavailableError("nobody answers");
  }
  bool AwaitOpening() {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, kSoon, [this] { return opening_; });
  }

 private:
  const std::shared_ptr<Volume> main_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  bool opening_ = false;
};

class ComputeServiceTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(volumes_.Start("main", {}).ok()); }
  // As soon as the opener has run.
  bool IsOpen() { return volumes_.Open("main", {}, MonotonicNow() + Duration::Seconds(5)).ok(); }
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
  EXPECT_TRUE(main_->AwaitWaiting(ComputeService::kMaxWaiting));
  for (int i = 0; i < 5; ++i) write();
  EXPECT_EQ(told_to_retry, 5) << "at once, nothing happened";
  EXPECT_TRUE(main_->AwaitWaiting(ComputeService::kMaxWaiting));

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
  EXPECT_TRUE(main_->AwaitWaiting(1));
  const auto start = Clock::now();
  volumes_.CloseAll();
  writer.join();
  EXPECT_LT(Clock::now() - start, kSoon);
  EXPECT_TRUE(absl::IsUnavailable(volumes_.Start("late", {}))) << "nothing is opened any more";
}

TEST(OpenVolumesTest, TheEndDoesNotWaitForAnOpening) {
  const auto start = Clock::now();
  {
    auto cluster = std::make_unique<HungCluster>(nullptr);
    HungCluster& hung = *cluster;
    OpenVolumes volumes(std::move(cluster));
    ASSERT_TRUE(volumes.Start("hung", {}).ok());
    EXPECT_TRUE(hung.AwaitOpening());
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

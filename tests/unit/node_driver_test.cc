// Who writes to the disk: the loop thread itself, as long as that does not make it deaf.
#include "storage-node/host/node_driver.h"

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <thread>

#include "storage-node/io/memory_segment_store.h"

namespace hexad::storage_node {
namespace {

// Takes its time, if it is told to, and says whose.
class SlowStore : public MemorySegmentStore {
 public:
  absl::Status Write(const std::vector<const StoreBatch*>& batches,
                     Durability durability) override {
    const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(takes_ms);
    while (std::chrono::steady_clock::now() < until) std::this_thread::yield();
    wrote = std::this_thread::get_id();
    return MemorySegmentStore::Write(batches, durability);
  }
  int takes_ms = 0;
  std::thread::id wrote;  // read after what was answered because of it
};

// The loop thread is the test's.
class NodeDriverTest : public ::testing::Test, public NodeDriver::Outside {
 protected:
  NodeDriverTest() {
    NodeOptions options;
    options.node = NodeId("n1");
    options.az = AzId("a");
    options.incarnation = Incarnation(1);
    core_ = std::make_unique<NodeCore>(options);
    EXPECT_TRUE(core_->LogsToLoad().ok());
    driver_ = std::make_unique<NodeDriver>(*core_, store_, metrics_, *this);
  }
  ~NodeDriverTest() override { driver_->Stop(); }

  // One small durable change, which takes the disk so long; who wrote it.
  std::thread::id WriteThatTakes(int ms) {
    store_.takes_ms = ms;
    const std::vector<NodeInput> ask = {
        RegisterAsked{CallId(++calls_), kCluster, "r", quorum::Ballot{calls_, 1}, std::nullopt}};
    if (calls_ == 1) {
      const std::vector<NodeInput> form = {
          FormAsked{CallId(99), kCluster, {{NodeId("n1"), AzId("a"), Incarnation(1)}}}};
      driver_->StepDrained(form);
    } else {
      driver_->StepDrained(ask);
    }
    driver_->PersistDrained(/*reads_about=*/false);
    absl::MutexLock lock(&mutex_);
    const int want = static_cast<int>(calls_);
    const auto answered = [this, want]()
                              ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return answers_ >= want; };
    mutex_.Await(absl::Condition(&answered));
    return store_.wrote;
  }

  void QueueReply(Reply) override {}
  void SendReplies() override {}
  void CarryOut(NodeEffect) override {
    absl::MutexLock lock(&mutex_);
    ++answers_;
  }
  void ReadNext() override {}
  void ReadOn() override {}
  [[noreturn]] void FailStop(const absl::Status& status) override {
    ADD_FAILURE() << status;
    std::abort();
  }

  static constexpr ClusterId kCluster{7};
  SlowStore store_;
  const std::unique_ptr<metrics::MetricsServer> server_ = *metrics::MetricsServer::Start("");
  NodeMetrics metrics_{*server_};
  std::unique_ptr<NodeCore> core_;
  std::unique_ptr<NodeDriver> driver_;
  uint64_t calls_ = 0;
  absl::Mutex mutex_;
  int answers_ ABSL_GUARDED_BY(mutex_) = 0;
};

TEST_F(NodeDriverTest, ASmallGroupIsWrittenWithoutAnotherThread) {
  EXPECT_EQ(WriteThatTakes(0), std::this_thread::get_id());
}

TEST_F(NodeDriverTest, ADiskThatWasSlowIsLeftToTheWriterThread) {
  WriteThatTakes(0);
  WriteThatTakes(static_cast<int>(NodeDriver::kSlowWrite.millis()) + 10);
  for (int i = 0; i < 5; ++i) EXPECT_NE(WriteThatTakes(0), std::this_thread::get_id()) << i;
}

}  // namespace
}  // namespace hexad::storage_node

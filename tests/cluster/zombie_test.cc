// Real processes: a writer that is stopped at full speed, replaced, and woken is
// FENCED for ever and does no harm; storage nodes that hang cost no commit.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <array>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <memory>
#include <thread>
#include <vector>

#include "cli/launcher/wait.h"
#include "tests/cluster/background_load.h"
#include "tests/cluster/compute_client.h"

namespace hexad::cluster_test {
namespace {

namespace fs = std::filesystem;
using testing::AnyOf;
using testing::HasSubstr;
using testing::StartsWith;

constexpr uint64_t kManyMtrs = 3000;
constexpr uintmax_t kManyAckBytes = 200'000;  // about 4,000 lines of an ack log

void WaitFor(const std::string& what, const std::function<bool()>& done) {
  const absl::Status waited = launcher::WaitUntil({what, launcher::Millis(30'000), ""},
                                                  [&]() -> absl::StatusOr<bool> { return done(); });
  ASSERT_TRUE(waited.ok()) << waited;
}

std::string TextOf(const std::string& file) {
  std::ifstream in(file, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(in), {});
}

class Zombie : public testing::Test {
 protected:
  static void SetUpTestSuite() { cluster_ = std::make_unique<ScratchCluster>(); }
  static void TearDownTestSuite() { cluster_.reset(); }

  static std::string Scratch(const std::string& name) {
    return cluster_->folder().root() + "/" + name;
  }
  static nlohmann::json Verify(const std::string& volume, const std::string& acks) {
    const Outcome verify = cluster_->Run({"verify", volume, "--ack-log", acks, "--json"}, 90);
    EXPECT_EQ(verify.exit_code, 0) << verify.Said();
    return verify.Json();
  }

  static std::unique_ptr<ScratchCluster> cluster_;
};
std::unique_ptr<ScratchCluster> Zombie::cluster_;

TEST_F(Zombie, AWriterStoppedAtFullSpeedWakesUpFenced) {
  // A writes six times as many pages as B: most of what it was promised is not written over.
  const BackgroundHexad a(
      {"bench", "write", "--dir", cluster_->folder().cluster(), "--seconds", "100", "--pages",
       "768", "--records-per-mtr", "3", "--ack-log", Scratch("a.acks")},
      Scratch("a.log"));
  ASSERT_NO_FATAL_FAILURE(WaitFor("A to be at full speed", [&] {
    std::error_code missing;
    const uintmax_t bytes = fs::file_size(Scratch("a.acks"), missing);
    return !missing && bytes > kManyAckBytes;
  })) << TextOf(Scratch("a.log"));
  a.Signal(SIGSTOP);
  ASSERT_NO_FATAL_FAILURE(WaitFor("A to stop", [&] {
    return launcher::StateOf(a.identity()) == launcher::ProcessState::kPaused;
  }));
  fs::copy_file(Scratch("a.acks"), Scratch("a-stopped.acks"));

  OpenedVolume b(*cluster_, "bench");
  ASSERT_TRUE(b.ok());
  const workload::AckVerdict kept = CheckAcks(*b, Scratch("a-stopped.acks"));
  EXPECT_TRUE(kept.ok()) << Complaint(kept);
  workload::WriteOptions narrow = BackgroundLoad::Defaults();
  narrow.pages = 128;
  BackgroundLoad load(*b, Scratch("b.acks"), narrow);
  ASSERT_TRUE(load.AwaitMore(kManyMtrs));
  ASSERT_TRUE(a.running());

  a.Signal(SIGCONT);
  ASSERT_NO_FATAL_FAILURE(WaitFor("A to learn what it is", [&] { return !a.running(); }));
  EXPECT_THAT(TextOf(Scratch("a.log")), HasSubstr("FENCED"));
  EXPECT_TRUE(load.AwaitMore(kManyMtrs)) << "B is not disturbed";
  const workload::WriteResult result = load.End();
  EXPECT_TRUE(result.ended.ok()) << result.ended;
  EXPECT_EQ(result.failed + result.unknown, 0u);

  // Also what A was promised before the stop and told only after it.
  const nlohmann::json of_a = Verify("bench", Scratch("a.acks"));
  EXPECT_GE(of_a.at("acked"), kept.acked);
  EXPECT_EQ(of_a.at("missing"), 0);
  const nlohmann::json of_b = Verify("bench", Scratch("b.acks"));
  EXPECT_EQ(of_b.at("present"), result.acked);
  EXPECT_EQ(of_b.at("segments"), 6);
}

// Writers that call a compute without pause, each with a page of its own and a rising number.
class PageCounters {
 public:
  PageCounters(ScratchCluster& cluster, std::string volume) : volume_(std::move(volume)) {
    for (uint32_t page = 0; page < kPages; ++page) {
      threads_.emplace_back([this, &cluster, page] { Count(cluster, page); });
    }
  }
  ~PageCounters() { Join(); }
  // Until every one of them met an error.
  void Join() {
    for (std::thread& thread : threads_) {
      if (thread.joinable()) thread.join();
    }
  }

  static constexpr uint32_t kPages = 8;
  uint64_t acked(uint32_t page) const { return acked_[page]; }
  const grpc::Status& ended(uint32_t page) const { return ended_[page]; }

  static std::string Digits(uint64_t number) {
    const std::string digits = std::to_string(number);
    return std::string(kDigits - digits.size(), '0') + digits;
  }
  static constexpr size_t kDigits = 12;

 private:
  void Count(ScratchCluster& cluster, uint32_t page) {
    ComputeClient client(cluster);
    for (uint64_t number = 1;; ++number) {
      ended_[page] = client.Write(volume_, page, Digits(number));
      if (!ended_[page].ok()) return;
      acked_[page] = number;
    }
  }

  const std::string volume_;
  std::array<std::atomic<uint64_t>, kPages> acked_{};
  std::array<grpc::Status, kPages> ended_;
  std::vector<std::thread> threads_;
};

TEST_F(Zombie, AComputeThatWasReplacedIsFencedForEver) {
  PageCounters counters(*cluster_, "main");
  ASSERT_NO_FATAL_FAILURE(WaitFor("the compute to write", [&] { return counters.acked(0) > 20; }));
  launcher::Launcher& launcher = cluster_->launcher();
  ASSERT_TRUE(launcher.Pause({launcher::kCompute}).ok());

  OpenedVolume b(*cluster_, "main");
  ASSERT_TRUE(b.ok());
  for (uint32_t page = 20; page < 40; ++page) {
    const absl::Status put = PutDurably(*b, PageNo(page), "of B");
    ASSERT_TRUE(put.ok()) << put;
  }
  ASSERT_TRUE(launcher.Resume({launcher::kCompute}).ok());
  counters.Join();
  for (uint32_t page = 0; page < PageCounters::kPages; ++page) {
    EXPECT_THAT(counters.ended(page).error_message(),
                AnyOf(StartsWith("FENCED"), StartsWith("COMMIT_UNKNOWN")));
    const auto read = b->ReadNewest(PageNo(page));
    ASSERT_TRUE(read.ok()) << read.status();
    EXPECT_GE(read->page.substr(0, PageCounters::kDigits),
              PageCounters::Digits(counters.acked(page)))
        << "acknowledged, also after it woke, only what B found";
  }

  // For ever: writes, and reads, which would be stale.
  ComputeClient zombie(*cluster_);
  for (int again = 0; again < 20; ++again) {
    const grpc::Status refused = zombie.Write("main", 25, "of A");
    EXPECT_EQ(refused.error_code(), grpc::StatusCode::ABORTED);
    EXPECT_THAT(refused.error_message(), StartsWith("FENCED"));
    EXPECT_THAT(zombie.Text("main", 25, 4), StartsWith("FENC"));
    const absl::Status put = PutDurably(*b, PageNo(26), "B goes on");
    EXPECT_TRUE(put.ok()) << put;
  }
  EXPECT_EQ(zombie.Describe("main").mode(), "fenced");
  for (uint32_t page = 20; page < 26; ++page) {
    EXPECT_EQ(b->ReadNewest(PageNo(page))->page.substr(0, 4), "of B");
  }
  ASSERT_TRUE(launcher.Restart({launcher::kCompute}).ok()) << "a new process is a new writer";
  EXPECT_TRUE(zombie.Write("main", 25, "of A").ok());
}

TEST_F(Zombie, TwoNodesThatHangCostNoCommit) {
  OpenedVolume volume(*cluster_, "hung");
  ASSERT_TRUE(volume.ok());
  BackgroundLoad load(*volume, Scratch("hung.acks"));
  ASSERT_TRUE(load.AwaitMore(kManyMtrs));
  ASSERT_TRUE(cluster_->launcher().Pause({"n2", "n5"}).ok());
  EXPECT_TRUE(load.AwaitMore(3 * kManyMtrs)) << "commits go on";
  ASSERT_TRUE(cluster_->launcher().Resume({"n2", "n5"}).ok());
  EXPECT_TRUE(load.AwaitMore(kManyMtrs));
  const workload::WriteResult result = load.End();
  EXPECT_TRUE(result.ended.ok()) << result.ended;
  EXPECT_EQ(result.failed + result.unknown, 0u);
  const nlohmann::json found = Verify("hung", Scratch("hung.acks"));
  EXPECT_EQ(found.at("present"), result.acked);
}

}  // namespace
}  // namespace hexad::cluster_test

// A volume that is opened again and again: its path stays short, because what nobody needs apart is
// told as one step (docs/fork.md, Short paths). HEXAD_RESTARTS=10000 for the long form.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "tests/cluster/engine_fixture.h"

namespace hexad::compute {
namespace {

using Clock = std::chrono::steady_clock;

int Restarts() {
  const char* asked = std::getenv("HEXAD_RESTARTS");
  return asked == nullptr ? 150 : std::max(40, std::atoi(asked));
}

int64_t MicrosSince(Clock::time_point from) {
  return std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - from).count();
}

template <class Numbers>
int64_t Median(Numbers numbers) {
  std::sort(numbers.begin(), numbers.end());
  return numbers[numbers.size() / 2];
}

size_t Steps(const Volume& volume) { return volume.Status().history->path.steps().size(); }

TEST_F(EngineTest, ManyRestartsLeaveAShortPath) {
  CreateOptions forgetful;
  forgetful.retention.window_ms = 0;
  forgetful.retention.log_bytes = 0;
  Create(forgetful);
  const int restarts = Restarts();
  std::vector<int64_t> openings;
  size_t longest = 0;
  for (int i = 0; i < restarts; ++i) {
    const auto began = Clock::now();
    const auto volume = OpenVolume(*cluster_);
    ASSERT_NE(volume, nullptr) << "restart " << i;
    openings.push_back(MicrosSince(began));
    ASSERT_TRUE(Put(*volume, static_cast<uint32_t>(i) % 8, std::to_string(i)).ok()) << i;
    longest = std::max(longest, Steps(*volume));
  }
  // A floor moves with commits, a second apart; a node coalesces for a path of more than 32 steps
  // at its next tick.
  constexpr size_t kShort = 36;
  size_t last = longest;
  const bool folded = Eventually([&] {
    const auto volume = OpenVolume(*cluster_);
    if (volume == nullptr) return false;
    last = Steps(*volume);
    const Lsn floor = volume->Status().manifest.retained_from;
    EXPECT_TRUE(Eventually([&] {
      EXPECT_TRUE(Put(*volume, 9, "later").ok());
      return volume->Status().manifest.retained_from > floor;
    }));
    return last <= kShort;
  });
  EXPECT_TRUE(folded) << "still " << last << " steps after " << restarts << " restarts";
  const auto volume = OpenVolume(*cluster_);
  ASSERT_NE(volume, nullptr);
  for (int page = 0; page < 8; ++page) {
    const int newest = (restarts - 1 - page) / 8 * 8 + page;
    const auto read = volume->ReadNewest(PageNo(static_cast<uint32_t>(page)));
    ASSERT_TRUE(read.ok()) << read.status();
    const std::string text = std::to_string(newest);
    EXPECT_EQ(Text(*read, text.size()), text) << page;
  }
  const size_t tenth = openings.size() / 10;
  std::printf(
      "%d restarts: at most %zu steps, %zu in the end; an opening takes %ld us at first and "
      "%ld us at last (medians)\n",
      restarts, longest, last,
      static_cast<long>(Median(std::vector(openings.begin(), openings.begin() + tenth))),
      static_cast<long>(Median(std::vector(openings.end() - tenth, openings.end()))));
}

}  // namespace
}  // namespace hexad::compute

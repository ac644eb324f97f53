// Clients that come again as soon as their commit is durable: how many of them travel together.
// The writer is the real one; time and the nodes are the test's.
#include <gtest/gtest.h>

#include "gmock/gmock.h"
#include "quorum/volume_writer.h"
#include "tests/model/writer_world.h"

namespace hexad::quorum {
namespace {

using model::Of;
using model::WriterWorld;

constexpr Duration kThere = Duration::Micros(500);  // from sealing to the nodes' fsync, and back

class ClosedLoop {
 public:
  ClosedLoop(Duration longest_wait, int clients, Duration think)
      : world_(With(longest_wait)), think_(think) {
    world_.BeginAll();
    // They start one after the other, so the first one leaves alone.
    for (int i = 0; i < clients; ++i) back_.push_back(world_.now + Duration::Micros(10 * i));
  }

  // MTRs that became durable within `duration`.
  int Run(Duration duration) {
    const Instant end = world_.now + duration;
    while (world_.now < end) Next();
    return durable_;
  }

 private:
  static WriterOptions With(Duration longest_wait) {
    WriterOptions options;
    options.longest_wait = longest_wait;
    options.heartbeat = options.announce_after = Duration::Seconds(1000);
    return options;
  }

  void Next() {
    const Instant client = back_.empty() ? Instant::Never() : back_.front();
    const Instant nodes = arriving_.empty() ? Instant::Never() : arriving_.front();
    world_.now = std::min({client, nodes, world_.writer.NextDeadline()});
    if (world_.now == client) {
      back_.pop_front();
      See(world_.Touch({1}));
    } else if (world_.now == nodes) {
      arriving_.pop_front();
      for (int n = 1; n <= 6; ++n) {
        const std::string name = "n" + std::to_string(n);
        world_.Handle(name);
        See(world_.Hear(name));
      }
    } else {
      See(world_.Tick());
    }
  }

  void See(const std::vector<WriterEffect>& effects) {
    for (const auto& [node, append] : model::Sent<Append>(effects)) {
      if (node == "n1" && !append.boxcar.empty()) arriving_.push_back(world_.now + kThere + kThere);
    }
    for (const VdlMoved& moved : Of<VdlMoved>(effects)) {
      const auto done = static_cast<int>(moved.vdl.value() - vdl_.value());
      vdl_ = moved.vdl;
      durable_ += done;
      for (int i = 0; i < done; ++i) back_.push_back(world_.now + think_);
    }
  }

  WriterWorld world_;
  Duration think_;
  std::deque<Instant> back_;      // when a client submits again
  std::deque<Instant> arriving_;  // when a boxcar's answers are here
  Lsn vdl_{1900};
  int durable_ = 0;
};

// Without waiting, 16 clients are two halves for ever: one half waits while the other is under way.
TEST(ClosedLoop, ThePacerBringsTheHalvesTogether) {
  const auto run = [](Duration longest_wait) {
    return ClosedLoop(longest_wait, 16, Duration::Micros(50)).Run(Duration::Millis(200));
  };
  const int without = run(Duration());
  const int with = run(Duration::Millis(2));
  EXPECT_NEAR(without, 200 * 8, 40);
  EXPECT_GT(with, without * 17 / 10);
}

// Clients that think for longer than the pacer would wait lose next to nothing to it.
TEST(ClosedLoop, ThePacerCostsSlowClientsNothing) {
  const auto run = [](Duration longest_wait) {
    return ClosedLoop(longest_wait, 16, Duration::Micros(700)).Run(Duration::Millis(200));
  };
  EXPECT_GE(run(Duration::Millis(2)), run(Duration()) * 97 / 100);
}

TEST(ClosedLoop, OneClientAloneIsNeverHeldBack) {
  const auto run = [](Duration longest_wait) {
    return ClosedLoop(longest_wait, 1, Duration::Micros(50)).Run(Duration::Millis(200));
  };
  EXPECT_EQ(run(Duration::Millis(2)), run(Duration()));
}

}  // namespace
}  // namespace hexad::quorum

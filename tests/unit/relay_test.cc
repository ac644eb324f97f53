// The relay of test clusters, over real loopback sockets, one step at a time; and its files, which
// are bytes of unknown quality.
#include "cli/faults/relay.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <utility>

namespace hexad::faults {
namespace {

TEST(LinkFiles, RulesAndLinksComeBackAsTheyWere) {
  LinkRules rules{.generation = 7, .rules = {}};
  rules.Set({"n1", "n3"}, {.cut = true, .delay_us = 0});
  rules.Set({"n3", "n1"}, {.cut = true, .delay_us = 20'000});
  const auto parsed = ParseRules(FormatRules(rules));
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_EQ(parsed->generation, 7u);
  EXPECT_EQ(parsed->rules, rules.rules);
  rules.Set({"n1", "n3"}, {});
  EXPECT_EQ(rules.rules.size(), 1u) << "what is healed is forgotten";

  const std::vector<Link> links = {{"n1", "n3", "127.7.0.1:7003", "127.0.0.1:7003"}};
  const auto same = ParseLinks(FormatLinks(links));
  ASSERT_TRUE(same.ok()) << same.status();
  EXPECT_EQ(*same, links);
}

TEST(LinkFiles, WhatIsNoRuleIsRefused) {
  for (const char* text : {"cut n1\n", "slow n1 n2\n", "slow n1 n2 fast\n", "generation\n",
                           "generation -1\n", "heal n1 n2\n", "\xff\n"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(ParseRules(text).status())) << text;
  }
  EXPECT_TRUE(absl::IsInvalidArgument(ParseLinks("link n1 n2 127.0.0.1:1\n").status()));
  for (const char* address : {"127.0.0.1", "localhost:80", "127.0.0.1:99999", ""}) {
    EXPECT_FALSE(Relay::Listen({{"a", "b", "127.0.0.1:0", address}}).ok()) << address;
  }
}

// a connects to b through the relay. Only Until() moves anything.
class RelayTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(pipe(wake_), 0);
    ASSERT_EQ(write(wake_[1], "!", 1), 1);  // readable for ever: no step waits
    server_ = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    sockaddr_in address = At("127.0.0.1", 0);
    ASSERT_EQ(bind(server_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    ASSERT_EQ(listen(server_, 8), 0);
    socklen_t size = sizeof address;
    getsockname(server_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    const std::string port = ":" + std::to_string(port_);
    auto relay = Relay::Listen({{"a", "b", "127.7.1.1" + port, "127.0.0.1" + port}});
    ASSERT_TRUE(relay.ok()) << relay.status();
    relay_ = *std::move(relay);
  }
  void TearDown() override {
    for (const int fd : {a_, b_, server_, wake_[0], wake_[1]}) {
      if (fd >= 0) close(fd);
    }
  }

  static sockaddr_in At(const char* host, int port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    inet_pton(AF_INET, host, &address.sin_addr);
    address.sin_port = htons(static_cast<uint16_t>(port));
    return address;
  }
  void Connect() {
    a_ = socket(AF_INET, SOCK_STREAM, 0);
    const sockaddr_in address = At("127.7.1.1", port_);
    ASSERT_EQ(connect(a_, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  }
  bool Accepted() {
    if (b_ < 0) b_ = accept4(server_, nullptr, nullptr, SOCK_NONBLOCK);
    return b_ >= 0;
  }
  // Steps until it is so. False after five seconds.
  bool Until(const std::function<bool()>& so) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(5);
    while (!so()) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      relay_->Step(wake_[0]);
    }
    return true;
  }
  // Often enough for anything that may move to have moved: each step moves all that can.
  void Settle() {
    for (int i = 0; i < 200; ++i) relay_->Step(wake_[0]);
  }
  static void Send(int fd, const std::string& text) {
    EXPECT_EQ(send(fd, text.data(), text.size(), MSG_NOSIGNAL), static_cast<ssize_t>(text.size()));
  }
  // What is there now: "" for nothing, "END" for the end of the stream.
  static std::string Have(int fd) {
    char buffer[256];
    const ssize_t n = recv(fd, buffer, sizeof buffer, MSG_DONTWAIT);
    if (n == 0) return "END";
    return n < 0 ? "" : std::string(buffer, static_cast<size_t>(n));
  }
  void Apply(const LinkRule& a_to_b, const LinkRule& b_to_a) {
    LinkRules rules;
    rules.Set({"a", "b"}, a_to_b);
    rules.Set({"b", "a"}, b_to_a);
    relay_->Apply(rules);
  }

  std::unique_ptr<Relay> relay_;
  int wake_[2] = {-1, -1};
  int server_ = -1;
  int port_ = 0;
  int a_ = -1;
  int b_ = -1;
};

constexpr LinkRule kCut{.cut = true, .delay_us = 0};

TEST_F(RelayTest, CarriesBothWaysAndTheEnd) {
  ASSERT_NO_FATAL_FAILURE(Connect());
  ASSERT_TRUE(Until([&] { return Accepted(); }));
  Send(a_, "question");
  EXPECT_TRUE(Until([&] { return Have(b_) == "question"; }));
  Send(b_, "answer");
  EXPECT_TRUE(Until([&] { return Have(a_) == "answer"; }));
  shutdown(a_, SHUT_WR);
  EXPECT_TRUE(Until([&] { return Have(b_) == "END"; }));
  Send(b_, "still");
  EXPECT_TRUE(Until([&] { return Have(a_) == "still"; })) << "only one half has ended";
  shutdown(b_, SHUT_WR);
  EXPECT_TRUE(Until([&] { return relay_->connections() == 0; }));
}

TEST_F(RelayTest, AOneWayCutHoldsOneDirectionAndLosesNothing) {
  ASSERT_NO_FATAL_FAILURE(Connect());
  ASSERT_TRUE(Until([&] { return Accepted(); }));
  Apply(kCut, {});
  Send(a_, "held");
  Send(b_, "passes");
  EXPECT_TRUE(Until([&] { return Have(a_) == "passes"; }));
  Settle();
  EXPECT_EQ(Have(b_), "");
  Apply({}, {});
  EXPECT_TRUE(Until([&] { return Have(b_) == "held"; }));
}

TEST_F(RelayTest, NoEndAndNoResetCrossesACut) {
  ASSERT_NO_FATAL_FAILURE(Connect());
  ASSERT_TRUE(Until([&] { return Accepted(); }));
  Apply(kCut, kCut);
  const linger at_once{.l_onoff = 1, .l_linger = 0};
  setsockopt(a_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  close(std::exchange(a_, -1));
  Settle();
  EXPECT_EQ(Have(b_), "");
  EXPECT_EQ(relay_->connections(), 1u);
  Apply({}, {});
  EXPECT_TRUE(Until([&] { return relay_->connections() == 0; }));
}

TEST_F(RelayTest, AConnectionThatBeginsDuringACutIsMadeAtTheHeal) {
  Apply({}, kCut);
  ASSERT_NO_FATAL_FAILURE(Connect());
  Send(a_, "early");
  Settle();
  EXPECT_FALSE(Accepted());
  Apply({}, {});
  ASSERT_TRUE(Until([&] { return Accepted(); }));
  EXPECT_TRUE(Until([&] { return Have(b_) == "early"; }));
}

TEST_F(RelayTest, WhoGivesUpDuringACutIsForgotten) {
  Apply(kCut, kCut);
  ASSERT_NO_FATAL_FAILURE(Connect());
  EXPECT_TRUE(Until([&] { return relay_->connections() == 1; }));
  close(std::exchange(a_, -1));
  EXPECT_TRUE(Until([&] { return relay_->connections() == 0; }));
}

TEST_F(RelayTest, ASlowDirectionIsLateAndInOrder) {
  ASSERT_NO_FATAL_FAILURE(Connect());
  ASSERT_TRUE(Until([&] { return Accepted(); }));
  Apply({.cut = false, .delay_us = 30'000}, {});
  const auto began = std::chrono::steady_clock::now();
  Send(a_, "1");
  relay_->Step(wake_[0]);
  Send(a_, "2");
  std::string got;
  EXPECT_TRUE(Until([&] {
    got += Have(b_);
    return got == "12";
  }));
  EXPECT_GE(std::chrono::steady_clock::now() - began, std::chrono::milliseconds(30));
}

TEST_F(RelayTest, WhoIsNotThereResetsTheConnection) {
  close(std::exchange(server_, -1));
  ASSERT_NO_FATAL_FAILURE(Connect());
  EXPECT_TRUE(Until([&] {
    char byte = 0;
    return recv(a_, &byte, 1, MSG_DONTWAIT) <= 0 && errno == ECONNRESET;
  }));
}

TEST_F(RelayTest, AFullPipeIsNotReadInto) {
  ASSERT_NO_FATAL_FAILURE(Connect());
  ASSERT_TRUE(Until([&] { return Accepted(); }));
  Apply({.cut = false, .delay_us = 60'000'000}, {});
  const std::string block(1 << 16, 'x');
  size_t taken = 0;
  for (int idle = 0; idle < 50;) {
    const ssize_t n = send(a_, block.data(), block.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    taken += n > 0 ? static_cast<size_t>(n) : 0;
    idle = n > 0 ? 0 : idle + 1;
    relay_->Step(wake_[0]);
    ASSERT_LT(taken, size_t{64} << 20);
  }
  EXPECT_GE(taken, kPipeBytes);
}

}  // namespace
}  // namespace hexad::faults

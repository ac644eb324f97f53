// A storage node's process, over real gRPC: what it serves, what it keeps over a restart, and what
// it does when its disk fails.
#include "storage-node/host/node_host.h"

#include <gmock/gmock.h>
#include <grpcpp/generic/generic_stub.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <functional>
#include <mutex>

#include "spdlog/sinks/stdout_sinks.h"
#include "spdlog/spdlog.h"
#include "storage-node/io/listener_watch.h"
#include "storage-node/io/memory_segment_store.h"
#include "tests/unit/http_get.h"
#include "tests/unit/node_client.h"

namespace hexad::storage_node {
namespace {

using ::testing::HasSubstr;
using testing::kCluster;
using testing::kEpoch;
using testing::kPageSize;
using testing::LogMaker;
using testing::NodeClient;
using unit::HttpGet;

std::unique_ptr<NodeHost> StartOrDie(const NodeHostOptions& options) {
  auto node = NodeHost::Start(options);
  EXPECT_TRUE(node.ok()) << node.status();
  return node.ok() ? *std::move(node) : nullptr;
}

std::vector<quorum::RosterNode> RosterOf(const NodeHost& node) {
  return {{NodeId("n1"), AzId("a"), node.incarnation()}};
}

// Until `done` says so of the first segment. Nothing announces what a node does by itself, so it is
// asked again and again; a round trip paces it. False after some seconds.
bool AwaitSegment(NodeClient& client,
                  const std::function<bool(const v1::SegmentDescription&)>& done) {
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(5);
  while (std::chrono::steady_clock::now() < until) {
    if (done(client.Describe().segments(0))) return true;
  }
  return false;
}

class NodeHostTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = ::testing::TempDir() + "/hexad_node_host_" + std::to_string(getpid());
    std::filesystem::remove_all(folder_);
    options_.node = NodeId("n1");
    options_.az = AzId("a");
    options_.data_dir = folder_;
    options_.store.memory_bytes = 16 << 20;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::string folder_;
  NodeHostOptions options_;
};

TEST_F(NodeHostTest, AFreshNodeDescribesItselfAndCountsForNothing) {
  const auto node = StartOrDie(options_);
  NodeClient client(node->port());
  const auto description = client.Describe();
  EXPECT_EQ(description.node(), "n1");
  EXPECT_EQ(description.az(), "a");
  EXPECT_EQ(description.incarnation(), node->incarnation().value());
  EXPECT_NE(description.incarnation(), 0u);
  EXPECT_EQ(description.cluster(), 0u);
  EXPECT_NE(description.version(), "");
  EXPECT_GT(description.resident_bytes(), 0u);

  client.Ask<quorum::Promised>(quorum::Seal{NodeClient::To()});
  EXPECT_EQ(client.last_refusal().reason, quorum::RefusalReason::kAmnesiac);
  grpc::ClientContext context;
  v1::PrepareRegisterRequest prepare;
  prepare.set_cluster(kCluster.value());
  prepare.set_key("name/main");
  v1::RegisterAnswer answer;
  EXPECT_EQ(client.node().PrepareRegister(&context, prepare, &answer).error_code(),
            grpc::StatusCode::FAILED_PRECONDITION);
}

TEST_F(NodeHostTest, WhatWasAcknowledgedIsThereAfterARestart) {
  LogMaker log;
  Incarnation incarnation;
  {
    const auto node = StartOrDie(options_);
    incarnation = node->incarnation();
    NodeClient client(node->port());
    ASSERT_TRUE(client.Form(RosterOf(*node)).ok());
    ASSERT_TRUE(client.OpenVolume(RosterOf(*node)));
    client.Send({log.Image(PageNo(3), 'a'), log.Nop(), log.Image(PageNo(3), 'b')});
    ASSERT_TRUE(client.AwaitAck(Lsn(3)));
  }
  const auto node = StartOrDie(options_);
  EXPECT_EQ(node->incarnation(), incarnation);
  NodeClient client(node->port());
  EXPECT_EQ(client.Describe().cluster(), kCluster.value());
  const auto polled = client.Ask<quorum::Polled>(quorum::Poll{NodeClient::To()});
  EXPECT_EQ(polled.scl, Lsn(3));
  EXPECT_EQ(polled.vdl_heard, Lsn(2));
  EXPECT_EQ(polled.from.epoch, kEpoch);

  for (const auto& [read_point, fill] : {std::pair(Lsn(2), 'a'), std::pair(Lsn(3), 'b')}) {
    const auto answer = client.Read(PageNo(3), read_point, read_point);
    const auto* page = std::get_if<quorum::PageRead>(&answer);
    ASSERT_NE(page, nullptr) << read_point;
    EXPECT_EQ(page->page.view(), std::string(kPageSize, fill));
  }
  const auto missing = client.Read(PageNo(3), Lsn(4), Lsn(4));
  ASSERT_NE(std::get_if<quorum::Refused>(&missing), nullptr);
  EXPECT_EQ(std::get<quorum::Refused>(missing).reason, quorum::RefusalReason::kOutOfRange);
}

TEST_F(NodeHostTest, AFolderOfAnotherNodeIsRefused) {
  StartOrDie(options_).reset();
  options_.node = NodeId("n2");
  const auto node = NodeHost::Start(options_);
  EXPECT_EQ(node.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(node.status().message()),
              HasSubstr("foreign data folder: it belongs to node n1"));
}

TEST_F(NodeHostTest, AnAddressInUseIsRefused) {
  const auto node = StartOrDie(options_);
  options_.data_dir += "-2";
  options_.listen = "127.0.0.1:" + std::to_string(node->port());
  EXPECT_EQ(NodeHost::Start(options_).status().code(), absl::StatusCode::kUnavailable);
  std::filesystem::remove_all(options_.data_dir);
}

TEST_F(NodeHostTest, OneClusterOnlyAndItsRegisters) {
  const auto node = StartOrDie(options_);
  NodeClient client(node->port());
  ASSERT_TRUE(client.Form(RosterOf(*node)).ok());
  EXPECT_TRUE(client.Form(RosterOf(*node)).ok()) << "again is no error";
  EXPECT_EQ(client.Form(RosterOf(*node), ClusterId(3)).error_code(),
            grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(client.Form({}).error_code(), grpc::StatusCode::INVALID_ARGUMENT);

  grpc::ClientContext accept_context;
  v1::AcceptRegisterRequest accept;
  accept.set_cluster(kCluster.value());
  accept.set_key("name/main");
  accept.mutable_ballot()->set_number(4);
  accept.set_value("here");
  v1::RegisterAnswer answer;
  ASSERT_TRUE(client.node().AcceptRegister(&accept_context, accept, &answer).ok());
  EXPECT_TRUE(answer.granted());
  EXPECT_EQ(answer.state().value(), "here");

  grpc::ClientContext read_context;
  v1::ReadRegistersRequest read;
  read.set_cluster(kCluster.value());
  read.set_prefix("name/");
  v1::ReadRegistersAnswer registers;
  ASSERT_TRUE(client.node().ReadRegisters(&read_context, read, &registers).ok());
  ASSERT_EQ(registers.entries_size(), 1);
  EXPECT_EQ(registers.entries(0).key(), "name/main");
}

TEST_F(NodeHostTest, AStreamThatSaysNonsenseEndsAndOthersGoOn) {
  const auto node = StartOrDie(options_);
  NodeClient bad(node->port());
  bad.Send({quorum::Append{
      NodeClient::To(), {}, {}, BytesRef::Own(std::string(quorum::kMaxBoxcarBytes + 1, 'x'))}});
  EXPECT_FALSE(bad.Next().has_value());
  EXPECT_EQ(bad.StreamStatus().error_code(), grpc::StatusCode::INVALID_ARGUMENT);

  NodeClient good(node->port());
  ASSERT_TRUE(good.Form(RosterOf(*node)).ok());
  EXPECT_TRUE(good.OpenVolume(RosterOf(*node)));
  grpc::ClientContext context;
  grpc::GenericStub stub(grpc::CreateChannel("127.0.0.1:" + std::to_string(node->port()),
                                             grpc::InsecureChannelCredentials()));
  grpc::CompletionQueue queue;
  grpc::Slice empty("", 0);
  auto call = stub.PrepareUnaryCall(&context, "/hexad.v1.SegmentService/Nothing",
                                    grpc::ByteBuffer(&empty, 1), &queue);
  call->StartCall();
  grpc::ByteBuffer answer;
  grpc::Status status;
  call->Finish(&answer, &status, nullptr);
  void* tag = nullptr;
  bool ok = false;
  queue.Next(&tag, &ok);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNIMPLEMENTED);
  queue.Shutdown();
}

TEST_F(NodeHostTest, GossipFillsWhatTheWriterNeverSent) {
  options_.data_dir = folder_ + "/1";
  options_.cluster = {{NodeId("n1"), AzId("a"), ""}, {NodeId("n2"), AzId("b"), ""}};
  NodeHostOptions second = options_;
  second.node = NodeId("n2");
  second.az = AzId("b");
  second.data_dir = folder_ + "/2";
  const auto n1 = StartOrDie(options_);
  second.cluster[0].address = "127.0.0.1:" + std::to_string(n1->port());
  const auto n2 = StartOrDie(second);
  const std::vector<quorum::RosterNode> roster = {{NodeId("n1"), AzId("a"), n1->incarnation()},
                                                  {NodeId("n2"), AzId("b"), n2->incarnation()}};
  NodeClient to_n1(n1->port());
  NodeClient to_n2(n2->port());
  for (NodeClient* client : {&to_n1, &to_n2}) {
    ASSERT_TRUE(client->Form(roster).ok());
    ASSERT_TRUE(client->OpenVolume(roster));
  }
  LogMaker log;
  to_n1.Send({log.Image(PageNo(1), 'g'), log.Image(PageNo(2), 'h')});
  ASSERT_TRUE(to_n1.AwaitAck(Lsn(2)));
  EXPECT_TRUE(AwaitSegment(to_n2, [](const auto& segment) { return segment.scl() == 2; }));
}

TEST_F(NodeHostTest, TheCoalescerMovesTheLogAndPagesStayTheSame) {
  options_.coalesce_at_bytes = 64 << 10;
  options_.metrics_address = "127.0.0.1:0";
  const auto node = StartOrDie(options_);
  NodeClient client(node->port());
  ASSERT_TRUE(client.Form(RosterOf(*node)).ok());
  ASSERT_TRUE(client.OpenVolume(RosterOf(*node)));
  LogMaker log;
  for (int i = 0; i < 40; ++i) {
    client.Send({log.Image(PageNo(static_cast<uint32_t>(i % 8)), static_cast<char>('a' + i % 26))});
  }
  client.Send({log.Tell()});
  ASSERT_TRUE(client.AwaitAck(Lsn(40)));
  client.Send({log.Image(PageNo(9), 'z')});
  ASSERT_TRUE(client.AwaitAck(Lsn(41)));
  EXPECT_TRUE(AwaitSegment(client, [](const auto& s) { return s.coalesced_lsn() >= 16; }));
  for (uint32_t page = 0; page < 8; ++page) {
    const auto answer = client.Read(PageNo(page), Lsn(41), Lsn(41));
    const auto* read = std::get_if<quorum::PageRead>(&answer);
    ASSERT_NE(read, nullptr) << page;
    EXPECT_EQ(read->page.view()[0], static_cast<char>('a' + (32 + page) % 26));
  }
  const std::string metrics = HttpGet(node->metrics_port(), "/metrics");
  EXPECT_THAT(metrics, HasSubstr("hexad_node_scl{pg=\"7\",timeline=\"4d\"} 41"));
  EXPECT_THAT(metrics, HasSubstr("hexad_node_synced_write_seconds_count"));
}

// ---- the disk fails -----------------------------------------------------------------------------

struct MemoryNode {
  MemorySegmentStore* store = nullptr;
  std::unique_ptr<NodeHost> node;
};

MemoryNode StartInMemory(const NodeHostOptions& options) {
  auto store = std::make_unique<MemorySegmentStore>();
  MemoryNode memory;
  memory.store = store.get();
  auto node = NodeHost::StartOn(options, std::move(store));
  EXPECT_TRUE(node.ok()) << node.status();
  if (node.ok()) memory.node = *std::move(node);
  return memory;
}

TEST_F(NodeHostTest, AFullDiskRefusesTheLogButStillPromises) {
  const MemoryNode memory = StartInMemory(options_);
  NodeClient client(memory.node->port());
  ASSERT_TRUE(client.Form(RosterOf(*memory.node)).ok());
  ASSERT_TRUE(client.OpenVolume(RosterOf(*memory.node)));
  LogMaker log;
  memory.store->SetFull(true);
  // In one frame, so that both share one write: the boxcar must not take the promise with it.
  const EpochId higher{2, 9};
  client.Send({log.Nop(), quorum::Seal{NodeClient::To(higher)}});
  client.Take<quorum::Ack>();
  EXPECT_EQ(client.last_refusal().reason, quorum::RefusalReason::kDiskFull);
  EXPECT_EQ(client.Take<quorum::Promised>().from.epoch, higher);
  EXPECT_TRUE(client.Describe().segments(0).promised_number() == 2);
}

// The process ends with the code of a fail-stop, and no ack has left it.
TEST_F(NodeHostTest, AFailedWriteStopsTheNodeBeforeItAcknowledges) {
  ::testing::GTEST_FLAG(death_test_style) = "threadsafe";
  EXPECT_EXIT(
      {
        spdlog::set_default_logger(spdlog::stderr_logger_mt("death"));
        const MemoryNode memory = StartInMemory(options_);
        NodeClient client(memory.node->port());
        if (!client.Form(RosterOf(*memory.node)).ok()) _exit(1);
        if (!client.OpenVolume(RosterOf(*memory.node))) _exit(2);
        LogMaker log;
        memory.store->FailNextWrite(/*stored=*/true);
        client.Send({log.Nop()});
        client.Next();
        _exit(3);  // an answer came
      },
      ::testing::ExitedWithCode(70), "a write failed, so this node stops");
}

TEST_F(NodeHostTest, StoppingAnswersOpenCallsAndEndsStreams) {
  MemoryNode memory = StartInMemory(options_);
  NodeClient client(memory.node->port());
  ASSERT_TRUE(client.Form(RosterOf(*memory.node)).ok());
  ASSERT_TRUE(client.OpenVolume(RosterOf(*memory.node)));
  memory.node->Stop();
  EXPECT_FALSE(client.Next().has_value());
  EXPECT_EQ(client.StreamStatus().error_code(), grpc::StatusCode::UNAVAILABLE);
}

// ---- the listener ------------------------------------------------------------------------------

// Was `deaf` called, by the time of twice as many looks as it takes?
bool IsFoundDeaf(int port, bool alive) {
  std::mutex mutex;
  std::condition_variable changed;
  bool deaf = false;
  int asked = 0;  // `alive` is asked once or twice a look
  ListenerWatchOptions options;
  options.port = port;
  options.every = std::chrono::milliseconds(10);
  options.patience = std::chrono::milliseconds(100);
  ListenerWatch watch(
      options,
      [&] {
        const std::lock_guard lock(mutex);
        ++asked;
        changed.notify_all();
        return alive;
      },
      [&] {
        const std::lock_guard lock(mutex);
        deaf = true;
        changed.notify_all();
      });
  {
    std::unique_lock lock(mutex);
    const bool looked = changed.wait_for(lock, std::chrono::seconds(20),
                                         [&] { return deaf || asked >= 2 * 2 * options.failures; });
    EXPECT_TRUE(looked);
  }
  watch.Stop();
  return deaf;
}

TEST_F(NodeHostTest, AListenerThatAcceptsNobodyIsNoticed) {
  // The kernel completes connections to it, but nobody accepts them.
  const int listener = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  ASSERT_EQ(bind(listener, reinterpret_cast<sockaddr*>(&address), length), 0);
  ASSERT_EQ(listen(listener, 16), 0);
  ASSERT_EQ(getsockname(listener, reinterpret_cast<sockaddr*>(&address), &length), 0);
  EXPECT_TRUE(IsFoundDeaf(ntohs(address.sin_port), /*alive=*/true));
  EXPECT_FALSE(IsFoundDeaf(ntohs(address.sin_port), /*alive=*/false)) << "a hung disk is no reason";
  close(listener);
  const MemoryNode memory = StartInMemory(options_);
  EXPECT_FALSE(IsFoundDeaf(memory.node->port(), /*alive=*/true));
}

}  // namespace
}  // namespace hexad::storage_node

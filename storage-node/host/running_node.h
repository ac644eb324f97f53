// The running node: what ties core, disk, server and threads together. node_host.h is its outside.
#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "metrics/metrics_server.h"
#include "proto/node.pb.h"
#include "storage-node/core/node_core.h"
#include "storage-node/host/call_router.h"
#include "storage-node/host/node_driver.h"
#include "storage-node/host/node_host.h"
#include "storage-node/host/node_metrics.h"
#include "storage-node/host/work_threads.h"
#include "storage-node/io/listener_watch.h"
#include "storage-node/io/peer_client.h"
#include "storage-node/io/rpc_server.h"

namespace hexad::storage_node {

class RunningNode final : public NodeHost, private RpcServer::Handler, private NodeDriver::Outside {
 public:
  RunningNode(const NodeHostOptions& options, std::unique_ptr<SegmentStore> store,
              std::unique_ptr<metrics::MetricsServer> metrics);
  ~RunningNode() override { Stop(); }

  absl::Status Load();
  absl::Status Serve();

  int port() const override { return server_->port(); }
  int metrics_port() const override { return metrics_server_->port(); }
  Incarnation incarnation() const override { return incarnation_; }
  void Stop() override;

 private:
  // Loop thread.
  void RunLoop();
  void WatchListener();
  bool OnFrame(ConnId conn, std::vector<quorum::SegmentRequest> requests, size_t bytes) override;
  void OnStreamClosed(ConnId conn) override;
  void OnCall(UnaryCall& call) override;
  bool ReadsAbout() const;

  // What the core wants; any thread.
  void QueueReply(Reply reply) override;
  void SendReplies() override;
  void CarryOut(NodeEffect effect) override;
  void ReadNext() override;
  void ReadOn() override;
  [[noreturn]] void FailStop(const absl::Status& status) override;

  void On(ServeRead serve);
  void On(ServeGossip serve);
  void On(ServeFetch serve);
  void On(ServeFind serve);
  void On(AskPeer ask);
  void On(Coalesce coalesce);
  void On(ServeScrub serve);
  void On(ScrubOwn own);
  void On(ScrubPeer ask);
  void On(Repair repair);
  void On(const CallRefused& refused) { router_->Refuse(refused); }
  void On(const FormDone& done);
  void On(const RegisterDone& done) { router_->Done(done); }
  void On(const DropSegmentsDone& done) { router_->Done(done); }
  [[noreturn]] void On(const Persist&);
  [[noreturn]] void On(const Reply&);

  // Work threads.
  void CarryOutRead(const ServeRead& serve);
  void CarryOutGossip(const ServeGossip& serve);
  void CarryOutFetch(const ServeFetch& serve);
  void CarryOutFind(const ServeFind& serve);
  void CarryOutCoalesce(const Coalesce& coalesce);
  void CarryOutScrub(const ServeScrub& serve);
  void CarryOutOwnScrub(const ScrubOwn& own);
  void CarryOutRepair(const Repair& repair);
  absl::StatusOr<quorum::ScrubFill> ReadForScrub(const ScrubPlan& plan);
  void TellScrub(uint64_t question, std::optional<quorum::ScrubFill> fill);
  absl::StatusOr<quorum::LogPart> ReadLog(const LogPlan& plan);
  void Describe(bool with_segments, CallRouter::Described described);
  void ShowMetrics();

  const NodeHostOptions options_;
  const std::unique_ptr<metrics::MetricsServer> metrics_server_;
  NodeMetrics metrics_;
  const std::unique_ptr<SegmentStore> store_;
  Incarnation incarnation_;
  std::unique_ptr<NodeCore> core_;
  std::unique_ptr<NodeDriver> driver_;
  std::unique_ptr<CallRouter> router_;
  std::unique_ptr<RpcServer> server_;
  std::unique_ptr<PeerClient> peers_;
  std::unique_ptr<WorkThreads> work_;
  std::unique_ptr<WorkThreads> coalescer_;
  std::unique_ptr<WorkThreads> scrubber_;
  std::unique_ptr<ListenerWatch> listener_watch_;
  std::atomic<bool> stopping_{false};
  std::atomic<bool> loop_turned_{false};               // since the listener's watch last asked
  std::chrono::steady_clock::time_point last_read_{};  // of the loop thread
  std::thread loop_;
};

}  // namespace hexad::storage_node

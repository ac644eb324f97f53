#include "storage-node/host/running_node.h"

#include <unistd.h>

#include <algorithm>
#include <map>
#include <random>
#include <utility>

#include "absl/strings/str_cat.h"
#include "quorum/base/check.h"
#include "spdlog/spdlog.h"
#include "storage-node/host/disk_identity.h"

namespace hexad::storage_node {
namespace {

constexpr int kExitDeaf = 71;
constexpr int kWorkThreads = 2;
constexpr int kCoalescerNice = 10;
// This node's own questions, and those of its peers: each asks one thing at a time.
constexpr size_t kScrubQueue = 64;
constexpr int kScrubberNice = 19;
// Events handled before a write: bounds what the first of them waits for.
constexpr int kMaxDrainEvents = 256;
// The loop looks up at least this often, so that a stream held back is read now and then.
constexpr Duration kMaxWait = Duration::Millis(500);
// For so long after a page read the loop thread leaves synced writes to the writer thread.
constexpr std::chrono::milliseconds kReadsLinger{20};

uint64_t DrawNonZero() {
  std::random_device device;
  uint64_t drawn = 0;
  while (drawn == 0) drawn = uint64_t{device()} << 32 | device();
  return drawn;
}

NodeOptions CoreOptions(const NodeHostOptions& options, Incarnation incarnation) {
  NodeOptions core;
  core.node = options.node;
  core.az = options.az;
  core.incarnation = incarnation;
  core.seed = DrawNonZero();
  if (options.coalesce_at_bytes != 0) core.coalesce_at_bytes = options.coalesce_at_bytes;
  if (options.hot_log_limit_bytes != 0) core.hot_log_limit_bytes = options.hot_log_limit_bytes;
  core.scrub_pages = options.scrub_pages.value_or(core.scrub_pages);
  return core;
}

}  // namespace

RunningNode::RunningNode(const NodeHostOptions& options, std::unique_ptr<SegmentStore> store,
                         std::unique_ptr<metrics::MetricsServer> metrics)
    : options_(options),
      metrics_server_(std::move(metrics)),
      metrics_(*metrics_server_),
      store_(std::move(store)) {}

// ---- start and stop -----------------------------------------------------------------------------

absl::Status RunningNode::Load() {
  const auto identity = ClaimDisk(*store_, options_.node, options_.az, Incarnation(DrawNonZero()));
  if (!identity.ok()) return identity.status();
  incarnation_ = identity->incarnation;
  core_ = std::make_unique<NodeCore>(CoreOptions(options_, incarnation_));
  absl::Status loaded;
  const auto scanned = store_->ScanMeta("", [&](std::string_view key, std::string_view value) {
    if (key.starts_with(kHostMetaPrefix) || !loaded.ok()) return;
    loaded = core_->LoadMeta(key, value);
  });
  if (!scanned.ok()) return scanned;
  if (!loaded.ok()) return loaded;
  const auto logs = core_->LogsToLoad();
  if (!logs.ok()) return logs.status();
  for (const NodeCore::LogToLoad& log : *logs) {
    int damaged = 0;
    const auto status =
        store_->ScanLog(log.pg, log.timeline, log.from, [&](Lsn first, BytesRef bytes) {
          if (!core_->LoadBoxcar(log.pg, log.timeline, first, std::move(bytes)).ok()) ++damaged;
          return true;
        });
    const bool lost = status.code() == absl::StatusCode::kDataLoss;
    if (!status.ok() && !lost) return status;
    if (lost) core_->LoseLog(log.pg, log.timeline);
    if (damaged == 0 && !lost) continue;
    // What is left out lowers this segment's SCL below the gap; gossip fills it from peers, and
    // until then the core gives no inventory to an opening.
    metrics_.damaged.Increment(std::max(1, damaged));
    spdlog::error("{}: PG {:x}, timeline {:x}: {} damaged boxcar(s) left out; peers fill the gap",
                  options_.node.value(), log.pg.value(), log.timeline.value(),
                  std::max(1, damaged));
  }
  return absl::OkStatus();
}

absl::Status RunningNode::Serve() {
  RpcServerOptions server_options;
  server_options.listen = options_.listen;
  work_ = std::make_unique<WorkThreads>(WorkThreadsOptions{"hexad-work", kWorkThreads});
  coalescer_ = std::make_unique<WorkThreads>(
      WorkThreadsOptions{"hexad-coalesce", /*threads=*/1, /*max_queue=*/4, kCoalescerNice});
  scrubber_ = std::make_unique<WorkThreads>(
      WorkThreadsOptions{"hexad-scrub", /*threads=*/1, kScrubQueue, kScrubberNice});
  NodeDriver::Outside& outside = *this;
  driver_ = std::make_unique<NodeDriver>(*core_, *store_, metrics_, outside);
  router_ = std::make_unique<CallRouter>(
      *driver_, [this](bool with_segments, CallRouter::Described described) {
        Describe(with_segments, std::move(described));
      });
  RpcServer::Handler& handler = *this;
  auto server = RpcServer::Listen(server_options, handler);
  if (!server.ok()) {
    Stop();
    return server.status();
  }
  server_ = *std::move(server);
  std::map<NodeId, std::string> peers;
  for (const topology::TopologyNode& node : options_.cluster) {
    if (node.id != options_.node && !node.address.empty()) peers[node.id] = node.address;
  }
  peers_ =
      std::make_unique<PeerClient>(std::move(peers), server_->queue(), [this](NodeInput answer) {
        const auto* answered = std::get_if<PeerAnswered>(&answer);
        if (answered != nullptr && answered->fill.has_value() && !answered->fill->boxcars.empty()) {
          metrics_.gossip_fills.Increment();
          metrics_.gossip_boxcars.Increment(static_cast<double>(answered->fill->boxcars.size()));
        }
        if (!stopping_) driver_->Step(answer);
      });
  metrics_server_->OnScrape([this] {
    ShowMetrics();
    return metrics::MetricsServer::Families();
  });
  loop_ = std::thread([this] { RunLoop(); });
  WatchListener();
  return absl::OkStatus();
}

void RunningNode::WatchListener() {
  ListenerWatchOptions watch;
  watch.host = options_.listen.substr(0, options_.listen.rfind(':'));
  watch.port = server_->port();
  if (!ListenerWatch::CanWatch(watch.host)) return;
  listener_watch_ = std::make_unique<ListenerWatch>(
      watch, [this] { return loop_turned_.exchange(false); },
      [this] {
        spdlog::critical(
            "{}: the server accepts no connections any more, so this process ends; "
            "was the limit of open files reached? Start it again.",
            options_.node.value());
        spdlog::default_logger()->flush();
        _exit(kExitDeaf);
      });
}

// The loop thread drains to the end, so that every operation of gRPC completes before anything that
// it points to goes.
void RunningNode::Stop() {
  if (stopping_.exchange(true)) return;
  metrics_server_->StopRefreshing();
  if (listener_watch_ != nullptr) listener_watch_->Stop();
  if (router_ != nullptr) router_->FailAll(absl::UnavailableError("this node is stopping"));
  if (coalescer_ != nullptr) coalescer_->Stop();
  if (scrubber_ != nullptr) scrubber_->Stop();
  if (work_ != nullptr) work_->Stop();
  if (driver_ != nullptr) driver_->Stop();
  if (!loop_.joinable()) return;
  router_->FailAll(absl::UnavailableError("this node is stopping"));
  peers_->CancelAll();
  server_->Shutdown();
  server_->Quit();
  loop_.join();
  peers_.reset();
}

// ---- the loop thread ----------------------------------------------------------------------------

void RunningNode::RunLoop() {
  DescribeThread("hexad-loop", 0);
  for (;;) {
    const Duration until_tick = stopping_ ? kMaxWait : driver_->UntilTick();
    const Duration wait = std::clamp(until_tick, Duration(), kMaxWait);
    if (!server_->Drain(wait, kMaxDrainEvents)) return;
    loop_turned_ = true;
    if (stopping_) continue;
    if (driver_->UntilTick() <= Duration()) {
      driver_->Step(Tick{});
      server_->ResumeReading();  // one frame of those held back: they also tell VDL and PGMRPL
    }
    driver_->PersistDrained(ReadsAbout());
  }
}

bool RunningNode::ReadsAbout() const {
  return std::chrono::steady_clock::now() - last_read_ < kReadsLinger;
}

bool RunningNode::OnFrame(ConnId conn, std::vector<quorum::SegmentRequest> requests, size_t bytes) {
  if (stopping_) return false;
  metrics_.received_bytes.Increment(static_cast<double>(bytes));
  bool appends = false;
  std::vector<NodeInput> inputs;
  inputs.reserve(requests.size());
  for (quorum::SegmentRequest& request : requests) {
    if (const auto* append = std::get_if<quorum::Append>(&request)) {
      appends = true;
      if (!append->boxcar.empty()) {
        metrics_.boxcar_bytes.Observe(static_cast<double>(append->boxcar.size()));
      }
    }
    inputs.push_back(RequestReceived{conn, std::move(request)});
  }
  // Only streams that append are held back: a new writer's opening must get through.
  const bool may_read_on = driver_->StepDrained(inputs);
  if (may_read_on || !appends) return true;
  metrics_.parked_streams.Increment();
  return false;
}

void RunningNode::OnStreamClosed(ConnId conn) {
  if (stopping_) return;
  const NodeInput inputs[] = {StreamClosed{conn}};
  driver_->StepDrained(inputs);
}

void RunningNode::OnCall(UnaryCall& call) {
  if (stopping_) return call.Fail(absl::UnavailableError("this node is stopping"));
  if (CallRouter::IsRead(call.method())) last_read_ = std::chrono::steady_clock::now();
  router_->Route(call);
}

}  // namespace hexad::storage_node

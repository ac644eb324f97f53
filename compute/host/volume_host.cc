// Driving the core: inputs, effects, deadlines.
#include "compute/host/volume_host.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "compute/host/volume_turn.h"
#include "quorum/base/check.h"

namespace hexad::compute {

namespace {

struct SclReport {
  PgId pg;
  EpochId epoch;
  Lsn scl;
};

// What an answer of a writer's stream says about its segment's SCL.
std::optional<SclReport> SclOf(const quorum::SegmentAnswer& answer) {
  if (const auto* ack = std::get_if<quorum::Ack>(&answer)) {
    return SclReport{ack->from.pg, ack->from.epoch, ack->scl};
  }
  if (const auto* begun = std::get_if<quorum::Begun>(&answer)) {
    return SclReport{begun->from.pg, begun->from.epoch, begun->scl};
  }
  return std::nullopt;
}

void TellScls(PageReads& reads, const quorum::Manifest& manifest,
              const std::vector<std::vector<std::optional<Lsn>>>& scls) {
  for (size_t pg = 0; pg < scls.size() && pg < manifest.pgs.size(); ++pg) {
    const auto& members = manifest.pgs[pg].members;
    for (size_t i = 0; i < scls[pg].size() && i < members.size(); ++i) {
      if (scls[pg][i].has_value()) reads.SetScl(manifest.pgs[pg].pg, members[i].node, *scls[pg][i]);
    }
  }
}

VolumeCoreOptions CoreOptions(const ClusterNodes& nodes, const VolumeEntry& entry,
                              const OpenOptions& options) {
  VolumeCoreOptions core;
  core.named.timeline = entry.timeline;
  core.named.name = entry.name;
  core.named.page_size = entry.page_size;
  core.named.pages_per_pg = entry.pages_per_pg;
  core.named.retention = entry.retention;
  core.named.pgs = {entry.first_pg};
  core.roster = nodes.roster;
  core.writer = options.writer;
  core.commit_timeout = options.commit_timeout;
  core.seed = RandomNumber();
  return core;
}

}  // namespace

VolumeHost::VolumeHost(std::shared_ptr<const ClusterNodes> nodes, VolumeEntry entry,
                       OpenOptions options)
    : nodes_(std::move(nodes)),
      entry_(std::move(entry)),
      options_(std::move(options)),
      reads_(std::make_shared<PageReads>(nodes_)),
      core_(CoreOptions(*nodes_, entry_, options_)),
      redo_(entry_.page_size, entry_.pages_per_pg) {}

VolumeHost::~VolumeHost() = default;

// ---- inputs

void VolumeHost::Step(Turn& turn, const VolumeInput& input) {
  VolumeCore::Effects effects;
  core_.Step(input, turn.now(), effects);
  CarryOut(turn, std::move(effects));
}

void VolumeHost::CarryOut(Turn& turn, VolumeCore::Effects effects) {
  for (auto& effect : effects) {
    std::visit([&](auto& e) { On(turn, e); }, effect);
  }
}

void VolumeHost::OnLinkUp(StorageLink& link, Incarnation incarnation) {
  Turn turn(*this);
  if (closed_ || core_.phase() == VolumeCore::Phase::kFenced) return;
  link.Accept();
  reads_->SetUp(link.node(), true);
  Step(turn, quorum::NodeUp{link.node(), incarnation});
}

void VolumeHost::OnLinkDown(StorageLink& link) {
  Turn turn(*this);
  if (closed_) return;
  reads_->SetUp(link.node(), false);
  Step(turn, quorum::NodeDown{link.node()});
}

void VolumeHost::OnAnswers(StorageLink& link, std::vector<quorum::SegmentAnswer> answers) {
  Turn turn(*this);
  if (closed_) return;
  for (auto& answer : answers) {
    LookAt(link.node(), answer);
    Step(turn, quorum::NodeAnswered{link.node(), std::move(answer)});
  }
}

// What reads learn from an answer, before the core does.
void VolumeHost::LookAt(const NodeId& node, const quorum::SegmentAnswer& answer) {
  const auto report = SclOf(answer);
  if (report.has_value() && report->epoch == core_.epoch()) {
    reads_->SetScl(report->pg, node, report->scl);
  }
}

void VolumeHost::StaleRead(const NodeId& node, const quorum::Refused& refused) {
  Turn turn(*this);
  if (!closed_) Step(turn, ReadRefused{node, refused});
}

// ---- time

void VolumeHost::ArmTimer(Instant now) {
  if (closed_) return;
  const Instant next = core_.NextDeadline(now);
  if (next == Instant::Never() || (!armed_.empty() && *armed_.begin() <= next)) return;
  armed_.insert(next);
  nodes_->timer->At(next, [weak = weak_from_this(), next] {
    if (const auto host = weak.lock()) host->OnDeadline(next);
  });
}

void VolumeHost::OnDeadline(Instant armed) {
  Turn turn(*this);
  armed_.erase(armed);
  if (!closed_) Step(turn, VolumeTick{});
}

void VolumeHost::WakeBlocked(Turn& turn) {
  for (auto& event : blocked_) turn.SetLater(std::move(event));
  blocked_.clear();
}

void VolumeHost::FinishCommits(std::vector<CommitQueue::Waiter> waiters,
                               const absl::Status& status) {
  if (waiters.empty()) return;
  callbacks_.Push([waiters = std::move(waiters), status] {
    for (const CommitQueue::Waiter& waiter : waiters) waiter.done(status);
  });
}

// ---- effects

void VolumeHost::On(Turn& turn, quorum::Send& send) {
  const auto link = links_.find(send.node);
  if (link == links_.end()) return;  // not in the topology: the same as a node that is down
  CountBoxcar(send.request);
  link->second->Enqueue(std::move(send.request));
  turn.FlushLater(link->second.get());
}

// A boxcar goes to six nodes, one after the other: it counts when its bytes are met first.
void VolumeHost::CountBoxcar(const quorum::SegmentRequest& request) {
  const auto* append = std::get_if<quorum::Append>(&request);
  if (append == nullptr || append->boxcar.empty()) return;
  const char* bytes = append->boxcar.view().data();
  if (bytes == last_boxcar_) return;
  last_boxcar_ = bytes;
  statistics_.boxcar_bytes.Add(append->boxcar.size());
}

void VolumeHost::On(Turn&, const quorum::MtrIssued& issued) { issued_ = issued; }

void VolumeHost::On(Turn&, const quorum::MtrBlocked& blocked) { refused_ = blocked; }

void VolumeHost::On(Turn& turn, const quorum::VdlMoved& moved) {
  receipts_.Durable(moved.vdl, turn.now());
  cache_->VdlMoved(moved.vdl);
  if (!cache_->has_truncates()) return;
  Lsn read_from = moved.vdl;
  for (const auto& [page, fetch] : fetches_) read_from = std::min(read_from, fetch.read_at);
  cache_->ForgetTruncatesUpTo(read_from);
}

void VolumeHost::On(Turn&, const quorum::Grown& grown) {
  reads_->SetGeometry(grown.manifest);
  cache_->Grown(grown.manifest.FirstPageOf(grown.manifest.pgs.size() - 1));
}

void VolumeHost::On(Turn& turn, const quorum::AckTimed& acked) {
  receipts_.Acked(acked.pg, acked.node, acked.up_to, turn.now());
  if (acked.rank < 1 || acked.rank > static_cast<int>(statistics_.ack_us.size())) return;
  const auto micros = static_cast<uint64_t>(std::max<int64_t>(acked.after.micros(), 0));
  statistics_.ack_us[static_cast<size_t>(acked.rank - 1)].Add(micros);
  if (acked.rank == 4) ++statistics_.fourth_ack[acked.node.value()];
}

void VolumeHost::On(Turn&, const TenureBegan&) {}  // ReadsRestart says what matters here

void VolumeHost::On(Turn& turn, const ReadsRestart& restart) {
  DropFetches(turn);
  if (cache_ == nullptr || !restart.keep_cache) {
    ++cache_serial_;
    cache_ = std::make_unique<PageCache>(entry_.page_size, options_.cache_bytes, restart.vdl);
  }
  if (restart.scls.empty()) return;
  reads_->SetEpoch(restart.epoch, restart.sealed, core_.manifest());
  TellScls(*reads_, core_.manifest(), restart.scls);
}

void VolumeHost::On(Turn& turn, CommitsEnded& ended) {
  for (const CommitQueue::Waiter& waiter : ended.waiters) {
    if (!ended.status.ok() || waiter.since == turn.now()) continue;
    statistics_.commit_us.Add(static_cast<uint64_t>((turn.now() - waiter.since).micros()));
  }
  FinishCommits(std::move(ended.waiters), ended.status);
}

void VolumeHost::On(Turn& turn, const OpenEnded& ended) {
  open_status_ = ended.status;
  turn.SetLater(open_event_);
}

void VolumeHost::On(Turn&, const OpeningGaveUp&) {}  // reason() says it

void VolumeHost::On(Turn& turn, const BacktrackEnded& ended) {
  if (backtrack_wait_ == nullptr) return;
  backtrack_wait_->ended = ended;
  turn.SetLater(std::exchange(backtrack_wait_, nullptr)->event);
}

void VolumeHost::On(Turn& turn, const Located& located) {
  if (locate_wait_ == nullptr) return;
  locate_wait_->around = located.around;
  turn.SetLater(std::exchange(locate_wait_, nullptr)->event);
}

void VolumeHost::On(Turn& turn, const Changed&) { WakeBlocked(turn); }

void VolumeHost::On(Turn& turn, const BecameFenced&) {
  DropFetches(turn);
  for (const auto& [id, link] : links_) {
    turn.RunLater([link = link] { link->Stop([] {}); });  // Clang 14 wants it named
  }
}

}  // namespace hexad::compute

// Driving the cores: inputs, effects, deadlines.
#include "compute/host/volume_host.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "compute/host/volume_turn.h"
#include "quorum/base/check.h"

namespace hexad::compute {

using backtrack::OpenMode;

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

}  // namespace

VolumeHost::VolumeHost(std::shared_ptr<const ClusterNodes> nodes, VolumeEntry entry,
                       OpenOptions options)
    : nodes_(std::move(nodes)),
      entry_(std::move(entry)),
      options_(std::move(options)),
      reads_(std::make_shared<PageReads>(nodes_)),
      redo_(entry_.page_size, entry_.pages_per_pg) {}

VolumeHost::~VolumeHost() = default;

// ---- inputs

void VolumeHost::Feed(Turn& turn, const quorum::WriterInput& input) {
  INVARIANT(writer_ != nullptr);
  std::vector<quorum::WriterEffect> effects;
  writer_->Step(input, turn.now(), effects);
  for (auto& effect : effects) {
    std::visit([&](auto& e) { On(turn, e); }, effect);
  }
}

void VolumeHost::Feed(Turn& turn, const backtrack::OpeningInput& input) {
  INVARIANT(opening_ != nullptr);
  std::vector<backtrack::OpeningEffect> effects;
  opening_->Step(input, turn.now(), effects);
  for (auto& effect : effects) {
    std::visit([&](auto& e) { On(turn, e); }, effect);
  }
}

template <class Input>
void VolumeHost::FeedEither(Turn& turn, const Input& input) {
  if (phase_ == Phase::kClosed) return;
  if (opening_ != nullptr) {
    Feed(turn, backtrack::OpeningInput(input));
  } else if (writer_ != nullptr) {
    Feed(turn, quorum::WriterInput(input));
  }
}

void VolumeHost::OnLinkUp(StorageLink& link, Incarnation incarnation) {
  Turn turn(*this);
  if (phase_ == Phase::kClosed || phase_ == Phase::kFenced) return;
  link.Accept();
  connected_[link.node()] = incarnation;
  reads_->SetUp(link.node(), true);
  FeedEither(turn, quorum::NodeUp{link.node(), incarnation});
}

void VolumeHost::OnLinkDown(StorageLink& link) {
  Turn turn(*this);
  if (connected_.erase(link.node()) == 0) return;
  reads_->SetUp(link.node(), false);
  FeedEither(turn, quorum::NodeDown{link.node()});
}

void VolumeHost::OnAnswers(StorageLink& link, std::vector<quorum::SegmentAnswer> answers) {
  Turn turn(*this);
  for (auto& answer : answers) {
    LookAt(turn, link.node(), answer);
    FeedEither(turn, quorum::NodeAnswered{link.node(), std::move(answer)});
  }
}

// What the host itself learns from an answer, before the core does.
void VolumeHost::LookAt(Turn& turn, const NodeId& node, const quorum::SegmentAnswer& answer) {
  const auto report = SclOf(answer);
  if (report.has_value() && report->epoch == epoch_) {
    reads_->SetScl(report->pg, node, report->scl);
  }
  // Somebody else opens the volume that we could open for reading only. If it writes we are fenced;
  // to find out, do not outnumber it: look whether it is heard.
  const auto* refused = std::get_if<quorum::Refused>(&answer);
  if (refused == nullptr || refused->reason != quorum::RefusalReason::kStaleEpoch) return;
  if (phase_ != Phase::kReadOnly || mode_ != OpenMode::kOperator || opening_ == nullptr) return;
  mode_ = OpenMode::kAutomatic;
  StartOpening(turn);
}

void VolumeHost::StaleRead(const NodeId& node, const quorum::Refused& refused) {
  Turn turn(*this);
  if (writer_ != nullptr && refused.from.epoch == epoch_ && phase_ != Phase::kClosed) {
    Feed(turn, quorum::WriterInput(quorum::NodeAnswered{node, refused}));
  }
}

// ---- time

void VolumeHost::ArmTimer(Instant now) {
  if (phase_ == Phase::kClosed) return;
  Instant next = std::min(commits_.NextDeadline(), quorums_.NextDeadline(now));
  if (opening_ != nullptr) next = std::min(next, opening_->NextDeadline());
  if (writer_ != nullptr) next = std::min(next, writer_->NextDeadline());
  if (succeed_at_.has_value()) next = std::min(next, *succeed_at_);
  if (next == Instant::Never() || (!armed_.empty() && *armed_.begin() <= next)) return;
  armed_.insert(next);
  nodes_->timer->At(next, [weak = weak_from_this(), next] {
    if (const auto host = weak.lock()) host->OnDeadline(next);
  });
}

void VolumeHost::OnDeadline(Instant armed) {
  Turn turn(*this);
  armed_.erase(armed);
  if (phase_ == Phase::kClosed) return;
  if (opening_ != nullptr && opening_->NextDeadline() <= turn.now()) {
    Feed(turn, backtrack::OpeningInput(backtrack::OpeningTick{}));
  }
  if (writer_ != nullptr && writer_->NextDeadline() <= turn.now()) {
    Feed(turn, quorum::WriterInput(quorum::WriterTick{}));
  }
  std::vector<CommitQueue::Waiter> expired;
  commits_.Expire(turn.now(), expired);
  FinishCommits(std::move(expired),
                MakeUserError(UserError::kCommitUnknown,
                              absl::StrCat(Where(), ": no write quorum confirmed it within ",
                                           options_.commit_timeout.millis(), " ms")));
  if (quorums_.ReadOnlyReason(turn.now()).has_value()) WakeBlocked(turn);
  if (succeed_at_.has_value() && *succeed_at_ <= turn.now()) {
    succeed_at_.reset();
    if (phase_ == Phase::kDraining) return GiveUpDraining(turn);
    if (phase_ == Phase::kWriting) phase_ = Phase::kDraining;
    Succeed(turn);
  }
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

// ---- the writer's effects

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
  INVARIANT(moved.vdl >= vdl_);
  vdl_ = moved.vdl;
  cache_->VdlMoved(vdl_);
  if (cache_->has_truncates()) {
    Lsn read_from = vdl_;
    for (const auto& [page, fetch] : fetches_) read_from = std::min(read_from, fetch.read_at);
    cache_->ForgetTruncatesUpTo(read_from);
  }
  std::vector<CommitQueue::Waiter> durable;
  commits_.VdlMoved(vdl_, durable);
  for (const auto& waiter : durable) {
    statistics_.commit_us.Add(static_cast<uint64_t>((turn.now() - waiter.since).micros()));
  }
  FinishCommits(std::move(durable), absl::OkStatus());
  WakeBlocked(turn);
  if (phase_ == Phase::kDraining) Succeed(turn);
}

void VolumeHost::On(Turn& turn, const quorum::Grown& grown) {
  manifest_ = grown.manifest;
  growing_ = false;
  quorums_.Expect(manifest_.pgs.back(), turn.now());
  reads_->SetGeometry(manifest_);
  if (cache_ != nullptr) cache_->Grown(manifest_.FirstPageOf(manifest_.pgs.size() - 1));
  WakeBlocked(turn);
  GrowTowards(turn, growth_target_);
}

void VolumeHost::On(Turn&, const quorum::Retained& retained) { manifest_ = retained.manifest; }

void VolumeHost::On(Turn& turn, const quorum::WriteQuorumChanged& changed) {
  quorums_.Changed(changed, turn.now());
  if (changed.ok) WakeBlocked(turn);
}

// While a write quorum still accepts, the one who promised may have died half-way. If it did not,
// it fences us within the grace; if it did, only a higher epoch gets its promises out of the way.
void VolumeHost::On(Turn& turn, const quorum::Outbid& outbid) {
  if (succeed_at_.has_value() || phase_ != Phase::kWriting) return;
  reason_ = absl::StrCat("some segment promised epoch ", outbid.by.number, " to another writer");
  succeed_at_ = turn.now() + kOutbidGrace;
}

void VolumeHost::On(Turn& turn, const quorum::Fenced& fenced) {
  BecomeFenced(turn, absl::StrCat(Where(), " was taken by another writer with epoch ",
                                  fenced.by.number, ".", absl::Hex(fenced.by.claimant)));
}

void VolumeHost::On(Turn&, const quorum::AckTimed& acked) {
  if (acked.rank < 1 || acked.rank > static_cast<int>(statistics_.ack_us.size())) return;
  const auto micros = static_cast<uint64_t>(std::max<int64_t>(acked.after.micros(), 0));
  statistics_.ack_us[static_cast<size_t>(acked.rank - 1)].Add(micros);
  if (acked.rank == 4) ++statistics_.fourth_ack[acked.node.value()];
}

}  // namespace hexad::compute

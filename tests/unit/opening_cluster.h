// Six real node cores whose disks are always ready, and openings driven by hand: every answer is
// delivered in the order in which it was made, and a test may put itself between the two.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "backtrack/opening.h"
#include "quorum/boxcar.h"
#include "storage-node/core/chain_index.h"
#include "storage-node/core/node_core.h"
#include "storage-node/core/timeline_log.h"

namespace hexad::backtrack {

constexpr uint64_t kLal = 1000;

class OpeningCluster {
 public:
  using Answers = std::vector<quorum::SegmentAnswer>;
  // Sees each request of an opening; what it returns is answered instead.
  using Between = std::function<std::optional<Answers>(const quorum::Send&)>;

  // `without`: node indices (1 to 6) at which the first PG is not created.
  explicit OpeningCluster(const std::vector<int>& without = {}) {
    named.timeline = TimelineId(0xA);
    named.name = "v";
    named.pages_per_pg = 4;
    for (int i = 0; i < 6; ++i) {
      roster.push_back({N(i + 1), AzId(std::string(1, static_cast<char>('a' + i / 2))),
                        Incarnation(100 + static_cast<uint64_t>(i))});
    }
    named.pgs.push_back(Pg(0));
    for (const auto& node : roster) {
      storage_node::NodeOptions options;
      options.node = node.node;
      options.az = node.az;
      options.incarnation = node.incarnation;
      nodes_[node.node] = std::make_unique<storage_node::NodeCore>(options);
      EXPECT_TRUE(nodes_[node.node]->LogsToLoad().ok());
      Step(node.node, storage_node::FormAsked{storage_node::CallId(1), ClusterId(7), roster});
    }
    for (int i = 1; i <= 6; ++i) {
      if (std::find(without.begin(), without.end(), i) == without.end()) Create(0, i);
    }
  }

  static NodeId N(int i) { return NodeId("n" + std::to_string(i)); }
  quorum::Membership Pg(uint32_t index) const {
    quorum::Membership pg{quorum::MakePgId(named.timeline, index), MembershipEpoch(1), 4, {}};
    for (const auto& node : roster) pg.members.push_back({node.node, node.az, node.incarnation});
    return pg;
  }
  quorum::Envelope To(uint32_t pg, EpochId epoch) const {
    return {named.timeline, quorum::MakePgId(named.timeline, pg), epoch, MembershipEpoch(1)};
  }
  void Create(uint32_t pg, int node) {
    Ask(node, quorum::CreateSegment{To(pg, EpochId::Root()), Pg(pg), named.page_size,
                                    named.FirstPageOf(pg), named.pages_per_pg});
  }

  Answers Ask(const NodeId& node, quorum::SegmentRequest request) {
    replies_[node].clear();
    Step(node, storage_node::RequestReceived{storage_node::ConnId(1), std::move(request)});
    return std::exchange(replies_[node], {});
  }
  Answers Ask(int node, quorum::SegmentRequest request) { return Ask(N(node), std::move(request)); }

  // One boxcar of one record, to some nodes; what each acked.
  quorum::Boxcar Box(uint32_t pg, EpochId epoch, Lsn lsn, Lsn volume_prev, Lsn pg_prev) const {
    quorum::BoxcarBuilder builder(named.timeline, quorum::MakePgId(named.timeline, pg), epoch);
    quorum::RecordView record;
    record.lsn = lsn;
    record.volume_prev = volume_prev;
    record.pg_prev = pg_prev;
    record.page = PageNo(4 * pg + 1);
    record.epoch_number = epoch.number;
    record.kind = quorum::RecordKind::kNop;
    record.flags = 3;
    record.commit_time = CommitTime(static_cast<int64_t>(10 * lsn.value()));
    builder.Add(record);
    return builder.Seal(Lsn(), Lsn());
  }
  // `vdl` is what the writer tells with it.
  int Append(const std::vector<int>& to, const quorum::Boxcar& box, Lsn vdl = Lsn()) {
    int acked = 0;
    for (const int node : to) {
      const auto& header = box.header;
      const quorum::Envelope envelope{header.timeline, header.pg, header.epoch, MembershipEpoch(1)};
      for (const auto& answer : Ask(node, quorum::Append{envelope, vdl, vdl, box.bytes})) {
        const auto* ack = std::get_if<quorum::Ack>(&answer);
        acked += ack != nullptr && ack->scl == header.last_lsn;
      }
    }
    return acked;
  }

  void Step(const NodeId& node, const storage_node::NodeInput& in) {
    using namespace storage_node;  // NOLINT(google-build-using-namespace): the effects' names
    std::vector<NodeEffect> out;
    nodes_[node]->Step(in, now, out);
    for (auto& effect : out) {
      if (auto* persist = std::get_if<Persist>(&effect)) {
        for (auto& op : persist->batch.ops) {
          if (auto* put = std::get_if<PutBoxcar>(&op)) disk[node].push_back(put->bytes);
        }
        Step(node, Persisted{persist->ticket});
      } else if (auto* reply = std::get_if<Reply>(&effect)) {
        replies_[node].push_back(std::move(reply->answer));
      } else if (auto* gossip = std::get_if<ServeGossip>(&effect)) {
        quorum::GossipFill fill;
        fill.from = gossip->plan.envelope;
        fill.begun = gossip->plan.path;
        fill.scl = gossip->plan.scl;
        fill.vdl_heard = gossip->plan.vdl_heard;
        fill.boxcars = disk[node];
        gossiped[node] = fill;
      } else if (auto* fetch = std::get_if<ServeFetch>(&effect)) {
        replies_[node].push_back(Part(node, fetch->plan));
      } else if (auto* find = std::get_if<ServeFind>(&effect)) {
        const auto found = FindInChain(find->plan, [](Lsn) { return std::nullopt; });
        ASSERT_TRUE(found.ok());  // nothing is coalesced here
        replies_[node].push_back(*found);
      }
    }
  }

  OpeningOptions Options(uint64_t claimant) const {
    OpeningOptions options;
    options.named = named;
    options.claimant = claimant;
    options.seed = claimant;
    options.lal = kLal;
    return options;
  }

  Instant now{1};
  std::vector<quorum::RosterNode> roster;
  quorum::Manifest named;
  std::map<NodeId, std::vector<BytesRef>> disk;  // boxcars, in the order of their coming
  std::map<NodeId, std::optional<quorum::GossipFill>> gossiped;

 private:
  quorum::LogPart Part(const NodeId& node, const storage_node::LogPlan& plan) {
    quorum::LogPart part;
    part.from = plan.envelope;
    for (const BytesRef& bytes : disk[node]) {
      const auto box = quorum::DecodeBoxcar(bytes);
      EXPECT_TRUE(box.ok());
      if (box->header.pg != plan.envelope.pg || box->header.first_lsn > plan.up_to) continue;
      const auto run = storage_node::VisibleIn(*box, plan.path.path);
      if (run.has_value() && run->last > plan.after) part.boxcars.push_back(bytes);
    }
    return part;
  }

  std::map<NodeId, std::unique_ptr<storage_node::NodeCore>> nodes_;
  std::map<NodeId, Answers> replies_;
};

// One opening against the cluster. Time moves only when nothing else is left to do, and then to the
// opening's own deadline: a deadline that lies in the past would stand still.
class OpeningDrive {
 public:
  OpeningDrive(OpeningCluster& cluster, OpeningOptions options)
      : cluster_(cluster), opening_(std::move(options)) {
    Step(OpeningStart{});
  }

  OpeningDrive& Up(const std::vector<int>& nodes) {
    for (const int node : nodes) {
      const auto& entry = cluster_.roster[static_cast<size_t>(node - 1)];
      Step(quorum::NodeUp{entry.node, entry.incarnation});
    }
    return *this;
  }
  void Down(int node) {
    std::erase_if(waiting_, [&](const auto& a) { return a.node == OpeningCluster::N(node); });
    Step(quorum::NodeDown{OpeningCluster::N(node)});
  }
  OpeningDrive& Through(OpeningCluster::Between between) {
    between_ = std::move(between);
    return *this;
  }

  bool Ended() const { return opened.has_value() || failed.has_value(); }
  // Until it has opened or failed, `until` holds, or the clock passes `longest`. How many requests
  // that took.
  int Run(const std::function<bool()>& until = nullptr, Duration longest = Duration::Seconds(60)) {
    const Instant end = cluster_.now + longest;
    const int before = requests;
    for (int i = 0; i < 20000 && !Ended() && cluster_.now < end; ++i) {
      if (until != nullptr && until()) break;
      if (!waiting_.empty()) {
        auto next = std::move(waiting_.front());
        waiting_.pop_front();
        Step(std::move(next));
        continue;
      }
      const Instant deadline = opening_.NextDeadline();
      if (deadline == Instant::Never()) break;
      cluster_.now = std::max(cluster_.now, deadline);
      Tick();
    }
    return requests - before;
  }
  void Tick() {
    Step(OpeningTick{});
    EXPECT_GT(opening_.NextDeadline(), cluster_.now) << opening_.Describe();
  }
  void Answer(int node, quorum::SegmentAnswer answer) {
    Step(quorum::NodeAnswered{OpeningCluster::N(node), std::move(answer)});
  }
  const Opening& opening() const { return opening_; }

  std::optional<Opened> opened;
  std::optional<OpenedReadOnly> read_only;
  std::optional<absl::Status> failed;
  int requests = 0;
  std::vector<quorum::Send> sent;

 private:
  void Step(OpeningInput in) {
    std::vector<OpeningEffect> out;
    opening_.Step(in, cluster_.now, out);
    opening_.CheckInvariants();
    for (auto& effect : out) {
      if (auto* send = std::get_if<quorum::Send>(&effect)) {
        ++requests;
        sent.push_back(*send);
        auto answers = between_ ? between_(*send) : std::nullopt;
        if (!answers.has_value()) answers = cluster_.Ask(send->node, send->request);
        for (auto& answer : *answers) waiting_.push_back({send->node, std::move(answer)});
      } else if (auto* done = std::get_if<Opened>(&effect)) {
        opened = std::move(*done);
      } else if (auto* reading = std::get_if<OpenedReadOnly>(&effect)) {
        read_only = std::move(*reading);
      } else if (auto* end = std::get_if<OpeningFailed>(&effect)) {
        failed = std::move(end->status);
      }
    }
  }

  OpeningCluster& cluster_;
  Opening opening_;
  std::deque<quorum::NodeAnswered> waiting_;
  OpeningCluster::Between between_;
};

// Opens with these nodes up; fails the test if it does not.
inline Opened OpenWith(OpeningCluster& cluster, uint64_t claimant, const std::vector<int>& up) {
  OpeningDrive drive(cluster, cluster.Options(claimant));
  drive.Up(up).Run();
  EXPECT_TRUE(drive.opened.has_value())
      << (drive.failed.has_value() ? drive.failed->ToString() : drive.opening().Describe());
  return drive.opened.has_value() ? *drive.opened : Opened{};
}

}  // namespace hexad::backtrack

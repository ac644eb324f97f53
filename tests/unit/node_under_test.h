// One storage node in a test: its core, and a disk in memory that does at once what it is told.
// A test that cares about the order of things uses Step and carries the effects out itself.
#pragma once

#include <climits>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "quorum/boxcar.h"
#include "storage-node/core/node_core.h"
#include "storage-node/core/page_builder.h"
#include "storage-node/core/segment_state.h"
#include "storage-node/io/memory_segment_store.h"
#include "storage-node/io/plan_runner.h"

namespace hexad::storage_node {

inline constexpr uint32_t kTestPageSize = 4096;
inline constexpr ConnId kConn{1};

// A history of one timeline in one PG, as the tests write it: e1 from LSN 1, and so on.
inline EpochId Epoch(uint32_t number) { return EpochId{number, number}; }

// Takes so many writes and no more.
struct StoreOfATest : MemorySegmentStore {
  int writes_left = INT_MAX;
  absl::Status Write(const std::vector<const StoreBatch*>& batches,
                     Durability durability) override {
    if (writes_left-- <= 0) return absl::UnavailableError("the test ends here");
    return MemorySegmentStore::Write(batches, durability);
  }
};

struct NodeUnderTest {
  TimelineId timeline{0xA};
  PgId pg = quorum::MakePgId(timeline, 0);
  ClusterId cluster{7};
  std::vector<quorum::RosterNode> roster;
  NodeOptions options;
  StoreOfATest store;
  std::unique_ptr<NodeCore> core;
  Instant now;
  std::vector<Coalesce> coalesces;  // asked for by Do(), not carried out
  std::vector<AskPeer> asks;        // the same

  NodeUnderTest() {
    for (int i = 0; i < 6; ++i) {
      roster.push_back({NodeId("n" + std::to_string(i + 1)), AzId(std::string(1, 'a' + i / 2)),
                        Incarnation(100 + i)});
    }
    options.node = roster[0].node;
    options.az = roster[0].az;
    options.incarnation = roster[0].incarnation;
    options.coalesce_at_bytes = 100;
    options.scrub_pages = 0;
    EXPECT_TRUE(Start().ok());
  }

  // Starts the node on what its disk holds, as the host does.
  absl::Status Start() {
    core = std::make_unique<NodeCore>(options);
    absl::Status loaded;
    auto status = store.ScanMeta("", [&](std::string_view key, std::string_view value) {
      if (loaded.ok()) loaded = core->LoadMeta(key, value);
    });
    if (!status.ok()) return status;
    if (!loaded.ok()) return loaded;
    const auto logs = core->LogsToLoad();
    if (!logs.ok()) return logs.status();
    for (const auto& log : *logs) {
      const auto floor = store.FloorBoxcar(log.pg, log.timeline, log.from);
      const Lsn from = floor.ok() && !floor->IsNone() ? *floor : log.from;
      status = store.ScanLog(log.pg, log.timeline, from, [&](Lsn first, BytesRef bytes) {
        (void)core->LoadBoxcar(log.pg, log.timeline, first, std::move(bytes));
        return true;
      });
      if (!status.ok()) core->LoseLog(log.pg, log.timeline);
    }
    core->CheckInvariants();
    return absl::OkStatus();
  }

  std::vector<NodeEffect> Step(const NodeInput& in) {
    std::vector<NodeEffect> out;
    core->Step(in, now, out);
    core->CheckInvariants();
    return out;
  }
  // Steps, writes what is asked for, and tells the core: the effects that a host would send on.
  std::vector<NodeEffect> Do(const NodeInput& in) { return CarryOut(Step(in)); }
  std::vector<NodeEffect> CarryOut(std::vector<NodeEffect> effects) {
    std::vector<NodeEffect> sent;
    for (NodeEffect& effect : effects) {
      if (auto* persist = std::get_if<Persist>(&effect)) {
        const auto status = store.Write({&persist->batch}, Durability::kSynced);
        auto next =
            status.ok() ? Do(Persisted{persist->ticket}) : Do(NotPersisted{persist->ticket});
        for (NodeEffect& e : next) sent.push_back(std::move(e));
      } else if (auto* coalesce = std::get_if<Coalesce>(&effect)) {
        coalesces.push_back(std::move(*coalesce));
      } else if (auto* ask = std::get_if<AskPeer>(&effect)) {
        asks.push_back(std::move(*ask));
      } else {
        sent.push_back(std::move(effect));
      }
    }
    return sent;
  }
  // The one answer to a request; a request with more or fewer fails the test.
  quorum::SegmentAnswer Ask(quorum::SegmentRequest request) {
    const auto sent = Do(RequestReceived{kConn, std::move(request)});
    EXPECT_EQ(sent.size(), 1u);
    if (sent.size() != 1 || !std::holds_alternative<Reply>(sent[0])) return quorum::Refused{};
    return std::get<Reply>(sent[0]).answer;
  }
  void Tick(Duration after = Duration::Seconds(2)) {
    now = now + after;
    Do(storage_node::Tick{});
  }

  // --- what is said
  // --------------------------------------------------------------------------------
  quorum::Envelope To(EpochId epoch) const { return {timeline, pg, epoch, MembershipEpoch(1)}; }
  quorum::Membership Members() const {
    quorum::Membership members{pg, MembershipEpoch(1), 4, {}};
    for (const auto& node : roster)
      members.members.push_back({node.node, node.az, node.incarnation});
    return members;
  }
  quorum::CreateSegment Create(uint32_t pages = 16) const {
    quorum::CreateSegment create;
    create.to = To(EpochId::Root());
    create.membership = Members();
    create.page_size = kTestPageSize;
    create.page_count = pages;
    return create;
  }
  quorum::PgPath Root() const { return quorum::PgPath::Root(timeline); }
  // The history that every test starts with: epoch 1 from LSN 1 on.
  quorum::PgPath First() const { return Root().Fork(Epoch(1), Lsn(), Lsn(1), Lsn()); }
  quorum::Begin BeginOf(const quorum::PgPath& path) const {
    return {To(path.path.epoch()), path, std::nullopt};
  }
  quorum::Append Append(const quorum::Boxcar& boxcar, Lsn vdl = Lsn(), Lsn pgmrpl = Lsn()) const {
    return {To(boxcar.header.epoch), vdl, pgmrpl, boxcar.bytes};
  }
  quorum::Append Tell(EpochId epoch, Lsn vdl, Lsn pgmrpl = Lsn()) const {
    return {To(epoch), vdl, pgmrpl, {}};
  }

  void Form() { Do(FormAsked{CallId(1), cluster, roster}); }
  // A segment of the first epoch, ready for appends.
  void Open() {
    Form();
    Ask(Create());
    Ask(BeginOf(First()));
  }

  // --- boxcars
  // ------------------------------------------------------------------------------------- `count`
  // records of one page from `first` on, each its own MTR, the chain attached at `pg_prev`.
  quorum::Boxcar Box(EpochId epoch, Lsn first, int count, Lsn pg_prev, PageNo page = PageNo(1)) {
    quorum::BoxcarBuilder builder(timeline, pg, epoch);
    Lsn prev = pg_prev;
    for (Lsn lsn = first; lsn < first.Plus(count); lsn = lsn.Next()) {
      quorum::RecordView record;
      record.lsn = lsn;
      record.volume_prev = prev;
      record.pg_prev = prev;
      record.page_prev = page_tail[page];
      record.page = page;
      record.epoch_number = epoch.number;
      record.kind = quorum::RecordKind::kDelta;
      record.flags = quorum::RecordFlags::kAll;
      record.commit_time = CommitTime(1);
      std::string payload;
      const std::string text = absl::StrCat("lsn ", lsn.value());
      quorum::AppendDeltaRange(0, text, payload);
      record.payload = payload;
      builder.Add(record);
      prev = page_tail[page] = lsn;
    }
    return builder.Seal(Lsn(), Lsn());
  }
  std::map<PageNo, Lsn> page_tail;

  // --- background --------------------------------------------------------------------------------

  // Carries out the coalescing that is due, all of it, or only its first `writes` writes.
  void RunCoalesce(int writes = INT_MAX) {
    ASSERT_FALSE(coalesces.empty());
    const Coalesce job = std::move(coalesces.front());
    coalesces.erase(coalesces.begin());
    store.writes_left = writes;
    const auto run = storage_node::RunCoalesce(store, job.plan, /*write_bytes=*/1);
    store.writes_left = INT_MAX;
    if (run.ok()) Do(Coalesced{job.ticket, absl::OkStatus()});
  }
  // A page read as the host serves it.
  quorum::ReadPage ReadOf(EpochId epoch, PageNo page, Lsn read_point, Lsn complete_to) const {
    return {To(epoch), page, read_point, complete_to};
  }
  absl::StatusOr<quorum::PageRead> Read(const quorum::ReadPage& read) {
    const auto sent = Do(ReadAsked{CallId(9), read});
    if (sent.size() == 1 && std::holds_alternative<ServeRead>(sent[0])) {
      return Serve(std::get<ServeRead>(sent[0]).plan);
    }
    return absl::OutOfRangeError(std::get<CallRefused>(sent.at(0)).refused.message);
  }
  absl::StatusOr<quorum::PageRead> Serve(const ReadPlan& plan) {
    const auto versions = store.ReadVersions(plan.envelope.pg, plan.page, plan.visible);
    if (!versions.ok()) return versions.status();
    if (!core->MayServe(plan)) return absl::OutOfRangeError("merged away meanwhile");
    return BuildPage(plan, *versions);
  }
};

// The refusal's reason, or nothing if it is none.
inline std::optional<quorum::RefusalReason> Reason(const quorum::SegmentAnswer& answer) {
  const auto* refused = std::get_if<quorum::Refused>(&answer);
  return refused == nullptr ? std::nullopt : std::optional(refused->reason);
}

}  // namespace hexad::storage_node

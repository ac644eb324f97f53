// A clone on one storage node, made of a parent that has written a little: the fixture of its
// tests.
#pragma once

#include <gmock/gmock.h>

#include <algorithm>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <utility>

#include "tests/unit/node_under_test.h"

namespace hexad::storage_node {

using quorum::Begun;
using quorum::Created;
using quorum::PgPath;
using quorum::RefusalReason;

inline const TimelineId kClone{0xB};
inline const TimelineId kSecond{0xC};
inline const PageNo kPage{1};
inline const PageNo kQuiet{2};

// The parent has written 1..6 to a page, each "lsn N", and 7 to another one; VDL is 7.
class CloneOnANode : public ::testing::Test {
 protected:
  CloneOnANode() {
    node.options.coalesce_at_bytes = 1 << 20;
    EXPECT_TRUE(node.Start().ok());
    node.Open();
    Write(node.First(), Lsn(1), 6, Lsn());
    node.page_tail[kQuiet] = Lsn();
    Write(node.First(), Lsn(7), 1, Lsn(6), kQuiet);
  }

  // Records of one timeline: Box() writes for node.timeline.
  void Write(const PgPath& history, Lsn first, int count, Lsn pg_prev, PageNo page = kPage) {
    const TimelineId before = std::exchange(node.timeline, history.path.timeline());
    const auto box = node.Box(history.path.epoch(), first, count, pg_prev, page);
    const auto answer = node.Ask(node.Append(box, box.header.last_lsn));
    ASSERT_TRUE(std::holds_alternative<quorum::Ack>(answer));
    node.timeline = before;
    Tell(history, box.header.last_lsn);
  }
  // The VDL, and how far nobody reads any more.
  void Tell(const PgPath& history, Lsn vdl, Lsn pgmrpl = Lsn()) {
    const TimelineId before = std::exchange(node.timeline, history.path.timeline());
    node.Ask(node.Tell(history.path.epoch(), vdl, pgmrpl));
    node.timeline = before;
    told[history.path.timeline()] = {history.path.epoch(), vdl, pgmrpl};
  }
  // The page's last record on the timeline that writes next.
  void Follows(PageNo page, Lsn last) { node.page_tail[page] = last; }

  quorum::CreateTimeline Create(const PgPath& root, bool pin = true) {
    quorum::CreateTimeline create{node.To(EpochId::Root()), root, std::nullopt};
    create.to.timeline = root.path.timeline();
    if (pin) {
      create.manifest.emplace();
      create.manifest->timeline = root.path.timeline();
      create.manifest->name = "clone";
      create.manifest->retained_from = quorum::InheritedBy(root).back().end.at;
      create.manifest->pgs.push_back(node.Members());
    }
    return create;
  }
  PgPath Root(Lsn at, TimelineId clone = kClone) { return *node.First().TryClone(clone, {at, at}); }
  // Made, and begun: ready for appends.
  PgPath Open(const PgPath& root) {
    EXPECT_TRUE(std::holds_alternative<Created>(node.Ask(Create(root))));
    const Lsn fork = root.path.fork_lsn();
    const PgPath begun = root.Fork(Epoch(1), fork, fork.Next(), root.fork_tail());
    quorum::Begin begin = node.BeginOf(begun);
    begin.to.timeline = root.path.timeline();
    EXPECT_TRUE(std::holds_alternative<Begun>(node.Ask(begin)));
    return begun;
  }
  std::string Read(TimelineId timeline, Lsn read_point, PageNo page = kPage) {
    quorum::ReadPage read = node.ReadOf(Epoch(1), page, read_point, Lsn());
    read.to.timeline = timeline;
    const auto served = node.Read(read);
    if (!served.ok()) return std::string(served.status().message());
    const std::string_view bytes = served->page.view();
    return std::string(bytes.substr(0, bytes.find('\0')));
  }
  void Restart(size_t coalesce_at_bytes = 1 << 20) {
    node.options.coalesce_at_bytes = coalesce_at_bytes;
    node.coalesces.clear();
    ASSERT_TRUE(node.Start().ok());
    for (const auto& [timeline, said] : told) {
      const TimelineId before = std::exchange(node.timeline, timeline);
      node.Ask(node.Tell(said.epoch, said.vdl, said.pgmrpl));
      node.timeline = before;
    }
  }
  // Coalesces every log of at least so many bytes; which ones.
  std::set<TimelineId> Coalesce(const std::function<void()>& between = nullptr,
                                size_t at_bytes = 1) {
    std::set<TimelineId> done;
    Restart(at_bytes);
    for (node.Tick(); !node.coalesces.empty(); node.Tick()) {
      done.insert(node.coalesces.front().plan.timeline);
      node.RunCoalesce();
      if (between != nullptr) between();
    }
    Restart();
    return done;
  }
  Lsn FloorOf(TimelineId timeline) {
    for (const auto& d : node.core->Describe(node.now)) {
      if (d.timeline == timeline) return d.gc_floor;
    }
    return Lsn::Max();
  }
  absl::Status Drop(TimelineId timeline) {
    const auto sent = node.Do(DropSegmentsAsked{CallId(3), node.cluster, timeline, {node.pg}});
    EXPECT_EQ(sent.size(), 1u);
    return std::get<DropSegmentsDone>(sent.at(0)).status;
  }
  size_t Entries(TimelineId timeline) {
    const auto count = [&](const auto& places) {
      return static_cast<size_t>(std::count_if(
          places.begin(), places.end(), [&](const auto& p) { return p.timeline == timeline; }));
    };
    node.store.Sync();
    return count(node.store.LogPlaces()) + count(node.store.VersionPlaces());
  }

  struct Said {
    EpochId epoch;
    Lsn vdl;
    Lsn pgmrpl;
  };
  std::map<TimelineId, Said> told;
  NodeUnderTest node;
};

}  // namespace hexad::storage_node

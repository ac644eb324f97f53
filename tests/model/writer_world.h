// A volume writer, fake nodes, and the wires between them, which the test holds in its hands: every
// request and every answer waits until the test delivers it, loses it or repeats it.
//
// After every Step the world checks what must always hold:
//   - the writer's own invariants;
//   - every boxcar says exactly what was submitted, linked as it must be (LogTwin);
//   - a boxcar goes only to a segment that has answered Begun on this connection;
//   - VDL is a CPL, never moves back, and everything at or below it is whole on a write quorum.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "tests/model/fake_segment.h"
#include "tests/model/log_twin.h"

namespace hexad::model {

inline constexpr TimelineId kTimeline{0x11};
inline constexpr EpochId kEpoch{3, 0x77};

inline quorum::Membership MembershipOf(uint32_t pg_index, int first_node = 1) {
  quorum::Membership membership;
  membership.pg = quorum::MakePgId(kTimeline, pg_index);
  for (int i = 0; i < 6; ++i) {
    const std::string name = "n" + std::to_string(first_node + i);
    membership.members.push_back(
        {NodeId(name), AzId(std::string(1, static_cast<char>('a' + i / 2))), Incarnation(7)});
  }
  return membership;
}

// A volume whose third epoch begins at 1901, after a history that ended at 900.
inline quorum::WriterStart StartOf(uint32_t pgs, uint32_t pages_per_pg = 10) {
  quorum::WriterStart start;
  start.epoch = kEpoch;
  start.vdl = Lsn(900);
  start.first_lsn = Lsn(1901);
  start.manifest.timeline = kTimeline;
  start.manifest.name = "v";
  start.manifest.pages_per_pg = pages_per_pg;
  for (uint32_t i = 0; i < pgs; ++i) {
    start.manifest.pgs.push_back(MembershipOf(i));
    // PG 0 holds the fork's record itself, the others end a little before it.
    start.pg_paths.push_back(
        quorum::PgPath::Root(kTimeline).Fork(kEpoch, Lsn(900), Lsn(1901), Lsn(900 - 10 * i)));
  }
  return start;
}

class WriterWorld {
 public:
  explicit WriterWorld(quorum::WriterOptions options = {}, uint32_t pgs = 1)
      : WriterWorld(options, StartOf(pgs)) {}
  WriterWorld(quorum::WriterOptions options, quorum::WriterStart start)
      : twin(start), writer(options, start), vdl_(start.vdl) {
    for (size_t i = 0; i < start.manifest.pgs.size(); ++i) {
      AddPg(start.manifest.pgs[i], FakeSegment(start.pg_paths[i].fork_tail()));
    }
  }

  struct Node {
    bool up = false;
    Incarnation incarnation{7};
    std::map<PgId, FakeSegment> segments;
    std::deque<quorum::SegmentRequest> requests;  // on their way to it
    std::deque<quorum::SegmentAnswer> answers;    // on their way back
    std::set<PgId> begun;                         // whose Begun the writer has on this connection
  };

  void AddPg(const quorum::Membership& membership, const FakeSegment& segment) {
    memberships.push_back(membership);
    for (const quorum::Member& member : membership.members) {
      nodes[member.node.value()].segments.emplace(membership.pg, segment);
    }
  }

  // ---- inputs

  std::vector<quorum::WriterEffect> Step(const quorum::WriterInput& input) {
    std::vector<quorum::WriterEffect> effects;
    writer.Step(input, now, effects);
    for (const quorum::WriterEffect& effect : effects) {
      if (const auto* issued = std::get_if<quorum::MtrIssued>(&effect)) {
        twin.Issued(std::get<quorum::SubmitMtr>(input), issued->first_lsn, issued->commit_lsn);
      }
    }
    int vdl_moves = 0;
    for (const quorum::WriterEffect& effect : effects) {
      if (const auto* send = std::get_if<quorum::Send>(&effect)) OnSend(*send);
      if (const auto* moved = std::get_if<quorum::VdlMoved>(&effect)) {
        OnVdl(moved->vdl);
        ++vdl_moves;
      }
    }
    EXPECT_LE(vdl_moves, 1);
    writer.CheckInvariants();
    return effects;
  }

  std::vector<quorum::WriterEffect> Submit(const std::vector<quorum::PageChange>& changes,
                                           uint64_t tag = 1) {
    return Step(quorum::SubmitMtr{tag, changes, CommitTime(5000 + static_cast<int64_t>(tag))});
  }
  // An MTR of one nop per page.
  std::vector<quorum::WriterEffect> Touch(const std::vector<uint32_t>& pages, uint64_t tag = 1) {
    std::vector<quorum::PageChange> changes;
    for (const uint32_t page : pages) {
      changes.push_back({PageNo(page), quorum::RecordKind::kNop, Lsn(), {}});
    }
    return Submit(changes, tag);
  }

  std::vector<quorum::WriterEffect> Up(const std::string& name) {
    Node& node = nodes[name];
    Hangup(node);
    node.up = true;
    return Step(quorum::NodeUp{NodeId(name), node.incarnation});
  }
  std::vector<quorum::WriterEffect> Down(const std::string& name) {
    Node& node = nodes[name];
    Hangup(node);
    node.up = false;
    return Step(quorum::NodeDown{NodeId(name)});
  }
  std::vector<quorum::WriterEffect> Tick(Duration later = Duration()) {
    now = now + later;
    return Step(quorum::WriterTick{});
  }

  // ---- the wires

  // The node handles request `i` of those that wait; its answer waits in turn.
  void Handle(const std::string& name, size_t i = 0, bool keep = false) {
    Node& node = nodes[name];
    ASSERT_LT(i, node.requests.size());
    const quorum::SegmentRequest request = node.requests[i];
    if (!keep) node.requests.erase(node.requests.begin() + static_cast<long>(i));
    const PgId pg = std::visit([](const auto& r) { return r.to.pg; }, request);
    node.answers.push_back(node.segments.at(pg).Handle(request));
  }
  // The writer hears answer `i` of those that wait.
  std::vector<quorum::WriterEffect> Hear(const std::string& name, size_t i = 0, bool keep = false) {
    Node& node = nodes[name];
    EXPECT_LT(i, node.answers.size());
    const quorum::SegmentAnswer answer = node.answers[i];
    if (!keep) node.answers.erase(node.answers.begin() + static_cast<long>(i));
    if (const auto* begun = std::get_if<quorum::Begun>(&answer)) node.begun.insert(begun->from.pg);
    return Step(quorum::NodeAnswered{NodeId(name), answer});
  }
  // Everything of this node, there and back, until nothing moves.
  std::vector<quorum::WriterEffect> Deliver(const std::string& name) {
    std::vector<quorum::WriterEffect> all;
    Node& node = nodes[name];
    while (!node.requests.empty() || !node.answers.empty()) {
      while (!node.requests.empty()) Handle(name);
      while (!node.answers.empty()) {
        for (auto& effect : Hear(name)) all.push_back(std::move(effect));
      }
    }
    return all;
  }
  std::vector<quorum::WriterEffect> DeliverAll() {
    std::vector<quorum::WriterEffect> all;
    for (bool moved = true; moved;) {
      moved = false;
      for (auto& [name, node] : nodes) {
        moved |= !node.requests.empty() || !node.answers.empty();
        for (auto& effect : Deliver(name)) all.push_back(std::move(effect));
      }
    }
    return all;
  }
  void BeginAll() {
    for (auto& [name, node] : nodes) {
      if (!node.up) Up(name);
    }
    DeliverAll();
    // The first heartbeat, which tells the segments that the epoch is in use.
    if (writer.NextDeadline() != Instant::Never()) Tick(writer.NextDeadline() - now);
    DeliverAll();
  }

  FakeSegment& SegmentAt(const std::string& name, size_t pg_index = 0) {
    return nodes[name].segments.at(memberships.at(pg_index).pg);
  }

  LogTwin twin;
  quorum::VolumeWriter writer;
  Instant now{1'000'000'000};
  std::map<std::string, Node> nodes;
  std::vector<quorum::Membership> memberships;  // growing ones included

 private:
  static void Hangup(Node& node) {
    node.requests.clear();
    node.answers.clear();
    node.begun.clear();
  }

  void OnSend(const quorum::Send& send) {
    Node& node = nodes[send.node.value()];
    EXPECT_TRUE(node.up) << send.node << " is down";
    if (const auto* append = std::get_if<quorum::Append>(&send.request)) {
      EXPECT_TRUE(node.begun.contains(append->to.pg)) << send.node << " has not begun";
      if (!append->boxcar.empty()) {
        const auto boxcar = quorum::DecodeBoxcar(append->boxcar);
        ASSERT_TRUE(boxcar.ok()) << boxcar.status();
        EXPECT_LE(boxcar->header.vdl, append->vdl);
        twin.ExpectSame(*boxcar);
      }
    }
    node.requests.push_back(send.request);
  }

  void OnVdl(Lsn vdl) {
    EXPECT_GT(vdl, vdl_);
    EXPECT_TRUE(twin.IsCpl(vdl)) << vdl;
    vdl_ = vdl;
    for (const auto& [pg_index, chain] : twin.chains()) {
      const Lsn tail = twin.TailOf(pg_index, vdl);
      int whole = 0;
      for (const quorum::Member& member : memberships.at(pg_index).members) {
        whole += SegmentAt(member.node.value(), pg_index).scl() >= tail ? 1 : 0;
      }
      EXPECT_GE(whole, static_cast<int>(memberships.at(pg_index).write))
          << "VDL " << vdl << ", but PG " << pg_index << " is whole up to " << tail << " on "
          << whole << " segments";
    }
  }

  Lsn vdl_;
};

// The effects of one kind.
template <class T>
std::vector<T> Of(const std::vector<quorum::WriterEffect>& effects) {
  std::vector<T> found;
  for (const quorum::WriterEffect& effect : effects) {
    if (const auto* one = std::get_if<T>(&effect)) found.push_back(*one);
  }
  return found;
}

// The requests of one kind among the sends, by node.
template <class T>
std::vector<std::pair<std::string, T>> Sent(const std::vector<quorum::WriterEffect>& effects) {
  std::vector<std::pair<std::string, T>> found;
  for (const quorum::Send& send : Of<quorum::Send>(effects)) {
    if (const auto* one = std::get_if<T>(&send.request))
      found.emplace_back(send.node.value(), *one);
  }
  return found;
}

inline const std::vector<std::string> kAllNodes = {"n1", "n2", "n3", "n4", "n5", "n6"};

// Which nodes a boxcar was sent to, in order.
inline std::vector<std::string> BoxcarsTo(const std::vector<quorum::WriterEffect>& effects) {
  std::vector<std::string> to;
  for (const auto& [node, append] : Sent<quorum::Append>(effects)) {
    if (!append.boxcar.empty()) to.push_back(node);
  }
  return to;
}

inline quorum::PgDescription::MemberState StateOf(const WriterWorld& world, size_t member) {
  return world.writer.Describe().at(0).members.at(member);
}

// An MTR of one record of about this size.
inline std::vector<quorum::WriterEffect> SubmitBytes(WriterWorld& world, size_t bytes) {
  const std::string payload(bytes, 'p');
  return world.Submit({{PageNo(1), quorum::RecordKind::kPageImage, Lsn(), payload}});
}

// Loses every request and answer that is under way.
inline void LoseAll(WriterWorld& world) {
  for (auto& [name, node] : world.nodes) {
    node.requests.clear();
    node.answers.clear();
  }
}

}  // namespace hexad::model

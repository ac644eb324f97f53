// The writer against everything that wires and nodes can do short of losing what they fsynced:
// messages lost, late, repeated and out of order, nodes that come and go, full disks, gossip, a
// growth, a contender's promises. WriterWorld checks safety after every step; here a calm phase
// follows the storm, and in it everything that was issued must become durable.
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "quorum/volume_writer.h"
#include "rapidcheck.h"
#include "rapidcheck/gtest.h"
#include "tests/model/writer_world.h"

namespace hexad::quorum {
namespace {

using model::FakeSegment;
using model::kAllNodes;
using model::MembershipOf;
using model::Of;
using model::WriterWorld;

enum class Kind : uint8_t {
  kSubmit,
  kHandle,
  kRepeatRequest,
  kLoseRequest,
  kHear,
  kRepeatAnswer,
  kLoseAnswer,
  kUp,
  kDown,
  kTick,
  kGossip,
  kRefuse,
  kRecover,
  kReadPoint,
  kGrow,
  kPromise,
};

// Two free numbers; what they mean depends on the kind.
struct Action {
  Kind kind;
  uint16_t a;
  uint16_t b;
};

void showValue(const Action& action, std::ostream& out) {
  out << "{" << static_cast<int>(action.kind) << "," << action.a << "," << action.b << "}";
}

rc::Gen<Action> AnyAction() {
  return rc::gen::construct<Action>(rc::gen::weightedElement<Kind>({{12, Kind::kSubmit},
                                                                    {24, Kind::kHandle},
                                                                    {2, Kind::kRepeatRequest},
                                                                    {2, Kind::kLoseRequest},
                                                                    {24, Kind::kHear},
                                                                    {2, Kind::kRepeatAnswer},
                                                                    {2, Kind::kLoseAnswer},
                                                                    {2, Kind::kUp},
                                                                    {1, Kind::kDown},
                                                                    {4, Kind::kTick},
                                                                    {2, Kind::kGossip},
                                                                    {1, Kind::kRefuse},
                                                                    {1, Kind::kRecover},
                                                                    {1, Kind::kReadPoint},
                                                                    {1, Kind::kGrow}}),
                                    rc::gen::inRange<uint16_t>(0, 1000),
                                    rc::gen::inRange<uint16_t>(0, 1000));
}

rc::Gen<WriterOptions> AnyOptions() {
  return rc::gen::apply(
      [](uint64_t lal, size_t target, size_t in_flight, size_t retain, size_t queue) {
        WriterOptions options;
        options.lal = lal;
        options.boxcar_target_bytes = target;
        options.in_flight_limit_bytes = in_flight;
        options.retain_bytes = retain;
        options.member_queue_limit_bytes = queue;
        return options;
      },
      rc::gen::element<uint64_t>(8, 100, kMaxLal),
      rc::gen::element<size_t>(1, 500, size_t{64} << 10),
      rc::gen::element<size_t>(2000, size_t{32} << 20),
      rc::gen::element<size_t>(0, 1500, size_t{32} << 20),
      rc::gen::element<size_t>(0, 700, size_t{16} << 20));
}

class Storm {
 public:
  Storm(const WriterOptions& options, uint32_t pgs) : options_(options), world_(options, pgs) {
    world_.BeginAll();
  }

  void Do(const Action& action) {
    const std::string name = kAllNodes[action.a % kAllNodes.size()];
    WriterWorld::Node& node = world_.nodes[name];
    const size_t request = node.requests.empty() ? 0 : action.b % node.requests.size();
    const size_t answer = node.answers.empty() ? 0 : action.b % node.answers.size();
    switch (action.kind) {
      case Kind::kSubmit:
        return Submit(action);
      case Kind::kHandle:
      case Kind::kRepeatRequest:
        if (!node.requests.empty()) {
          world_.Handle(name, request, action.kind == Kind::kRepeatRequest);
        }
        return;
      case Kind::kLoseRequest:
        if (!node.requests.empty()) {
          node.requests.erase(node.requests.begin() + static_cast<long>(request));
        }
        return;
      case Kind::kHear:
      case Kind::kRepeatAnswer:
        if (!node.answers.empty()) Hear(name, answer, action.kind == Kind::kRepeatAnswer);
        return;
      case Kind::kLoseAnswer:
        if (!node.answers.empty()) {
          node.answers.erase(node.answers.begin() + static_cast<long>(answer));
        }
        return;
      case Kind::kUp:
        world_.Up(name);
        return;
      case Kind::kDown:
        if (node.up) world_.Down(name);
        return;
      case Kind::kTick:
        Note(world_.Tick(Duration::Millis(action.b)));
        return;
      case Kind::kGossip:
        return Gossip(name, kAllNodes[action.b % kAllNodes.size()]);
      case Kind::kRefuse:
        for (auto& [pg, segment] : node.segments) segment.RefuseWith(ReasonOf(action.b));
        return;
      case Kind::kRecover:
        for (auto& [pg, segment] : node.segments) segment.RefuseWith(std::nullopt);
        return;
      case Kind::kReadPoint:
        world_.Step(ReadPointsMoved{action.b % 2 == 0 ? Lsn() : Lsn(1900 + action.b)});
        return;
      case Kind::kGrow:
        return Grow();
      case Kind::kPromise:
        for (auto& [pg, segment] : node.segments) segment.Promise(EpochId{4, action.b});
        return;
    }
  }

  // No more faults. True if everything issued became durable.
  bool Calm() {
    for (const std::string& name : kAllNodes) {
      for (auto& [pg, segment] : world_.nodes[name].segments) segment.RefuseWith(std::nullopt);
      if (!world_.nodes[name].up) world_.Up(name);
    }
    for (int round = 0; round < 100 && !Done(); ++round) {
      Note(world_.DeliverAll());
      for (const std::string& name : kAllNodes) Gossip(name, kAllNodes[round % 6]);
      Note(world_.Tick(options_.resend_after));
    }
    return Done();
  }

  WriterWorld& world() { return world_; }

 private:
  static RefusalReason ReasonOf(uint16_t draw) {
    return draw % 2 == 0 ? RefusalReason::kDiskFull : RefusalReason::kOverloaded;
  }

  bool Done() const { return world_.writer.vdl() == world_.writer.last_issued() && !growing_; }

  void Note(const std::vector<WriterEffect>& effects) {
    if (!Of<Grown>(effects).empty()) {
      growing_ = false;
      ++pgs_;
    }
  }

  void Hear(const std::string& name, size_t answer, bool keep) {
    Note(world_.Hear(name, answer, keep));
  }

  void Submit(const Action& action) {
    const std::string payload(action.b % 300, 'x');
    const size_t records = 1 + action.a % (action.b % 50 == 0 ? 60 : 4);
    std::vector<PageChange> changes;
    for (size_t i = 0; i < records; ++i) {
      const auto page =
          static_cast<uint32_t>((action.a + i * action.b) % (10 * world_.memberships.size()));
      changes.push_back({PageNo(page), RecordKind::kPageImage, Lsn(action.b), payload});
    }
    const auto effects = world_.Submit(changes, ++tag_);
    const size_t answers = Of<MtrIssued>(effects).size() + Of<MtrBlocked>(effects).size();
    ASSERT_EQ(answers, 1u) << "each MTR is either issued or blocked";
  }

  void Gossip(const std::string& to, const std::string& from) {
    for (auto& [pg, segment] : world_.nodes[to].segments) {
      segment.TakeFrom(world_.nodes[from].segments.at(pg));
    }
  }

  void Grow() {
    if (growing_ || world_.memberships.size() == 4) return;
    const auto index = static_cast<uint32_t>(world_.memberships.size());
    world_.AddPg(MembershipOf(index), FakeSegment());
    growing_ = true;
    world_.Step(quorum::Grow{MembershipOf(index)});
  }

  WriterOptions options_;
  WriterWorld world_;
  uint64_t tag_ = 0;
  size_t pgs_ = 0;
  bool growing_ = false;
};

class WriterModel : public ::testing::Test {
 protected:
  // A failed EXPECT ends the run, so that rapidcheck can look for a shorter one.
  void SetUp() override { GTEST_FLAG_SET(throw_on_failure, true); }
  void TearDown() override { GTEST_FLAG_SET(throw_on_failure, false); }
};

RC_GTEST_FIXTURE_PROP(WriterModel, WhatIsAcknowledgedIsOnFourAndEverythingIssuedBecomesDurable,
                      ()) {
  const auto options = *AnyOptions();
  const auto pgs = *rc::gen::inRange<uint32_t>(1, 4);
  const auto actions = *rc::gen::resize(4000, rc::gen::container<std::vector<Action>>(AnyAction()));
  Storm storm(options, pgs);
  for (const Action& action : actions) storm.Do(action);
  RC_ASSERT(storm.Calm());
  RC_CLASSIFY(storm.world().writer.last_issued() > Lsn(1950), "many records");
}

// Two promises of a contender leave a write quorum; three do not, and then nothing moves any more.
RC_GTEST_FIXTURE_PROP(WriterModel, PromisesFenceAtThreeAndNotAtTwo, ()) {
  const auto promises = *rc::gen::inRange<uint16_t>(0, 5);
  const auto before = *rc::gen::resize(150, rc::gen::container<std::vector<Action>>(AnyAction()));
  const auto after = *rc::gen::resize(150, rc::gen::container<std::vector<Action>>(AnyAction()));
  Storm storm(WriterOptions{}, 2);
  for (const Action& action : before) storm.Do(action);
  for (uint16_t i = 0; i < promises; ++i) storm.Do({Kind::kPromise, i, i});
  for (const Action& action : after) storm.Do(action);
  storm.Do({Kind::kSubmit, 0, 1});  // something that needs an answer
  const bool calm = storm.Calm();
  const bool fenced = storm.world().writer.fenced();
  RC_ASSERT((fenced ? promises >= 3 : calm));
  if (fenced) {
    RC_ASSERT(storm.world().Tick(Duration::Seconds(10)).empty());
    RC_ASSERT(Of<MtrBlocked>(storm.world().Touch({1})).at(0).why == MtrBlocked::Why::kFenced);
  }
}

}  // namespace
}  // namespace hexad::quorum

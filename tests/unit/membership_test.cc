// Memberships and manifests from outside, and where segments are placed.
#include "quorum/membership.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace hexad::quorum {
namespace {

using ::testing::HasSubstr;

Membership SixMembers() {
  Membership membership;
  membership.pg = PgId(7);
  for (const char* name : {"n1", "n2", "n3", "n4", "n5", "n6"}) {
    const std::string az(1, static_cast<char>('a' + membership.members.size() / 2));
    membership.members.push_back({NodeId(name), AzId(az), Incarnation(1)});
  }
  return membership;
}

Manifest OnePg() {
  Manifest manifest;
  manifest.timeline = TimelineId(99);
  manifest.name = "main";
  manifest.pgs = {SixMembers()};
  return manifest;
}

// `nodes` nodes dealt to `azs` AZs in turn: n01 in a, n02 in b, ...
std::vector<RosterNode> Roster(int nodes, int azs) {
  std::vector<RosterNode> roster;
  for (int i = 0; i < nodes; ++i) {
    const std::string name = "n" + std::string(i + 1 < 10 ? "0" : "") + std::to_string(i + 1);
    roster.push_back({NodeId(name), AzId(std::string(1, static_cast<char>('a' + i % azs))),
                      Incarnation(static_cast<uint64_t>(i) + 1)});
  }
  return roster;
}

std::vector<Member> Place(uint64_t key, const std::vector<RosterNode>& roster) {
  absl::StatusOr<std::vector<Member>> members = PlaceSegments(key, roster, 6);
  EXPECT_TRUE(members.ok()) << members.status();
  return members.ok() ? *members : std::vector<Member>();
}

// ---- membership --------------------------------------------------------------------------------

TEST(Membership, OfSixIsFourAndThree) {
  const Membership membership = SixMembers();
  ASSERT_TRUE(membership.Check().ok()) << membership.Check();
  EXPECT_EQ(membership.Quorums().write.Describe(), "4/6{ABCDEF}");
  EXPECT_EQ(membership.Quorums().read.Describe(), "3/6{ABCDEF}");
  EXPECT_EQ(membership.IndexOf(NodeId("n4")), 3);
  EXPECT_EQ(membership.IndexOf(NodeId("n7")), std::nullopt);
  EXPECT_EQ(membership.AzOf()[4], AzId("c"));
}

TEST(Membership, FromOutsideIsChecked) {
  const auto message_after = [](auto&& damage) {
    Membership membership = SixMembers();
    damage(membership);
    const absl::Status status = membership.Check();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(status.message(), HasSubstr("PG 7"));
    return std::string(status.message());
  };
  EXPECT_THAT(message_after([](Membership& m) { m.write = 3; }), HasSubstr("write quorum 3 of 6"));
  EXPECT_THAT(message_after([](Membership& m) { m.write = 7; }), HasSubstr("write quorum 7 of 6"));
  EXPECT_THAT(message_after([](Membership& m) { m.write = 0xffffffff; }), HasSubstr("at most 16"));
  EXPECT_THAT(message_after([](Membership& m) { m.members.clear(); }), HasSubstr("of 0"));
  EXPECT_THAT(message_after([](Membership& m) { m.members.resize(17, m.members[0]); }),
              HasSubstr("at most 16"));
  EXPECT_THAT(message_after([](Membership& m) { m.members[5].node = NodeId("n1"); }),
              HasSubstr("n1 is a member twice"));
  EXPECT_THAT(message_after([](Membership& m) { m.members[2].node = NodeId(""); }),
              HasSubstr("member 2 has no valid node name"));
  EXPECT_THAT(message_after([](Membership& m) { m.members[2].node = NodeId("N/3"); }),
              HasSubstr("node name"));
  EXPECT_THAT(
      message_after([](Membership& m) { m.members[2].node = NodeId(std::string(33, 'n')); }),
      HasSubstr("node name"));
  EXPECT_THAT(message_after([](Membership& m) { m.members[2].az = AzId("a b"); }),
              HasSubstr("n3 has no valid AZ name"));
  EXPECT_THAT(message_after([](Membership& m) { m.epoch = MembershipEpoch(0); }),
              HasSubstr("start at 1"));
}

// ---- manifest ----------------------------------------------------------------------------------

TEST(Manifest, MapsPagesToPgs) {
  Manifest manifest = OnePg();
  manifest.pages_per_pg = 100;
  EXPECT_TRUE(manifest.Check().ok()) << manifest.Check();
  EXPECT_EQ(manifest.PgIndexOf(PageNo(0)), 0u);
  EXPECT_EQ(manifest.PgIndexOf(PageNo(99)), 0u);
  EXPECT_EQ(manifest.PgIndexOf(PageNo(100)), 1u);  // not there yet: the volume must grow
  EXPECT_EQ(manifest.FirstPageOf(3), PageNo(300));
}

TEST(Manifest, FromOutsideIsChecked) {
  const auto message_after = [](auto&& damage) {
    Manifest manifest = OnePg();
    damage(manifest);
    const absl::Status status = manifest.Check();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    return std::string(status.message());
  };
  EXPECT_THAT(message_after([](Manifest& m) { m.name = ""; }), HasSubstr("name"));
  EXPECT_THAT(message_after([](Manifest& m) { m.name = "a/b"; }), HasSubstr("name"));
  EXPECT_THAT(message_after([](Manifest& m) { m.name = std::string(64, 'x'); }), HasSubstr("name"));
  EXPECT_THAT(message_after([](Manifest& m) { m.page_size = 5000; }), HasSubstr("page size 5000"));
  EXPECT_THAT(message_after([](Manifest& m) { m.pages_per_pg = 0; }), HasSubstr("without pages"));
  EXPECT_THAT(message_after([](Manifest& m) { m.geometry_epoch = GeometryEpoch(0); }),
              HasSubstr("start at 1"));
  EXPECT_THAT(message_after([](Manifest& m) { m.pgs.clear(); }), HasSubstr("no PG"));
  EXPECT_THAT(message_after([](Manifest& m) { m.pgs.push_back(m.pgs[0]); }), HasSubstr("twice"));
  EXPECT_THAT(message_after([](Manifest& m) { m.pgs[0].write = 2; }), HasSubstr("PG 7"));
}

TEST(VolumeName, HasOneRuleForCreatingAndOpening) {
  for (const std::string& good :
       {std::string("main"), std::string("0-a_b"), std::string(63, 'x')}) {
    Manifest manifest = OnePg();
    manifest.name = good;
    EXPECT_TRUE(CheckVolumeName(good).ok()) << good;
    EXPECT_TRUE(manifest.Check().ok()) << good;
  }
  for (const std::string& bad : {std::string(), std::string(64, 'x'), std::string("Main"),
                                 std::string("a.b"), std::string("-a"), std::string("a b")}) {
    Manifest manifest = OnePg();
    manifest.name = bad;
    EXPECT_TRUE(absl::IsInvalidArgument(CheckVolumeName(bad))) << bad;
    EXPECT_TRUE(absl::IsInvalidArgument(manifest.Check())) << bad;
  }
}

TEST(Manifest, EndsAtTheLastPageNumber) {
  Manifest manifest = OnePg();
  manifest.pages_per_pg = 1u << 31;
  manifest.pgs.push_back(manifest.pgs[0]);
  manifest.pgs[1].pg = PgId(8);
  EXPECT_TRUE(manifest.Check().ok());
  manifest.pgs.push_back(manifest.pgs[0]);
  manifest.pgs[2].pg = PgId(9);
  EXPECT_THAT(std::string(manifest.Check().message()), HasSubstr("last page number"));
}

TEST(MakePgId, DiffersByTimelineAndIndex) {
  std::set<PgId> ids;
  for (uint64_t timeline = 1; timeline <= 100; ++timeline) {
    for (uint32_t index = 0; index < 100; ++index) {
      ids.insert(MakePgId(TimelineId(timeline), index));
    }
  }
  EXPECT_EQ(ids.size(), 10'000u);
}

// ---- placement ---------------------------------------------------------------------------------

std::map<std::string, int> MembersPerAz(const std::vector<Member>& members) {
  std::map<std::string, int> per_az;
  for (const Member& member : members) ++per_az[member.az.value()];
  return per_az;
}

// The dumb twin of "moves only what it wins": the node was added, so any member that is new must be
// it.
void ExpectOnlyMovedTo(const std::vector<Member>& before, const std::vector<Member>& after,
                       const NodeId& added) {
  for (const Member& member : after) {
    const bool was_there = std::find(before.begin(), before.end(), member) != before.end();
    EXPECT_TRUE(was_there || member.node == added) << member.node;
  }
}

RC_GTEST_PROP(PlaceSegments, PutsTwoInEachOfThreeAzsInOrder, (uint64_t key)) {
  const int azs = *rc::gen::inRange(3, 6);
  const auto roster = Roster(*rc::gen::inRange(2 * azs, 31), azs);
  const std::vector<Member> members = Place(key, roster);
  RC_ASSERT(members.size() == 6u);
  for (const auto& [az, count] : MembersPerAz(members)) RC_ASSERT(count == 2);
  for (size_t i = 1; i < members.size(); ++i) {
    const Member& a = members[i - 1];
    const Member& b = members[i];
    RC_ASSERT(a.az < b.az || (a.az == b.az && a.node < b.node));
  }
  for (const Member& member : members) {
    RC_ASSERT(std::count(roster.begin(), roster.end(),
                         RosterNode{member.node, member.az, member.incarnation}) == 1);
  }
}

RC_GTEST_PROP(PlaceSegments, DoesNotDependOnTheRostersOrder, (uint64_t key)) {
  auto roster = Roster(15, 5);
  const auto members = Place(key, roster);
  std::reverse(roster.begin(), roster.end());
  RC_ASSERT(Place(key, roster) == members);
}

TEST(PlaceSegments, AddingANodeMovesOnlyWhatItWins) {
  int moved = 0;
  for (uint64_t key = 0; key < 500; ++key) {
    auto roster = Roster(12, 3);
    const auto before = Place(key, roster);
    roster.push_back({NodeId("new"), AzId("b"), Incarnation(77)});
    const auto after = Place(key, roster);
    ExpectOnlyMovedTo(before, after, NodeId("new"));
    moved += before != after;
  }
  // The new node is one of five in its AZ, and two of the five hold a PG: it wins 40 %.
  EXPECT_NEAR(moved, 200, 50);
}

TEST(PlaceSegments, SpreadsPgsOverNodesAndAzs) {
  std::map<std::string, int> per_node;
  std::map<std::string, int> per_az;
  for (uint32_t index = 0; index < 1000; ++index) {
    const PgId pg = MakePgId(TimelineId(5), index);
    for (const Member& member : Place(pg.value(), Roster(20, 5))) {
      ++per_node[member.node.value()];
      ++per_az[member.az.value()];
    }
  }
  ASSERT_EQ(per_node.size(), 20u);
  for (const auto& [node, count] : per_node) EXPECT_NEAR(count, 300, 75) << node;
  for (const auto& [az, count] : per_az) EXPECT_NEAR(count, 1200, 150) << az;
}

TEST(PlaceSegments, SaysWhatIsMissing) {
  const auto refusal = [](const std::vector<RosterNode>& roster, int copies) {
    const absl::Status status = PlaceSegments(1, roster, copies).status();
    return std::string(absl::StatusCodeToString(status.code())) + ": " +
           std::string(status.message());
  };
  EXPECT_EQ(refusal(Roster(6, 2), 6),
            "FAILED_PRECONDITION: 6 copies need 3 AZs with 2 nodes each; there are 2 "
            "(nodes per AZ: a: 3, b: 3)");
  EXPECT_EQ(refusal(Roster(5, 3), 6),
            "FAILED_PRECONDITION: 6 copies need 3 AZs with 2 nodes each; there are 2 "
            "(nodes per AZ: a: 2, b: 2, c: 1)");
  EXPECT_EQ(refusal({}, 6),
            "FAILED_PRECONDITION: 6 copies need 3 AZs with 2 nodes each; there are 0 "
            "(nodes per AZ: none)");
  EXPECT_THAT(refusal(Roster(12, 3), 4), HasSubstr("INVALID_ARGUMENT: 4 copies"));
  EXPECT_THAT(refusal(Roster(12, 3), 0), HasSubstr("INVALID_ARGUMENT: 0 copies"));
  EXPECT_THAT(refusal(Roster(60, 3), 18), HasSubstr("INVALID_ARGUMENT: 18 copies"));
  auto twice = Roster(6, 3);
  twice.push_back(twice[0]);
  EXPECT_EQ(refusal(twice, 6), "INVALID_ARGUMENT: node n01 is listed twice");
}

// A fourth AZ that is too small is passed over, not stumbled on.
TEST(PlaceSegments, PassesOverAnAzWithTooFewNodes) {
  auto roster = Roster(6, 3);
  roster.push_back({NodeId("lonely"), AzId("d"), Incarnation(9)});
  for (uint64_t key = 0; key < 50; ++key) {
    EXPECT_EQ(MembersPerAz(Place(key, roster)).count("d"), 0u);
  }
}

TEST(PlaceSegments, PutsASingleCopyOnASingleNode) {
  const auto members = PlaceSegments(1, Roster(1, 1), 1);
  ASSERT_TRUE(members.ok()) << members.status();
  EXPECT_EQ(members->at(0).node, NodeId("n01"));
}

// Where a PG lives follows from this function for ever: a change of it would lose every volume.
TEST(PlaceSegments, IsPinned) {
  std::string nodes;
  for (const Member& member : Place(42, Roster(12, 4))) nodes += member.node.value() + " ";
  EXPECT_EQ(nodes, "n01 n05 n03 n07 n08 n12 ");
  EXPECT_EQ(MakePgId(TimelineId(1), 0), PgId(627405149472732430u));
}

}  // namespace
}  // namespace hexad::quorum

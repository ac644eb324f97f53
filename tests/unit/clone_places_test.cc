// Which clones some node has missed, as a drop of their parent must know.
#include "compute/host/clone_places.h"

#include <gmock/gmock.h>

namespace hexad::compute {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr TimelineId kParent(0xA);
constexpr TimelineId kDev(0xB);
constexpr TimelineId kTest(0xC);

v1::NodeDescription& Node(std::vector<v1::NodeDescription>& nodes, const std::string& name) {
  nodes.emplace_back().set_node(name);
  return nodes.back();
}

auto* Has(v1::NodeDescription& node, TimelineId timeline, uint64_t pg,
          const std::vector<TimelineId>& ancestors = {}) {
  auto* segment = node.add_segments();
  segment->set_timeline(timeline.value());
  segment->set_pg(pg);
  for (const TimelineId ancestor : ancestors) segment->add_ancestors(ancestor.value());
  return segment;
}

TEST(ClonePlaces, AVolumeWithoutClonesHasNoneMissing) {
  std::vector<v1::NodeDescription> nodes;
  Has(Node(nodes, "n1"), kParent, 1);
  Has(Node(nodes, "n2"), kParent, 1);
  EXPECT_THAT(ClonesNotEverywhere(nodes, kParent), IsEmpty());
}

TEST(ClonePlaces, NodesThatMissedACloneAreNamed) {
  std::vector<v1::NodeDescription> nodes;
  for (const char* name : {"n1", "n2", "n3"}) {
    v1::NodeDescription& node = Node(nodes, name);
    Has(node, kParent, 1);
    Has(node, kParent, 2);
    if (name != std::string("n3")) Has(node, kDev, 1, {kParent})->set_name("dev");
    if (name != std::string("n2")) Has(node, kDev, 2, {kParent});
  }
  EXPECT_THAT(ClonesNotEverywhere(nodes, kParent), ElementsAre("dev is not on n2, n3"));
  EXPECT_THAT(ClonesNotEverywhere(nodes, kDev), IsEmpty());
}

TEST(ClonePlaces, ACloneOfACloneNeedsTheGrandparentToo) {
  std::vector<v1::NodeDescription> nodes;
  v1::NodeDescription& one = Node(nodes, "n1");
  Has(one, kParent, 1);
  Has(one, kDev, 1, {kParent});
  Has(one, kTest, 1, {kParent, kDev})->set_name("test");
  v1::NodeDescription& two = Node(nodes, "n2");
  Has(two, kParent, 1);
  Has(two, kDev, 1, {kParent});
  EXPECT_THAT(ClonesNotEverywhere(nodes, kParent), ElementsAre("test is not on n2"));
  EXPECT_THAT(ClonesNotEverywhere(nodes, kDev), ElementsAre("test is not on n2"));
}

TEST(ClonePlaces, WhatWasDroppedAndWhatTheParentNeverHadDoNotCount) {
  std::vector<v1::NodeDescription> nodes;
  v1::NodeDescription& one = Node(nodes, "n1");
  Has(one, kParent, 1);
  Has(one, kDev, 1, {kParent})->set_dropped(true);
  Has(one, kTest, 7, {kParent});  // a PG that the clone grew by itself
  Has(Node(nodes, "n2"), kParent, 1);
  EXPECT_THAT(ClonesNotEverywhere(nodes, kParent), IsEmpty());
}

}  // namespace
}  // namespace hexad::compute

// Dropping a volume asks the nodes whether somebody writes to it: a node that does not answer has
// not said no, and a node that keeps its segments is named.
#include <gtest/gtest.h>

#include <set>

#include "compute/engine.h"
#include "quorum/base/checksum.h"
#include "quorum/membership.h"
#include "tests/cluster/local_cluster.h"

namespace hexad::compute {
namespace {

using hexad::testing::LocalCluster;

constexpr int kNodes = 12;
constexpr size_t kRegisterQuorum = 4;

int NumberOf(const NodeId& node) { return std::stoi(node.value().substr(1)); }

std::set<int> MembersOf(const VolumeEntry& entry) {
  std::set<int> members;
  for (const quorum::Member& member : entry.first_pg.members) members.insert(NumberOf(member.node));
  return members;
}

class VolumeDrop : public ::testing::Test {
 protected:
  // Who keeps a volume's name: placed by its key, while its PG is placed by a random number.
  std::set<int> KeepersOf(const std::string& name) const {
    std::vector<quorum::RosterNode> roster;
    for (const auto& node : nodes_.topology().nodes) {
      roster.push_back({node.id, node.az, Incarnation(1)});
    }
    std::set<int> keepers;
    const auto placed = quorum::PlaceSegments(Checksum("name/" + name), roster, 6);
    EXPECT_TRUE(placed.ok()) << placed.status();
    for (const quorum::Member& member : *placed) keepers.insert(NumberOf(member.node));
    return keepers;
  }

  // A volume whose name stays readable and changeable while no member of its PG answers.
  VolumeEntry CreateApartFromItsName() {
    for (int i = 0; i < 60; ++i) {
      const std::string name = "v" + std::to_string(i);
      EXPECT_TRUE(cluster_->Create(name, {}).ok());
      const auto entry = cluster_->Find(name);
      if (!entry.ok()) continue;
      std::set<int> left = KeepersOf(name);
      for (const int member : MembersOf(*entry)) left.erase(member);
      if (left.size() >= kRegisterQuorum) return *entry;
    }
    ADD_FAILURE() << "no such volume";
    return {};
  }

  LocalCluster nodes_{kNodes};
  std::unique_ptr<Cluster> cluster_ = nodes_.Connect();
};

TEST_F(VolumeDrop, SilenceOfTheNodesIsNoProofThatNobodyWrites) {
  const VolumeEntry entry = CreateApartFromItsName();
  ASSERT_FALSE(entry.name.empty());
  for (const int member : MembersOf(entry)) nodes_.Stop(member);

  const absl::Status refused = cluster_->Drop(entry.name, false);
  EXPECT_TRUE(absl::IsUnavailable(refused)) << refused;
  EXPECT_TRUE(cluster_->Find(entry.name).ok()) << "nothing was dropped";

  const absl::Status insisted = cluster_->Drop(entry.name, true);
  EXPECT_TRUE(absl::IsUnavailable(insisted)) << "six nodes keep their segments: " << insisted;
  EXPECT_TRUE(absl::IsNotFound(cluster_->Find(entry.name).status()));
}

TEST_F(VolumeDrop, NamesTheNodeThatKeepsItsSegment) {
  ASSERT_TRUE(cluster_->Create("books", {}).ok());
  const auto entry = cluster_->Find("books");
  ASSERT_TRUE(entry.ok()) << entry.status();
  const int down = *MembersOf(*entry).begin();
  nodes_.Stop(down);
  const absl::Status dropped = cluster_->Drop("books", false);
  EXPECT_TRUE(absl::IsUnavailable(dropped)) << dropped;
  EXPECT_NE(dropped.message().find("n" + std::to_string(down) + " did not"), std::string::npos)
      << dropped;
  EXPECT_TRUE(absl::IsNotFound(cluster_->Find("books").status()));
}

TEST_F(VolumeDrop, OfAnUnusedVolumeLeavesNothing) {
  ASSERT_TRUE(cluster_->Create("books", {}).ok());
  EXPECT_TRUE(cluster_->Drop("books", false).ok());
  EXPECT_TRUE(absl::IsNotFound(cluster_->Find("books").status()));
}

}  // namespace
}  // namespace hexad::compute

// The cluster file: what it may say, and how it tells people what is wrong.
#include "topology/topology.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <string>

#include "absl/strings/str_cat.h"

namespace hexad::topology {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

std::string NodeText(std::string id, std::string az, int port) {
  return absl::StrCat("[[node]]\nid = \"", id, "\"\naz = \"", az,
                      "\"\naddress = \"127.0.0.1:", port, "\"\n");
}

// Six nodes, two in each of three AZs.
std::string SixNodes() {
  std::string text = "name = \"dev\"\n";
  for (int i = 0; i < 6; ++i) {
    text += NodeText(absl::StrCat("n", i + 1), std::string(1, static_cast<char>('a' + i / 2)),
                     7001 + i);
  }
  return text;
}

std::string ErrorOf(const std::string& text) {
  const auto topology = ParseTopology(text, "dev.toml");
  EXPECT_FALSE(topology.ok()) << text;
  return std::string(topology.status().message());
}

TEST(TopologyTest, ReadsSixNodesInTheirOrder) {
  const auto topology = ParseTopology(SixNodes(), "dev.toml");
  ASSERT_TRUE(topology.ok()) << topology.status();
  EXPECT_EQ(topology->name, "dev");
  ASSERT_EQ(topology->nodes.size(), 6u);
  EXPECT_EQ(topology->nodes[5], (TopologyNode{NodeId("n6"), AzId("c"), "127.0.0.1:7006"}));
  ASSERT_NE(topology->Find(NodeId("n2")), nullptr);
  EXPECT_EQ(topology->Find(NodeId("n2"))->address, "127.0.0.1:7002");
  EXPECT_EQ(topology->Find(NodeId("n7")), nullptr);
  EXPECT_TRUE(CheckPlacement(*topology, 6).ok());
}

TEST(TopologyTest, WhatIsFormattedReadsBackTheSame) {
  const auto topology = ParseTopology(SixNodes(), "dev.toml");
  ASSERT_TRUE(topology.ok());
  const auto again = ParseTopology(FormatTopology(*topology), "again");
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(*again, *topology);
}

TEST(TopologyTest, ErrorsNameFileLineAndWhatIsWrong) {
  EXPECT_THAT(ErrorOf("[[node]\n"), HasSubstr("dev.toml:1"));
  EXPECT_THAT(ErrorOf(SixNodes() + "quorum = 3\n"),
              AllOf(HasSubstr("dev.toml:26"), HasSubstr("unknown key 'quorum'"),
                    HasSubstr("address, az, id")));
  EXPECT_THAT(ErrorOf("nodes = []\n"), HasSubstr("unknown key 'nodes'; known here: name, node"));
  EXPECT_THAT(ErrorOf(""), HasSubstr("no [[node]]"));
  EXPECT_THAT(ErrorOf("node = 3\n"), HasSubstr("no [[node]]"));
  EXPECT_THAT(ErrorOf("node = [3]\n"), HasSubstr("not a [[node]] table"));
  EXPECT_THAT(ErrorOf("[[node]]\nid = \"n1\"\naddress = \"a:1\"\n"), HasSubstr("without 'az'"));
  EXPECT_THAT(ErrorOf("[[node]]\nid = 1\naz = \"a\"\naddress = \"a:1\"\n"),
              HasSubstr("id is not a string"));
  EXPECT_THAT(ErrorOf("name = \"Dev Cluster\"\n" + NodeText("n1", "a", 1)),
              HasSubstr("name is not"));
  EXPECT_THAT(ErrorOf(NodeText("N1", "a", 1)), HasSubstr("id 'N1' is not a name"));
  EXPECT_THAT(ErrorOf(NodeText("n1", "", 1)), HasSubstr("az '' is not a name"));
  EXPECT_THAT(ErrorOf(NodeText(std::string(33, 'n'), "a", 1)), HasSubstr("is not a name"));
  EXPECT_THAT(ErrorOf(NodeText("n1", "a", 1) + NodeText("n1", "b", 2)), HasSubstr("id n1 twice"));
  EXPECT_THAT(ErrorOf(NodeText("n1", "a", 1) + NodeText("n2", "b", 1)),
              HasSubstr("address 127.0.0.1:1 twice"));
  EXPECT_THAT(ErrorOf(NodeText("n1", "a", 70000)), HasSubstr("is not host:port"));
}

TEST(TopologyTest, AddressesAreHostAndPort) {
  for (const char* good : {"127.0.0.1:7001", "localhost:1", "[::1]:65535", "node-1.example:80"}) {
    EXPECT_TRUE(CheckAddress("x", good).ok()) << good;
  }
  for (const char* bad :
       {"", ":", "host", "host:", ":1", "host:0", "host:65536", "host:-1", "host:+1", "host: 1",
        "::1:80", "a b:1", "host:1x", "unix:/tmp/1:1", "host:99999999999999999999"}) {
    EXPECT_FALSE(CheckAddress("x", bad).ok()) << bad;
  }
}

TEST(TopologyTest, PlacementSaysWhatIsMissing) {
  const auto check = [](const std::string& azs, int copies) {
    Topology topology;
    for (size_t i = 0; i < azs.size(); ++i) {
      topology.nodes.push_back({NodeId(absl::StrCat("n", i)), AzId(azs.substr(i, 1)), ""});
    }
    return std::string(CheckPlacement(topology, copies).message());
  };
  EXPECT_EQ(check("aabbcc", 6), "");
  EXPECT_EQ(check("aabbccdd", 6), "");
  EXPECT_EQ(check("a", 1), "");
  EXPECT_NE(check("aabbc", 6), "");
  EXPECT_NE(check("aaaaaa", 6), "");
  EXPECT_NE(check("aaaabc", 6), "");
}

TEST(TopologyTest, FilesThatCannotBeReadAreNotFound) {
  EXPECT_EQ(LoadTopology("/nowhere/cluster.toml").status().code(), absl::StatusCode::kNotFound);
  EXPECT_FALSE(LoadTopology("/proc").ok());
  const std::string file = testing::TempDir() + "/hexad_topology_test.toml";
  std::ofstream(file) << SixNodes();
  const auto topology = LoadTopology(file);
  EXPECT_TRUE(topology.ok()) << topology.status();
  std::remove(file.c_str());
}

}  // namespace
}  // namespace hexad::topology

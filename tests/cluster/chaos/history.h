// Everything that a run of chaos did and saw, and the page that shows it: one HTML file without
// anything from elsewhere, faults as bars on a lane per node, acknowledgements and commit latency
// below.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "tests/cluster/steady_load.h"

namespace hexad::chaos {

struct Bar {
  std::string lane;  // a node, or "writer"
  std::string kind;  // as episode.h names it
  std::string text;
  double from_s = 0;
  double to_s = 0;
};
struct Told {
  double at_s = 0;
  double to_s = 0;
  std::string what;
  std::string effect;
  bool good = true;
};
struct Proof {
  double from_s = 0;
  double to_s = 0;
  bool good = true;
  std::string text;
};

struct History {
  uint64_t seed = 0;
  std::string command;
  std::string verdict;
  bool good = true;
  double seconds = 0;
  uint64_t acked = 0;
  std::vector<std::pair<std::string, std::string>> lanes;  // name, zone
  std::vector<Bar> bars;
  std::vector<Told> told;
  std::vector<Proof> proofs;
  std::vector<cluster_test::LoadSample> samples;
  std::vector<cluster_test::WriterEnd> ends;
};

absl::Status WritePage(const History& history, const std::string& file);

// The page with a place for the data (page.cc).
extern const char kPage[];
inline constexpr char kDataPlace[] = "/*DATA*/null";

}  // namespace hexad::chaos

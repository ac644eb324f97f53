#include "tests/cluster/chaos/episode.h"

#include <algorithm>
#include <array>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace hexad::chaos {
namespace {

constexpr std::array kNodeKinds = {Kind::kKill,     Kind::kPause,    Kind::kCut,
                                   Kind::kMute,     Kind::kDeaf,     Kind::kNoGossip,
                                   Kind::kSlowNet,  Kind::kSlowDisk, Kind::kFullDisk,
                                   Kind::kLoseDisk, Kind::kPowerCut};
constexpr uint64_t kShortestMs = 2'000;
constexpr uint64_t kLongestMs = 8'000;
constexpr uint64_t kLongestCalmMs = 2'500;

// Out of a hundred.
constexpr uint64_t kOneNode = 35;
constexpr uint64_t kTwoNodes = 55;
constexpr uint64_t kAz = 80;
constexpr uint64_t kAzPlusOne = 92;
constexpr uint64_t kSecondOnWriter = 25;
constexpr uint64_t kSecondOnNodes = 45;

}  // namespace

const char* NameOf(Kind kind) {
  switch (kind) {
    case Kind::kKill:
      return "kill -9";
    case Kind::kPause:
      return "pause";
    case Kind::kCut:
      return "cut off";
    case Kind::kMute:
      return "mute";
    case Kind::kDeaf:
      return "deaf";
    case Kind::kNoGossip:
      return "no gossip";
    case Kind::kSlowNet:
      return "slow links";
    case Kind::kSlowDisk:
      return "slow disk";
    case Kind::kFullDisk:
      return "full disk";
    case Kind::kLoseDisk:
      return "lost disk";
    case Kind::kPowerCut:
      return "power cut";
    case Kind::kKillWriter:
      return "kill -9 writer";
    case Kind::kPauseWriter:
      return "pause writer";
  }
  return "";
}

bool OnWriter(Kind kind) { return kind == Kind::kKillWriter || kind == Kind::kPauseWriter; }

bool Blocks(Kind kind) {
  return !OnWriter(kind) && kind != Kind::kNoGossip && kind != Kind::kSlowNet &&
         kind != Kind::kSlowDisk;
}

std::string InWords(const Fault& fault) {
  if (OnWriter(fault.kind)) return NameOf(fault.kind);
  return absl::StrCat(NameOf(fault.kind),
                      fault.delay_ms == 0 ? "" : absl::StrCat(" +", fault.delay_ms, " ms"), " ",
                      absl::StrJoin(fault.nodes, " "));
}

std::string InWords(const Episode& episode) {
  return absl::StrJoin(episode.faults, ", ", [](std::string* out, const Fault& fault) {
    absl::StrAppend(out, InWords(fault));
  });
}

size_t Episode::blocked() const {
  std::set<std::string> blocked;
  for (const Fault& fault : faults) {
    if (Blocks(fault.kind)) blocked.insert(fault.nodes.begin(), fault.nodes.end());
  }
  return blocked.size();
}

bool Episode::writer_suffers() const {
  return std::ranges::any_of(faults, [](const Fault& fault) { return OnWriter(fault.kind); });
}

// One, two of different zones, a zone, a zone and one more, or all.
std::vector<std::string> EpisodePlan::DrawNodes() {
  const uint64_t size = prng_.Below(100);
  const size_t first = prng_.Below(nodes_.size());
  size_t other = prng_.Below(nodes_.size());
  while (nodes_[other].az == nodes_[first].az) other = (other + 1) % nodes_.size();
  std::vector<std::string> names;
  for (size_t i = 0; i < nodes_.size(); ++i) {
    const bool same_az = nodes_[i].az == nodes_[first].az;
    const bool in = size < kOneNode     ? i == first
                    : size < kTwoNodes  ? i == first || i == other
                    : size < kAz        ? same_az
                    : size < kAzPlusOne ? same_az || i == other
                                        : true;
    if (in) names.push_back(nodes_[i].id);
  }
  return names;
}

Fault EpisodePlan::DrawNodeFault(std::vector<std::string> nodes) {
  Fault fault{.kind = kNodeKinds[prng_.Below(kNodeKinds.size())], .nodes = std::move(nodes)};
  if (fault.kind == Kind::kPowerCut && !power_cuts_) fault.kind = Kind::kKill;
  if (fault.kind == Kind::kSlowNet) fault.delay_ms = 5 + prng_.Below(60);
  if (fault.kind == Kind::kSlowDisk) fault.delay_ms = 10 + prng_.Below(200);
  return fault;
}

// Pairs find more than singles do.
void EpisodePlan::AddSecond(Episode& episode) {
  const uint64_t second = prng_.Below(100);
  if (second < kSecondOnWriter) {
    const bool kill = prng_.Below(2) == 0;
    episode.faults.push_back({.kind = kill ? Kind::kKillWriter : Kind::kPauseWriter});
  } else if (second < kSecondOnNodes) {
    std::vector<std::string> free;
    for (const launcher::NodeRecord& node : nodes_) {
      const auto& taken = episode.faults[0].nodes;
      if (std::ranges::find(taken, node.id) == taken.end()) free.push_back(node.id);
    }
    if (!free.empty()) episode.faults.push_back(DrawNodeFault({free[prng_.Below(free.size())]}));
  }
}

Episode EpisodePlan::Next() {
  Episode episode;
  episode.faults.push_back(DrawNodeFault(DrawNodes()));
  AddSecond(episode);
  const uint64_t lasts_ms = kShortestMs + prng_.Below(kLongestMs - kShortestMs);
  episode.lasts_s = static_cast<double>(lasts_ms) / 1000;
  episode.calm_s = static_cast<double>(1'000 + prng_.Below(kLongestCalmMs)) / 1000;
  return episode;
}

}  // namespace hexad::chaos

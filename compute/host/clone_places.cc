#include "compute/host/clone_places.h"

#include <algorithm>
#include <map>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace hexad::compute {
namespace {

struct Clone {
  std::string name;  // its first PG tells it
  std::map<PgId, std::set<std::string>> nodes;
};

}  // namespace

std::vector<std::string> ClonesNotEverywhere(const std::vector<v1::NodeDescription>& nodes,
                                             TimelineId parent) {
  std::map<PgId, std::set<std::string>> parents;
  std::map<TimelineId, Clone> clones;
  for (const v1::NodeDescription& node : nodes) {
    for (const auto& segment : node.segments()) {
      const PgId pg(segment.pg());
      if (TimelineId(segment.timeline()) == parent) parents[pg].insert(node.node());
      const auto& from = segment.ancestors();
      const bool continues = std::find(from.begin(), from.end(), parent.value()) != from.end();
      if (!continues || segment.dropped()) continue;
      Clone& clone = clones[TimelineId(segment.timeline())];
      clone.nodes[pg].insert(node.node());
      if (!segment.name().empty()) clone.name = segment.name();
    }
  }
  std::vector<std::string> lacking;
  for (const auto& [timeline, clone] : clones) {
    std::set<std::string> without;
    for (const auto& [pg, with] : clone.nodes) {
      std::set_difference(parents[pg].begin(), parents[pg].end(), with.begin(), with.end(),
                          std::inserter(without, without.end()));
    }
    if (without.empty()) continue;
    const std::string name =
        clone.name.empty() ? absl::StrCat("timeline ", absl::Hex(timeline.value())) : clone.name;
    lacking.push_back(absl::StrCat(name, " is not on ", absl::StrJoin(without, ", ")));
  }
  return lacking;
}

}  // namespace hexad::compute

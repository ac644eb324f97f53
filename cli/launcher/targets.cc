#include "cli/launcher/targets.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "cli/launcher/explain.h"

namespace hexad::launcher {
namespace {

constexpr char kAzPrefix[] = "az:";

std::string EveryTarget(const ClusterRecord& record) {
  std::vector<std::string> targets;
  for (const NodeRecord& node : record.nodes) targets.push_back(node.id);
  for (const std::string& az : record.Azs()) targets.push_back(absl::StrCat(kAzPrefix, az));
  targets.push_back(kCompute);
  targets.push_back(kBench);
  return absl::StrJoin(targets, ", ");
}

}  // namespace

absl::StatusOr<std::vector<std::string>> ResolveTarget(const ClusterRecord& record,
                                                       const std::string& text) {
  if (text == kCompute || text == kBench) return std::vector<std::string>{text};
  std::vector<std::string> named;
  absl::string_view az = text;
  if (absl::ConsumePrefix(&az, kAzPrefix)) {
    for (const NodeRecord& node : record.nodes) {
      if (node.az == az) named.push_back(node.id);
    }
  } else if (record.FindNode(text) != nullptr) {
    named.push_back(text);
  }
  if (!named.empty()) return named;
  return WrongUsage({absl::StrCat("there is no target '", text, "' here"), "",
                     absl::StrCat("one of ", EveryTarget(record))});
}

std::vector<std::string> AllProcesses(const ClusterRecord& record) {
  std::vector<std::string> names;
  for (const NodeRecord& node : record.nodes) names.push_back(node.id);
  names.push_back(kCompute);
  names.push_back(kBench);
  return names;
}

}  // namespace hexad::launcher

#include "cli/verbs/costs.h"

#include <iostream>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "cli/status_view.h"

namespace hexad::cli {
namespace {

std::string QuorumAfter(const char* name, bool ok_before, bool ok_after, int need,
                        const launcher::VolumeSlack& after) {
  return absl::StrCat(name, " quorum ", need, "/", after.of, " ",
                      ok_after    ? "ok"
                      : ok_before ? "LOST"
                                  : "still lost",
                      " (", after.up, " up)");
}

}  // namespace

void PrintCosts(const launcher::Costs& costs, const std::vector<std::string>& remarks) {
  for (const launcher::VolumeCost& cost : costs.volumes) {
    const launcher::VolumeSlack& after = cost.after;
    std::cout << "volume " << after.volume << ":  "
              << QuorumAfter("write", cost.before.can_write, after.can_write, after.write_need,
                             after)
              << ", "
              << QuorumAfter("read", cost.before.can_read, after.can_read, after.read_need, after)
              << "\n  could lose then: " << CanLoseInWords(after.write, after.read) << "\n";
  }
  for (const std::string& remark : remarks) std::cout << remark << "\n";
  if (!costs.known.ok()) std::cout << costs.known.message() << "\n";
  if (costs.BreakAPromise() || !costs.known.ok())
    std::cout << "so it would be refused without --force\n";
}

nlohmann::ordered_json CostsJson(const launcher::Costs& costs) {
  nlohmann::ordered_json volumes = nlohmann::ordered_json::array();
  for (const launcher::VolumeCost& cost : costs.volumes) {
    volumes.push_back(
        {{"name", cost.after.volume},
         {"up", cost.after.up},
         {"can_write", cost.after.can_write},
         {"can_read", cost.after.can_read},
         {"can_lose",
          {{"write", {{"nodes", cost.after.write.nodes}, {"azs", cost.after.write.azs}}},
           {"read", {{"nodes", cost.after.read.nodes}, {"azs", cost.after.read.azs}}}}}});
  }
  return {{"volumes_after", volumes},
          {"breaks_a_promise", costs.BreakAPromise()},
          {"costs_known", costs.known.ok()}};
}

}  // namespace hexad::cli

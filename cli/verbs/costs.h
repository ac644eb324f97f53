// What a fault would cost, for people and for programs; shared by the verbs that hurt something.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "cli/launcher/plan.h"

namespace hexad::cli {

void PrintCosts(const launcher::Costs& costs, const std::vector<std::string>& remarks);
nlohmann::ordered_json CostsJson(const launcher::Costs& costs);

}  // namespace hexad::cli

#include "tests/sim/checkers/checkers.h"

#include "tests/sim/checkers/durability.h"
#include "tests/sim/checkers/pages.h"

namespace hexad::sim {

std::vector<std::unique_ptr<Checker>> AllCheckers(const SimOptions&) {
  std::vector<std::unique_ptr<Checker>> all;
  all.push_back(std::make_unique<DurabilityChecker>());
  all.push_back(std::make_unique<PageChecker>(4096));
  return all;
}

}  // namespace hexad::sim

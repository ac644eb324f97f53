#include "tests/sim/minimize.h"

#include <algorithm>
#include <cstddef>

namespace hexad::sim {

FaultPlan Minimize(FaultPlan plan, int trials, const std::function<bool(const FaultPlan&)>& fails) {
  // Tries the plan without [first, first + length).
  const auto without = [&](size_t first, size_t length) {
    FaultPlan rest = plan;
    const auto begin = rest.begin() + static_cast<std::ptrdiff_t>(first);
    rest.erase(begin, begin + static_cast<std::ptrdiff_t>(std::min(length, plan.size() - first)));
    return rest;
  };
  for (size_t length = std::max<size_t>(plan.size() / 2, 1); !plan.empty();) {
    bool shorter = false;
    for (size_t first = 0; first < plan.size();) {
      if (--trials < 0) return plan;
      FaultPlan rest = without(first, length);
      if (fails(rest)) {
        plan = std::move(rest);
        shorter = true;
      } else {
        first += length;
      }
    }
    if (length == 1 && !shorter) break;
    length = std::max<size_t>(length / 2, 1);
  }
  return plan;
}

}  // namespace hexad::sim

// The world in one line.
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "tests/sim/world.h"

namespace hexad::sim {

std::string World::Picture() const {
  std::string text;
  for (NodeIndex n = 0; n < options_.nodes; ++n) {
    SimNode& node = fabric_->node(n);
    absl::StrAppend(&text, n == 0 ? "" : "  ");
    if (node.core() == nullptr) {
      absl::StrAppend(&text, harmed(n) ? "harmed" : "down");
      continue;
    }
    const auto segments = node.core()->Describe(node.process().now());
    absl::StrAppend(&text, node.process().paused() ? "paused " : "", harmed(n) ? "harmed " : "");
    if (segments.empty()) {
      absl::StrAppend(&text, "empty");
    } else {
      absl::StrAppend(&text, "e", segments.front().begun.number, "/",
                      segments.front().promised.number, " ", segments.front().scl.value());
    }
  }
  for (size_t slot = 0; slot < kWriters; ++slot) {
    if (computes_[slot]->down()) continue;
    absl::StrAppend(&text, " | ", computes_[slot]->Describe());
  }
  return text;
}

void World::Say(const std::string& what) {
  if (narrate_ == nullptr) return;
  const int64_t micros = scheduler_.now().nanos() / 1000;
  narrate_(absl::StrFormat("%4d.%06d  %-70s %s", micros / 1'000'000, micros % 1'000'000, what,
                           Picture()));
}

}  // namespace hexad::sim

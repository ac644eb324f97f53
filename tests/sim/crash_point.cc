#include "tests/sim/crash_point.h"

#include "absl/strings/str_cat.h"

namespace hexad::sim {

std::string Describe(const CrashPoint& point, size_t nodes) {
  const bool is_node = point.who < nodes;
  return absl::StrCat(is_node ? "n" : "compute", (is_node ? point.who : point.who - nodes) + 1,
                      " at its ", point.step == StepKind::kSend ? "send " : "write ", point.count,
                      point.power ? ", with its machine" : "");
}

const CrashPoint* Crashes::Pass(Endpoint who, StepKind step) {
  const uint64_t count = ++counts_[{who, step}];
  if (next_ == points_.size()) return nullptr;
  const CrashPoint& point = points_[next_];
  if (point.who != who || point.step != step) return nullptr;
  if (count - before_[{who, step}] != point.count) return nullptr;
  before_ = counts_;
  return &points_[next_++];
}

}  // namespace hexad::sim

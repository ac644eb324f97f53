// I8: only harm damages. A node whose disk was never harmed finds nothing damaged on it, however it
// was killed: no page with a hole in its history, no boxcar that it cannot read.
#pragma once

#include <set>

#include "absl/strings/str_cat.h"
#include "tests/sim/checker.h"

namespace hexad::sim {

class DamageChecker : public Checker {
 public:
  std::string name() const override { return "I8 damage"; }
  void See(const Event& event) override {
    if (const auto* harm = std::get_if<DiskHarmed>(&event)) {
      harmed_.insert(harm->node);
    } else if (const auto* refused = std::get_if<PageRefused>(&event)) {
      On(refused->node, *refused->refused);
    } else if (const auto* replied = std::get_if<SegmentReplied>(&event)) {
      const auto* refusal = std::get_if<quorum::Refused>(replied->answer);
      if (refusal != nullptr) On(replied->node, *refusal);
    }
  }

 private:
  void On(NodeIndex node, const quorum::Refused& refused) {
    Expect(refused.reason != quorum::RefusalReason::kDamaged || harmed_.contains(node), "n",
           node + 1, ", whose disk was never harmed, finds damage: ", refused.message);
  }

  std::set<NodeIndex> harmed_;
};

}  // namespace hexad::sim

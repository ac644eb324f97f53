// I4, I5: every page that a reader gets is exactly the reference volume's page at its read point.
#pragma once

#include "tests/sim/checker.h"
#include "tests/sim/reference.h"

namespace hexad::sim {

class PageChecker : public Checker {
 public:
  explicit PageChecker(uint32_t page_size) : reference_(page_size) {}
  std::string name() const override { return "I5 read point"; }
  void See(const Event& event) override;

 private:
  ReferenceVolume reference_;
};

}  // namespace hexad::sim

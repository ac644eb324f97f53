// I10: what a clone saw of its parent when it was made is what it reads for as long as it lives,
// whatever the parent writes, goes back to, forgets, or loses with a minority of its nodes; and it
// reads nothing that the parent wrote after the fork.
#pragma once

#include <map>
#include <string>

#include "tests/sim/checker.h"
#include "tests/sim/reference.h"

namespace hexad::sim {

class ClonesChecker : public Checker {
 public:
  explicit ClonesChecker(uint32_t page_size) : reference_(page_size) {}

  std::string name() const override { return "I10 clone"; }
  void See(const Event& event) override;

 private:
  void On(const CloneMade& made);
  void On(const CloneRead& read);

  ReferenceVolume reference_;
  std::map<TimelineId, Lsn> clones_;  // that were made, with where they left
};

}  // namespace hexad::sim

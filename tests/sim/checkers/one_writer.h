// I3: one writer per epoch, and no LSN twice. Epochs are opened by one process each; each epoch's
// LSNs lie above every LSN that an older one issued, or, a zombie, issues later. (That disks hold
// one content under an LSN is told by disk_model.h.)
#pragma once

#include <map>

#include "tests/sim/checker.h"

namespace hexad::sim {

class OneWriterChecker : public Checker {
 public:
  std::string name() const override { return "I3 one writer"; }
  void See(const Event& event) override;

 private:
  void OnIssued(const MtrIssued& issued);
  void OnOpened(const EpochOpened& opened);

  struct Tenure {
    ProcessId writer = 0;
    Lsn first_lsn;
    Lsn issued_to;  // None(): nothing yet
  };
  std::map<EpochId, Tenure> tenures_;
};

}  // namespace hexad::sim

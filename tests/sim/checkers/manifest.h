// I3: a segment's manifest never goes back, whatever comes late or twice: judged by the epoch that
// wrote it, then by its geometry epoch.
#pragma once

#include <map>
#include <set>

#include "tests/sim/checker.h"

namespace hexad::sim {

class ManifestChecker : public Checker {
 public:
  std::string name() const override { return "I3 manifest"; }
  void See(const Event& event) override;

 private:
  std::set<NodeIndex> harmed_;
  std::map<std::pair<NodeIndex, PgId>, std::pair<EpochId, GeometryEpoch>> newest_;
};

}  // namespace hexad::sim

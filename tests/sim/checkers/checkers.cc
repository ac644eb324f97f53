#include "tests/sim/checkers/checkers.h"

#include "tests/sim/checkers/ack_quorum.h"
#include "tests/sim/checkers/allocation.h"
#include "tests/sim/checkers/annulled.h"
#include "tests/sim/checkers/backtracks.h"
#include "tests/sim/checkers/begin_quorum.h"
#include "tests/sim/checkers/bounds.h"
#include "tests/sim/checkers/claims.h"
#include "tests/sim/checkers/clones.h"
#include "tests/sim/checkers/damage.h"
#include "tests/sim/checkers/disk_model.h"
#include "tests/sim/checkers/durability.h"
#include "tests/sim/checkers/fence.h"
#include "tests/sim/checkers/freshness.h"
#include "tests/sim/checkers/gave_up.h"
#include "tests/sim/checkers/gc_floor.h"
#include "tests/sim/checkers/manifest.h"
#include "tests/sim/checkers/one_writer.h"
#include "tests/sim/checkers/opening_quorum.h"
#include "tests/sim/checkers/pages.h"
#include "tests/sim/checkers/read_quorum.h"
#include "tests/sim/checkers/trackers.h"

namespace hexad::sim {

// What ends a run first is what is told: causes stand above their consequences.
std::vector<std::unique_ptr<Checker>> AllCheckers(const SimOptions& options) {
  std::vector<std::unique_ptr<Checker>> all;
  const auto disks = std::make_shared<DiskModel>();
  all.push_back(std::make_unique<DiskModelChecker>(disks));
  all.push_back(std::make_unique<FenceChecker>(disks));
  all.push_back(std::make_unique<ClaimsChecker>(disks));
  all.push_back(std::make_unique<OpeningQuorumChecker>(disks));
  all.push_back(std::make_unique<DamageChecker>());
  all.push_back(std::make_unique<AckQuorumChecker>(disks));
  all.push_back(std::make_unique<TrackersChecker>(disks));
  all.push_back(std::make_unique<BeginQuorumChecker>(disks));
  all.push_back(std::make_unique<OneWriterChecker>());
  all.push_back(std::make_unique<AllocationChecker>(options.lal));
  all.push_back(std::make_unique<ManifestChecker>());
  all.push_back(std::make_unique<AnnulledChecker>(disks));
  all.push_back(std::make_unique<DurabilityChecker>());
  all.push_back(std::make_unique<BacktracksChecker>());
  all.push_back(std::make_unique<ReadQuorumChecker>(disks));
  all.push_back(std::make_unique<FreshnessChecker>(disks));
  all.push_back(std::make_unique<PageChecker>(4096));
  all.push_back(std::make_unique<ClonesChecker>(4096));
  all.push_back(std::make_unique<GcFloorChecker>());
  all.push_back(std::make_unique<GaveUpChecker>());
  all.push_back(std::make_unique<BoundsChecker>(options.hot_log_limit_bytes));
  return all;
}

}  // namespace hexad::sim

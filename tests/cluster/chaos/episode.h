// What chaos does next, drawn from a seed: the same seed gives the same episodes in the same order,
// whatever the cluster does about them.
#pragma once

#include <string>
#include <vector>

#include "cli/launcher/cluster_dir.h"
#include "quorum/base/prng.h"

namespace hexad::chaos {

enum class Kind {
  kKill,         // kill -9, and started again
  kPause,        // SIGSTOP, SIGCONT
  kCut,          // cut off from everybody, both ways
  kMute,         // hears everybody, and nobody hears it
  kDeaf,         // is heard, and hears nobody
  kNoGossip,     // cut off from the other nodes, not from the writer
  kSlowNet,      // everything to and from it comes late
  kSlowDisk,     // each fsync takes long
  kFullDisk,     // no byte more
  kLoseDisk,     // starts with an empty disk; later the old one is put back
  kPowerCut,     // what was not fsynced is gone
  kKillWriter,   // kill -9; another is started at once
  kPauseWriter,  // SIGSTOP, SIGCONT
};
const char* NameOf(Kind kind);
// Its nodes cannot acknowledge while it lasts.
bool Blocks(Kind kind);
bool OnWriter(Kind kind);

struct Fault {
  Kind kind = Kind::kKill;
  std::vector<std::string> nodes = {};  // none of the writer's
  uint64_t delay_ms = 0;                // of the slow ones
};
std::string InWords(const Fault& fault);

struct Episode {
  std::vector<Fault> faults;  // at once
  double lasts_s = 0;
  double calm_s = 0;  // afterwards, once everything is healed
  // How many nodes cannot acknowledge meanwhile. Up to two cost no commit; with three or more none
  // may be acknowledged.
  size_t blocked() const;
  bool writer_suffers() const;
};
std::string InWords(const Episode& episode);

class EpisodePlan {
 public:
  EpisodePlan(uint64_t seed, std::vector<launcher::NodeRecord> nodes, bool power_cuts)
      : prng_(seed), nodes_(std::move(nodes)), power_cuts_(power_cuts) {}
  Episode Next();

 private:
  std::vector<std::string> DrawNodes();
  Fault DrawNodeFault(std::vector<std::string> nodes);
  void AddSecond(Episode& episode);

  Prng prng_;
  const std::vector<launcher::NodeRecord> nodes_;
  const bool power_cuts_;
};

}  // namespace hexad::chaos

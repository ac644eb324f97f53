// What a seed draws before a run starts: the shape of the cluster, the sizes at which things
// happen, and which faults occur how often. Swarm style (Groce et al. 2012): each seed switches a
// random part of the faults off and sizes the rest at random, because faults hide each other.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tests/sim/fabric.h"
#include "tests/sim/fault.h"
#include "tests/sim/network.h"
#include "tests/sim/sim_cloner.h"
#include "tests/sim/sim_compute.h"
#include "tests/sim/sim_node.h"

namespace hexad::sim {

struct SimOptions {
  uint64_t seed = 1;
  Duration safety = Duration::Seconds(30);  // the phase with faults

  size_t nodes = 6;
  uint32_t pages_per_pg = 8;
  size_t coalesce_at_bytes = 8 << 10;
  size_t hot_log_limit_bytes = 256 << 10;
  Duration gossip_every = Duration::Millis(100);
  Duration scrub_every = Duration::Millis(200);
  uint32_t scrub_pages = 8;
  DiskSpeed disk;
  Link link;
  FabricOptions fabric;

  uint64_t lal = 2000;
  quorum::WriterOptions writer;
  LoadOptions load;
  size_t cache_pages = 16;
  CloneLoad clones;
  quorum::Retention retention;
  Duration mark_every = Duration::Millis(100);

  // Faults: how long between two of them on average, how often each kind (0: never in this run).
  Duration fault_every = Duration::Millis(700);
  std::vector<uint32_t> fault_weights;  // by FaultKind
  size_t fragile = 0;  // so many nodes may lose what they have stored, one after the other

  // "nodes=6 pages_per_pg=8 ...": for people, and for the trace.
  std::string Describe() const;
};

SimOptions DrawOptions(uint64_t seed);

}  // namespace hexad::sim

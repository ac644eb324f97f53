// A deterministic sequence of writes, so that what a store holds after a crash can be checked by
// anybody who knows the seed: write number n is a function of (seed, n) alone.
//
// Each write holds several operations, among them the meta entry "progress" = n. So a store that
// survived a crash says itself how far it got, and must then equal the model after exactly n
// writes: a batch that came back in part, or a lost one in the middle, shows.
#pragma once

#include <cstdint>

#include "storage-node/core/store_batch.h"
#include "tests/contract/store_model.h"

namespace hexad::storage_node {

struct PatternWrite {
  StoreBatch batch;
  Durability durability = Durability::kSynced;
};

// REQUIRES: n >= 1. `bytes`: size of the larger values.
PatternWrite MakeWrite(uint64_t seed, uint64_t n, size_t bytes);

Universe PatternUniverse();

// Which n a store says it has reached, 0 if it is empty.
uint64_t ProgressOf(const StoreModel& all);

// The model after writes 1..n.
StoreModel ModelAfter(uint64_t seed, uint64_t n, size_t bytes);

}  // namespace hexad::storage_node

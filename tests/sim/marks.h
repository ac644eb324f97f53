// How often each SOMETIMES of the cores was reached in this process, and which BUGGIFY points fire.
// The only state of the simulator that is not a World's: the cores cannot be handed one.
#pragma once

#include <cstdint>
#include <map>
#include <string>

namespace hexad::sim {

using MarkCounts = std::map<std::string, uint64_t>;

// Starts counting anew; a quarter of the BUGGIFY points, drawn from `seed`, fire in this run, each
// time with its own probability. seed 0: none.
void ResetMarks(uint64_t seed);
// Every mark of the program, those never reached with 0.
MarkCounts ReachedMarks();

}  // namespace hexad::sim

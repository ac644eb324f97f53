// How hexad-storage-node and hexad-compute begin, in this order, before any thread exists:
// SetUpLibraries, flags, StartLog, BlockStopSignals, RaiseFileLimit.
#pragma once

#include <signal.h>

#include <cstdint>
#include <string>
#include <vector>

namespace hexad::process {

// What Abseil and gRPC do by default and a server must not.
void SetUpLibraries();

// Names that --log-level takes.
std::vector<std::string> LogLevels();
// To standard error, one line a message, times in UTC. REQUIRES: `level` is one of LogLevels().
void StartLog(const std::string& program, const std::string& level);

// SIGTERM and SIGINT, which every thread leaves to sigwait from now on. SIGPIPE is ignored.
sigset_t BlockStopSignals();

// Files that this process may have open: raised to what the system allows, since a connection storm
// that exhausts them stops gRPC's listener for good. Returns the limit in force; 0 if unknown.
uint64_t RaiseFileLimit();

}  // namespace hexad::process

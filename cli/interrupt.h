// Ctrl-C (SIGINT) and SIGTERM as a question that long waits ask.
#pragma once

namespace hexad::cli {

// The first signal is only noted; a second one ends the process as usual.
void WatchForInterrupt();
bool Interrupted();

}  // namespace hexad::cli

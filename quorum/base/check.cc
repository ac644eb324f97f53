#include "quorum/base/check.h"

#include <cstdio>
#include <cstdlib>

namespace hexad {

void InvariantFailed(const char* condition, const char* file, int line) {
  std::fprintf(stderr, "INVARIANT failed: %s at %s:%d\n", condition, file, line);
  std::fflush(stderr);
  std::abort();
}

}  // namespace hexad

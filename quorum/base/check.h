// Two kinds of check, never mixed. INVARIANT: if it fails the bug is ours, and the process stops
// before it can acknowledge anything more. absl::Status: the bytes of a disk, a peer or a user were
// bad, and the caller decides.
#pragma once

namespace hexad {

// Prints to stderr and aborts. Always compiled in.
[[noreturn]] void InvariantFailed(const char* condition, const char* file, int line);

}  // namespace hexad

#define INVARIANT(condition)                                    \
  do {                                                          \
    if (!(condition)) [[unlikely]] {                            \
      ::hexad::InvariantFailed(#condition, __FILE__, __LINE__); \
    }                                                           \
  } while (false)

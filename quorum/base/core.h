// The one seam. A core is a state machine without threads, clocks or devices: input in, effects
// out. Exactly two kinds of driver exist: a process's host and the simulator's world loop.
#pragma once

#include <concepts>

#include "quorum/base/instant.h"

namespace hexad {

template <class T>
concept Core = requires(T core, const T read_only, const typename T::Input& in, Instant now,
                        typename T::Effects& out) {
  // The only mutating call. `now` never decreases. Effects are appended, never executed here.
  { core.Step(in, now, out) } -> std::same_as<void>;
  // When the core wants a Tick; Instant::Never() if it does not.
  { read_only.NextDeadline() } -> std::same_as<Instant>;
  // Aborts if the state contradicts itself. Drivers of tests call it after every Step.
  { read_only.CheckInvariants() } -> std::same_as<void>;
};

}  // namespace hexad

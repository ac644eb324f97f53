// What the register "name/<volume>" holds, and the only ways in which it changes
// (docs/fork.md, "Taking a name away"). Pure: the register itself is compute/io/register_client.h.
//
//   free --RegisterVolume, RegisterClone--> a volume's --FreeName--> free
//   free --TakeNameFrom--> free, but no more as it was
//
// A name that is free again is never free in the same way: each time it says with a new random
// number from whom it was taken. So a clone's creator, who must find the name exactly as it was
// before the clone was made, finds out about anything that happened to it meanwhile.
#pragma once

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "compute/engine.h"

namespace hexad::compute {

// Nobody's: nullopt. DATA_LOSS if the value makes no sense.
absl::StatusOr<std::optional<VolumeEntry>> DecodeName(const std::string& name,
                                                      const std::string& value);
std::string EncodeEntry(const VolumeEntry& entry);

// Each: given what the register holds now, what it shall hold, or why not. Given what it made of it
// itself, it leaves it so. `random` is another number each time.

// ALREADY_EXISTS if it is somebody else's.
absl::StatusOr<std::string> RegisterVolume(const std::string& now, const VolumeEntry& entry);
// As RegisterVolume, and UNAVAILABLE if it is not as it was `before` the clone was made: then
// somebody may have dropped the clone.
absl::StatusOr<std::string> RegisterClone(const std::string& now, const std::string& before,
                                          const VolumeEntry& entry);
// After this the timeline, which must have been made by now, does not get that name any more.
// ALREADY_EXISTS if it has it.
absl::StatusOr<std::string> TakeNameFrom(const std::string& now, const std::string& name,
                                         TimelineId timeline, uint64_t random);
// FAILED_PRECONDITION if the name is another volume's than `entry`.
absl::StatusOr<std::string> FreeName(const std::string& now, const VolumeEntry& entry,
                                     uint64_t random);

}  // namespace hexad::compute

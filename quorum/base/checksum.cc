#include "quorum/base/checksum.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace hexad {

uint64_t Checksum(std::string_view bytes) { return XXH3_64bits(bytes.data(), bytes.size()); }

uint64_t ChecksumAt(std::string_view place, std::string_view bytes) {
  return XXH3_64bits_withSeed(bytes.data(), bytes.size(), Checksum(place));
}

uint64_t ChecksumAt(std::string_view place, std::string_view head, std::string_view bytes) {
  XXH3_state_t state;
  XXH3_INITSTATE(&state);
  XXH3_64bits_reset_withSeed(&state, Checksum(place));
  XXH3_64bits_update(&state, head.data(), head.size());
  XXH3_64bits_update(&state, bytes.data(), bytes.size());
  return XXH3_64bits_digest(&state);
}

}  // namespace hexad

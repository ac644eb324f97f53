#include "quorum/base/checksum.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace hexad {

uint64_t Checksum(std::string_view bytes) { return XXH3_64bits(bytes.data(), bytes.size()); }

uint64_t ChecksumAt(std::string_view place, std::string_view bytes) {
  return XXH3_64bits_withSeed(bytes.data(), bytes.size(), Checksum(place));
}

}  // namespace hexad

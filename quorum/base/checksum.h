// The one checksum of Hexad: XXH3, 64 bits. It guards against damage, not against forgery.
#pragma once

#include <cstdint>
#include <string_view>

namespace hexad {

uint64_t Checksum(std::string_view bytes);

// A checksum that also binds the bytes to where they belong: `place` is hashed first.
uint64_t ChecksumAt(std::string_view place, std::string_view bytes);

// The same as of `head` with `bytes` behind it, which need not lie side by side.
uint64_t ChecksumAt(std::string_view place, std::string_view head, std::string_view bytes);

}  // namespace hexad

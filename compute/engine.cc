#include "compute/engine.h"

namespace hexad::compute {

std::string_view NameOf(VolumeMode mode) {
  switch (mode) {
    case VolumeMode::kOpening:
      return "opening";
    case VolumeMode::kReadWrite:
      return "read-write";
    case VolumeMode::kReadOnly:
      return "read-only";
    case VolumeMode::kFenced:
      return "fenced";
  }
  return "?";
}

}  // namespace hexad::compute

// A volume's status as a message.
#pragma once

#include "compute/engine.h"
#include "proto/compute.pb.h"

namespace hexad::compute {

void Tell(const VolumeStatus& status, v1::VolumeState* out);

}  // namespace hexad::compute

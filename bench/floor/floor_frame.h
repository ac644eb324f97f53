// What the floor sends. To a node: boxcars, each as sequence:8 length:4 bytes, many in one message.
// Back: the highest sequence that is on the disk, 8 bytes.
#pragma once

#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/slice.h>

#include <cstdint>
#include <string_view>

#include "quorum/base/bytes.h"

namespace hexad::floor {

inline constexpr char kLogMethod[] = "/hexad.floor/Log";
inline constexpr size_t kFloorHeaderBytes = 12;

inline grpc::Slice Flat(const grpc::ByteBuffer& message) {
  grpc::Slice slice;
  if (!message.TrySingleSlice(&slice).ok()) (void)message.DumpToSingleSlice(&slice);
  return slice;
}

inline std::string_view ViewOf(const grpc::Slice& slice) {
  return {reinterpret_cast<const char*>(slice.begin()), slice.size()};
}

}  // namespace hexad::floor

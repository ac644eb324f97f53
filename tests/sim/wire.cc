#include "tests/sim/wire.h"

#include <array>
#include <string>
#include <utility>

#include "proto/frame_codec.h"
#include "quorum/base/check.h"

namespace hexad::sim {

quorum::SegmentRequest ThroughTheWire(quorum::SegmentRequest request) {
  const std::array<quorum::SegmentRequest, 1> one{std::move(request)};
  auto back = proto::DecodeWriterFrame(proto::EncodeWriterFrame(one));
  INVARIANT(back.ok());
  INVARIANT(back->size() == 1);
  return std::move(back->front());
}

quorum::SegmentAnswer ThroughTheWire(quorum::SegmentAnswer answer) {
  const std::array<quorum::SegmentAnswer, 1> one{std::move(answer)};
  auto back = proto::DecodeNodeFrame(proto::EncodeNodeFrame(one));
  INVARIANT(back.ok());
  INVARIANT(back->size() == 1);
  return std::move(back->front());
}

quorum::SegmentRequest Corrupted(quorum::SegmentRequest request, uint64_t draw) {
  auto* append = std::get_if<quorum::Append>(&request);
  if (append == nullptr || append->boxcar.empty()) return request;
  std::string bytes(append->boxcar.view());
  bytes[draw % bytes.size()] ^= static_cast<char>(1 << (draw >> 32) % 8);
  append->boxcar = BytesRef::Own(std::move(bytes));
  return request;
}

}  // namespace hexad::sim

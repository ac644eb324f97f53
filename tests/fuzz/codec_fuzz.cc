// Frames from outside: whatever the bytes, decoding them ends in a status or in requests that
// encode to a frame which decodes to the same again.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "proto/answer_codec.h"
#include "proto/frame_codec.h"
#include "proto/node_codec.h"
#include "proto/read_codec.h"
#include "proto/request_codec.h"
#include "proto/scrub_codec.h"

namespace {

using namespace hexad;  // NOLINT: a program of one file

std::string Flat(const grpc::ByteBuffer& frame) {
  std::vector<grpc::Slice> slices;
  (void)frame.Dump(&slices);
  std::string bytes;
  for (const grpc::Slice& slice : slices) {
    bytes.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  }
  return bytes;
}

void Require(bool condition) {
  if (!condition) std::abort();
}

template <class Entries, class Encode, class Decode>
void RoundTrip(const absl::StatusOr<Entries>& entries, Encode encode, Decode decode) {
  if (!entries.ok()) return;
  const std::string once = Flat(encode(*entries));
  const auto again = decode(BytesRef::Own(once));
  Require(again.ok() && again->size() == entries->size());
  Require(Flat(encode(*again)) == once);
}

template <class Wire>
void DecodeOne(std::string_view bytes) {
  Wire wire;
  if (wire.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    (void)proto::FromWire(std::move(wire));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const BytesRef frame = BytesRef::Own(std::string(bytes));
  RoundTrip(
      proto::DecodeWriterFrame(frame), [](const auto& r) { return proto::EncodeWriterFrame(r); },
      [](const BytesRef& f) { return proto::DecodeWriterFrame(f); });
  RoundTrip(
      proto::DecodeNodeFrame(frame), [](const auto& a) { return proto::EncodeNodeFrame(a); },
      [](const BytesRef& f) { return proto::DecodeNodeFrame(f); });
  DecodeOne<v1::ReadPageAnswer>(bytes);
  DecodeOne<v1::GossipFill>(bytes);
  DecodeOne<v1::GossipAsk>(bytes);
  DecodeOne<v1::ScrubFill>(bytes);
  DecodeOne<v1::ScrubAsk>(bytes);
  DecodeOne<v1::RegisterState>(bytes);
  return 0;
}

// Frames: what one message of the Log stream carries, many requests or many answers at a time.
//
// The hot path of the product passes here twelve times per boxcar (six streams, two ends), so the
// log's bytes are not copied:
//
//   encode   [heads of requests][boxcar A][heads][boxcar B]...   slices of one ByteBuffer; the six
//            streams share the boxcars' bytes, each has its own few bytes of heads
//   decode   the frame is copied once, out of gRPC's buffers into one run of bytes; a boxcar that
//   is
//            most of it is a view into it that keeps it alive, a smaller one is copied again
//
// The bytes are exactly those of the generated WriterFrame and NodeFrame: tests/unit/codec_test
// compares. Anything that does not look like the encoder's own Append goes to the generated parser.
#pragma once

#include <grpcpp/support/byte_buffer.h>

#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "quorum/messages.h"

namespace hexad::proto {

// Entries of one frame. More is refused before anything is allocated for them.
inline constexpr size_t kMaxFrameEntries = 4096;
// The largest message that either end accepts. A frame may exceed kFullFrameBytes by one request.
inline constexpr int kMaxMessageBytes = 8 * 1024 * 1024;

// gRPC's keepalive between writers, readers and nodes: a ping when nothing came for so long, and so
// long for its answer; then the connection is given up. A peer whose machine or network vanished
// sends nothing that would end it. (The node's server takes any number of pings.)
inline constexpr int kKeepaliveTimeMs = 3000;
inline constexpr int kKeepaliveTimeoutMs = 2000;
// A sender closes a frame that has about this size: bigger ones only delay their first boxcar.
inline constexpr size_t kFullFrameBytes = 1024 * 1024;

// About how many bytes an entry has on the wire: what a sender closes its frames by. Never less
// than a third of the truth, so that no frame of full size comes near the limit.
size_t RoughBytes(const quorum::SegmentRequest& request);
size_t RoughBytes(const quorum::SegmentAnswer& answer);

// Builds one WriterFrame. Not thread-safe. Reusable after Take().
class WriterFrameBuilder {
 public:
  // REQUIRES: fewer than kMaxFrameEntries so far.
  void Add(const quorum::SegmentRequest& request);
  bool empty() const { return entries_ == 0; }
  // It should be sent now; what is added all the same is encoded all the same.
  bool full() const { return entries_ == kMaxFrameEntries || bytes_ >= kFullFrameBytes; }
  grpc::ByteBuffer Take();

 private:
  void AddAppend(const quorum::Append& append);
  void FlushHeads();

  std::string heads_;                // encoded, and not yet a slice
  std::vector<grpc::Slice> slices_;  // in order
  size_t entries_ = 0;
  size_t bytes_ = 0;
};

grpc::ByteBuffer EncodeWriterFrame(std::span<const quorum::SegmentRequest> requests);
grpc::ByteBuffer EncodeNodeFrame(std::span<const quorum::SegmentAnswer> answers);

// INVALID_ARGUMENT names the first field that is wrong; nothing of such a frame may be used, and
// its stream should end. Duplicates and old frames are not errors here: the core judges them.
absl::StatusOr<std::vector<quorum::SegmentRequest>> DecodeWriterFrame(
    const grpc::ByteBuffer& frame);
absl::StatusOr<std::vector<quorum::SegmentAnswer>> DecodeNodeFrame(const grpc::ByteBuffer& frame);

// The same on plain bytes, as fuzzers and tests call it.
absl::StatusOr<std::vector<quorum::SegmentRequest>> DecodeWriterFrame(const BytesRef& frame);
absl::StatusOr<std::vector<quorum::SegmentAnswer>> DecodeNodeFrame(const BytesRef& frame);

}  // namespace hexad::proto

// One Log stream from one volume to one storage node, kept up for as long as it is wanted.
//
//               Describe ok: this cluster, this node          the stream ends, or is silent
//   [waiting] ------------------------------------> [up] --------------------------------+
//       ^  \__ no answer: back off (50 ms .. 500 ms, jittered)                            |
//       +---------------------------------------------------------------------------------+
//
// Requests travel in order while the link is up; what was not sent when it goes down is dropped,
// and its sender resends what matters when the link is up again. While one frame is being written
// the next one collects: batching under load, no delay without.
//
// A node that stays silent although something was sent to it (it is paused, or cut off without a
// reset) is treated as down after kSilence.
#pragma once

#include <grpcpp/support/byte_buffer.h>

#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "compute/io/node_channel.h"
#include "compute/io/timer_thread.h"
#include "proto/frame_codec.h"
#include "quorum/base/prng.h"
#include "quorum/messages.h"

namespace hexad::compute {

class StorageLink;

// Called on gRPC threads, one call at a time per link: Up, Answers..., Down, Up, ...
class LinkListener {
 public:
  virtual ~LinkListener() = default;
  // The listener calls link.Accept() when it is ready to send; until then Enqueue drops.
  virtual void OnLinkUp(StorageLink& link, Incarnation incarnation) = 0;
  virtual void OnLinkDown(StorageLink& link) = 0;
  virtual void OnAnswers(StorageLink& link, std::vector<quorum::SegmentAnswer> answers) = 0;
};

// Thread-safe. Held by shared_ptr.
class StorageLink : public std::enable_shared_from_this<StorageLink> {
 public:
  static constexpr Duration kMinBackOff = Duration::Millis(50);
  static constexpr Duration kMaxBackOff = Duration::Millis(500);
  static constexpr Duration kDescribeTimeout = Duration::Seconds(1);
  static constexpr Duration kSilence = Duration::Seconds(5);
  // Unsent bytes at which the link gives up on the node: it is too slow, and gossip will fill it.
  static constexpr size_t kMaxUnsentBytes = 64 << 20;

  StorageLink(std::shared_ptr<NodeChannel> channel, ClusterId cluster,
              std::shared_ptr<TimerThread> timer, std::weak_ptr<LinkListener> listener);
  ~StorageLink();

  const NodeId& node() const { return channel_->node(); }
  void Start();
  // Ends the stream and connects no more. `ended` is called, once, when no stream is left.
  void Stop(std::function<void()> ended);

  void Accept();
  // Queues a request behind those before it. Cheap, sends nothing. Dropped unless accepting.
  void Enqueue(quorum::SegmentRequest request);
  // Sends what is queued, unless a write is under way (then it goes with the next).
  void Flush();

  struct Counters {
    uint64_t bytes_sent = 0;
    uint64_t bytes_received = 0;
    size_t unsent_bytes = 0;
    bool up = false;
    std::string trouble;  // why it is not up, for people
  };
  Counters counters() const;

 private:
  class Stream;

  void Connect();
  void Described(absl::StatusOr<v1::NodeDescription> description);
  absl::Status CheckIdentity(const v1::NodeDescription& description) const;
  void Retry(std::string trouble);
  void WatchSilence(std::weak_ptr<Stream> stream);

  // Called by the stream.
  void Received(Stream* stream, const grpc::ByteBuffer& frame);
  // REQUIRES: mutex_ held.
  void DropUnsent();
  // The next frame if there is anything to send; otherwise no write is under way any more.
  bool NextFrame(grpc::ByteBuffer& frame);
  void Ended(Stream* stream, const std::string& why);

  const std::shared_ptr<NodeChannel> channel_;
  const ClusterId cluster_;
  const std::shared_ptr<TimerThread> timer_;
  const std::weak_ptr<LinkListener> listener_;

  mutable std::mutex mutex_;
  bool stopped_ = false;
  bool accepting_ = false;
  bool writing_ = false;
  std::shared_ptr<Stream> stream_;  // null while waiting
  std::deque<quorum::SegmentRequest> unsent_;
  bool awaiting_ = false;  // something was sent since the last frame came
  Instant awaiting_since_;
  Duration back_off_ = kMinBackOff;
  Prng jitter_;
  std::function<void()> on_ended_;
  Counters counters_;
};

}  // namespace hexad::compute

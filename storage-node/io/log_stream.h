// One writer's Log stream at the node.
//
//   Start -> reading -- OnRead, frame decoded and handed to the owner --> parked
//               ^                                                           |
//               +---------------------- ResumeReading ----------------------+
//   OnRead not ok, bad frame, outbox full, or End() -> ended -> Finish -> gone
//
// Reading on is the owner's choice because it costs: with a Read pending, gRPC tells the peer at
// once how much of its window is free again, with a system call and a packet of its own for each
// frame. After the acks have left is a better time for that than before the fsync.
//
// At most one Read and one Write are outstanding. Answers queue in the outbox while a Write is
// under way, so that one frame carries all answers of a drain.
#pragma once

#include <grpcpp/support/byte_buffer.h>

#include <memory>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "quorum/messages.h"
#include "storage-node/core/node_core.h"
#include "storage-node/io/completion.h"
#include "storage-node/io/incoming_call.h"

namespace hexad::storage_node {

// Thread-safe. Its completions run on the loop thread.
class LogStream {
 public:
  // Called on the loop thread.
  class Owner {
   public:
    virtual ~Owner() = default;
    // A frame's requests, in order. The stream is parked now: ResumeReading() gets the next frame.
    virtual void OnFrame(ConnId id, std::vector<quorum::SegmentRequest> requests, size_t bytes) = 0;
    // The stream has ended and may be deleted.
    virtual void OnGone(ConnId id) = 0;
  };

  LogStream(ConnId id, std::unique_ptr<IncomingCall> call, Owner& owner);

  ConnId id() const { return id_; }
  void Start() { ResumeReading(); }

  // Adds an answer to the outbox; Flush() sends it. An ack replaces the ack before it of the same
  // segment and epoch: acks are cumulative. True if Flush() has not been called since the last
  // answer that was queued: the caller remembers to flush once.
  bool Queue(quorum::SegmentAnswer answer);
  void Flush();
  // Reads the next frame, if none is being read.
  void ResumeReading();
  // No more frames are taken; the peer gets `status` once what is being written has left.
  void End(absl::Status status);

 private:
  void OnRead(bool ok);
  void OnWritten(bool ok);
  void OnFinished(bool ok);
  void EndLocked(absl::Status status) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Gives the final status to gRPC when nothing is being written any more.
  void MaybeFinish() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool CanGo() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return finished_ && !reading_; }

  const ConnId id_;
  const std::unique_ptr<IncomingCall> call_;
  Owner& owner_;
  grpc::ByteBuffer received_;  // of the loop thread, while no Read is outstanding
  CompletionOf<LogStream> read_{this, &LogStream::OnRead};
  CompletionOf<LogStream> write_{this, &LogStream::OnWritten};
  CompletionOf<LogStream> finish_{this, &LogStream::OnFinished};

  absl::Mutex mutex_;
  std::vector<quorum::SegmentAnswer> outbox_ ABSL_GUARDED_BY(mutex_);
  size_t outbox_bytes_ ABSL_GUARDED_BY(mutex_) = 0;  // of boxcars in it
  bool unflushed_ ABSL_GUARDED_BY(mutex_) = false;   // something was queued since Flush()
  bool reading_ ABSL_GUARDED_BY(mutex_) = false;     // until its frame has been dealt with
  bool resume_ ABSL_GUARDED_BY(mutex_) = false;      // asked to read on while reading_
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;
  bool finishing_ ABSL_GUARDED_BY(mutex_) = false;
  bool finished_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Status end_status_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace hexad::storage_node

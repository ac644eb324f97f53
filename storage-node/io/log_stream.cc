#include "storage-node/io/log_stream.h"

#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/frame_codec.h"
#include "proto/status.h"

namespace hexad::storage_node {
namespace {

// A peer that sends and does not read its answers is cut off at these.
constexpr size_t kMaxOutboxAnswers = 4 * proto::kMaxFrameEntries;
constexpr size_t kMaxOutboxBytes = 16 << 20;

// How many answers of the outbox go into one frame: all, unless they carry much log or long paths.
size_t FrameEntries(const std::vector<quorum::SegmentAnswer>& outbox) {
  size_t bytes = 0;
  size_t entries = 0;
  while (entries < outbox.size() && entries < proto::kMaxFrameEntries &&
         bytes < proto::kFullFrameBytes) {
    bytes += proto::RoughBytes(outbox[entries++]);
  }
  return entries;
}

}  // namespace

LogStream::LogStream(ConnId id, std::unique_ptr<IncomingCall> call, Owner& owner)
    : id_(id), call_(std::move(call)), owner_(owner) {}

void LogStream::ResumeReading() {
  absl::MutexLock lock(&mutex_);
  if (ended_) return;
  if (reading_) {
    resume_ = true;  // its frame may be on the way to being parked
    return;
  }
  reading_ = true;
  call_->io.Read(&received_, &read_);
}

void LogStream::OnRead(bool ok) {
  absl::Status bad;
  {
    absl::MutexLock lock(&mutex_);
    resume_ = false;  // only what is asked from here on can be meant for this frame
  }
  if (ok) {
    const size_t bytes = received_.Length();
    auto requests = proto::DecodeWriterFrame(received_);
    received_.Clear();
    bad = requests.status();
    if (requests.ok()) owner_.OnFrame(id_, *std::move(requests), bytes);
  }
  bool gone = false;
  {
    absl::MutexLock lock(&mutex_);
    if (!ok || !bad.ok()) EndLocked(std::move(bad));
    reading_ = !ended_ && resume_;
    if (reading_) call_->io.Read(&received_, &read_);
    gone = CanGo();
  }
  if (gone) owner_.OnGone(id_);
}

bool LogStream::Queue(quorum::SegmentAnswer answer) {
  absl::MutexLock lock(&mutex_);
  if (ended_) return false;
  const bool first = !std::exchange(unflushed_, true);
  const auto* ack = std::get_if<quorum::Ack>(&answer);
  if (ack != nullptr && !outbox_.empty()) {
    auto* last = std::get_if<quorum::Ack>(&outbox_.back());
    if (last != nullptr && last->from == ack->from) {
      *last = *ack;
      return first;
    }
  }
  outbox_bytes_ += proto::RoughBytes(answer);
  outbox_.push_back(std::move(answer));
  if (outbox_.size() > kMaxOutboxAnswers || outbox_bytes_ > kMaxOutboxBytes) {
    EndLocked(absl::ResourceExhaustedError(
        absl::StrCat("this stream does not read its answers: ", outbox_.size(), " wait")));
  }
  return first;
}

void LogStream::Flush() {
  std::vector<quorum::SegmentAnswer> answers;
  {
    absl::MutexLock lock(&mutex_);
    unflushed_ = false;
    if (writing_ || ended_ || outbox_.empty()) return;
    writing_ = true;
    const auto end = outbox_.begin() + static_cast<ptrdiff_t>(FrameEntries(outbox_));
    answers.assign(std::make_move_iterator(outbox_.begin()), std::make_move_iterator(end));
    outbox_.erase(outbox_.begin(), end);
    for (const auto& answer : answers) outbox_bytes_ -= proto::RoughBytes(answer);
  }
  // Nobody else writes now, and the stream cannot go while writing_.
  call_->io.Write(proto::EncodeNodeFrame(answers), &write_);
}

void LogStream::OnWritten(bool ok) {
  {
    absl::MutexLock lock(&mutex_);
    writing_ = false;
    if (!ok) EndLocked(absl::OkStatus());
    MaybeFinish();
  }
  Flush();
}

void LogStream::End(absl::Status status) {
  absl::MutexLock lock(&mutex_);
  EndLocked(std::move(status));
}

void LogStream::EndLocked(absl::Status status) {
  if (ended_) return;
  ended_ = true;
  end_status_ = std::move(status);
  outbox_.clear();
  outbox_bytes_ = 0;
  MaybeFinish();
}

void LogStream::MaybeFinish() {
  if (!ended_ || writing_ || finishing_) return;
  finishing_ = true;
  call_->io.Finish(proto::ToGrpc(end_status_), &finish_);
}

void LogStream::OnFinished(bool) {
  bool gone = false;
  {
    absl::MutexLock lock(&mutex_);
    finished_ = true;
    gone = CanGo();
  }
  if (gone) owner_.OnGone(id_);
}

}  // namespace hexad::storage_node

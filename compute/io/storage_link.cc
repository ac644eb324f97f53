#include "compute/io/storage_link.h"

#include <grpcpp/client_context.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/support/client_callback.h>

#include <algorithm>
#include <atomic>
#include <utility>

#include "absl/strings/str_cat.h"
#include "compute/io/clocks.h"
#include "quorum/base/check.h"

namespace hexad::compute {
namespace {

constexpr char kLogMethod[] = "/hexad.v1.SegmentService/Log";

}  // namespace

// One attempt at the stream. gRPC calls it one reaction at a time, reads and writes apart. It keeps
// itself alive until OnDone. A hold is on from the start until no further StartWrite can come.
class StorageLink::Stream : public grpc::ClientBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>,
                            public std::enable_shared_from_this<Stream> {
 public:
  explicit Stream(std::shared_ptr<StorageLink> link)
      : link_(std::move(link)), stub_(link_->channel_->log_channel()) {}

  // After Prepare writes may be started; nothing moves before Start, which must follow.
  void Prepare() {
    self_ = shared_from_this();
    stub_.PrepareBidiStreamingCall(&context_, kLogMethod, {}, this);
    AddHold();
  }
  void Start() {
    StartRead(&received_);
    StartCall();
  }
  void Cancel() { context_.TryCancel(); }

  // REQUIRES: link_->writing_ is set, on behalf of this call; the link's mutex is not held.
  void WriteNext() {
    if (link_->NextFrame(sending_)) {
      StartWrite(&sending_);
    } else if (closed()) {
      ReleaseHold();
    }
  }

  void OnReadDone(bool ok) override {
    if (!ok) return Close();
    link_->Received(this, received_);
    received_.Clear();
    StartRead(&received_);
  }
  void OnWriteDone(bool ok) override {
    sending_.Clear();
    if (!ok) Cancel();  // the read side ends next, and closes
    WriteNext();
  }
  void OnDone(const grpc::Status& status) override {
    const auto last = std::move(self_);
    link_->Ended(this, status.ok() ? "the node ended the stream" : status.error_message());
  }

 private:
  bool closed() {
    const std::lock_guard lock(link_->mutex_);
    return closed_;
  }
  // After this no write starts; the hold goes at once, or with the write that is under way.
  void Close() {
    Cancel();
    bool idle = false;
    {
      const std::lock_guard lock(link_->mutex_);
      closed_ = true;
      link_->DropUnsent();
      idle = !link_->writing_;
    }
    if (idle) ReleaseHold();
  }
  void ReleaseHold() {
    if (!released_.exchange(true)) RemoveHold();
  }

  const std::shared_ptr<StorageLink> link_;
  grpc::GenericStub stub_;
  grpc::ClientContext context_;
  grpc::ByteBuffer received_;
  grpc::ByteBuffer sending_;
  std::shared_ptr<Stream> self_;
  bool closed_ = false;  // guarded by link_->mutex_
  std::atomic<bool> released_{false};
};

StorageLink::StorageLink(std::shared_ptr<NodeChannel> channel, ClusterId cluster,
                         std::shared_ptr<TimerThread> timer, std::weak_ptr<LinkListener> listener)
    : channel_(std::move(channel)),
      cluster_(cluster),
      timer_(std::move(timer)),
      listener_(std::move(listener)),
      jitter_(RandomNumber()) {
  counters_.trouble = "not connected yet";
}

StorageLink::~StorageLink() = default;

void StorageLink::Start() { Connect(); }

void StorageLink::Stop(std::function<void()> ended) {
  std::shared_ptr<Stream> stream;
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
    DropUnsent();
    stream = stream_;
    if (stream != nullptr) on_ended_ = std::move(ended);
  }
  if (stream != nullptr) return stream->Cancel();
  ended();
}

void StorageLink::DropUnsent() {
  accepting_ = false;
  unsent_.clear();
  counters_.unsent_bytes = 0;
}

void StorageLink::Connect() {
  channel_->Describe(false, kDescribeTimeout, [weak = weak_from_this()](auto description) {
    if (const auto link = weak.lock()) link->Described(std::move(description));
  });
}

absl::Status StorageLink::CheckIdentity(const v1::NodeDescription& description) const {
  if (description.node() != node().value()) {
    return absl::FailedPreconditionError(absl::StrCat(
        channel_->address(), " is node ", description.node(), ", not ", node().value()));
  }
  if (description.cluster() == 0) {
    return absl::FailedPreconditionError(
        absl::StrCat("node ", node().value(), " is fresh: it belongs to no cluster"));
  }
  if (ClusterId(description.cluster()) != cluster_) {
    return absl::FailedPreconditionError(
        absl::StrCat("node ", node().value(), " belongs to another cluster"));
  }
  return absl::OkStatus();
}

void StorageLink::Described(absl::StatusOr<v1::NodeDescription> description) {
  absl::Status status = description.status();
  if (status.ok()) status = CheckIdentity(*description);
  if (!status.ok()) return Retry(std::string(status.message()));
  auto stream = std::make_shared<Stream>(shared_from_this());
  {
    const std::lock_guard lock(mutex_);
    if (stopped_) return;
    stream->Prepare();
    stream_ = stream;
    awaiting_ = false;
    writing_ = false;
    back_off_ = kMinBackOff;
    counters_.up = true;
    counters_.trouble.clear();
  }
  // Before Start, so that Up precedes every Answers and Down of this stream.
  if (const auto listener = listener_.lock()) {
    listener->OnLinkUp(*this, Incarnation(description->incarnation()));
  }
  stream->Start();
  WatchSilence(stream);
  Flush();
}

void StorageLink::Retry(std::string trouble) {
  const std::lock_guard lock(mutex_);
  counters_.up = false;
  counters_.trouble = std::move(trouble);
  if (stopped_) return;
  const auto half = static_cast<uint64_t>(back_off_.nanos() / 2);
  const Duration wait = Duration::Nanos(static_cast<int64_t>(half + jitter_.Below(half)));
  back_off_ = std::min(back_off_ * 2, kMaxBackOff);
  timer_->At(MonotonicNow() + wait, [weak = weak_from_this()] {
    if (const auto link = weak.lock()) link->Connect();
  });
}

void StorageLink::Accept() {
  const std::lock_guard lock(mutex_);
  accepting_ = stream_ != nullptr && !stopped_;
}

void StorageLink::Enqueue(quorum::SegmentRequest request) {
  std::shared_ptr<Stream> too_slow;
  {
    const std::lock_guard lock(mutex_);
    if (!accepting_) return;
    counters_.unsent_bytes += proto::RoughBytes(request);
    unsent_.push_back(std::move(request));
    if (counters_.unsent_bytes > kMaxUnsentBytes) too_slow = stream_;
  }
  if (too_slow != nullptr) too_slow->Cancel();
}

void StorageLink::Flush() {
  std::shared_ptr<Stream> stream;
  {
    const std::lock_guard lock(mutex_);
    if (writing_ || unsent_.empty() || stream_ == nullptr) return;
    writing_ = true;
    stream = stream_;
  }
  stream->WriteNext();
}

bool StorageLink::NextFrame(grpc::ByteBuffer& frame) {
  std::vector<quorum::SegmentRequest> batch;
  {
    const std::lock_guard lock(mutex_);
    size_t bytes = 0;
    while (!unsent_.empty() && bytes < proto::kFullFrameBytes &&
           batch.size() < proto::kMaxFrameEntries) {
      bytes += proto::RoughBytes(unsent_.front());
      batch.push_back(std::move(unsent_.front()));
      unsent_.pop_front();
    }
    counters_.unsent_bytes -= bytes;
    writing_ = !batch.empty();
    if (!writing_) return false;
    counters_.bytes_sent += bytes;
    if (!std::exchange(awaiting_, true)) awaiting_since_ = MonotonicNow();
  }
  frame = proto::EncodeWriterFrame(batch);
  return true;
}

void StorageLink::Received(Stream* stream, const grpc::ByteBuffer& frame) {
  auto answers = proto::DecodeNodeFrame(frame);
  {
    const std::lock_guard lock(mutex_);
    awaiting_ = false;
    counters_.bytes_received += frame.Length();
    if (stopped_) return;
  }
  if (!answers.ok()) return stream->Cancel();  // a damaged frame: start over
  if (const auto listener = listener_.lock()) listener->OnAnswers(*this, *std::move(answers));
}

void StorageLink::Ended(Stream* stream, const std::string& why) {
  std::function<void()> ended;
  {
    const std::lock_guard lock(mutex_);
    INVARIANT(stream_.get() == stream);
    stream_ = nullptr;
    writing_ = false;
    DropUnsent();
    ended = std::move(on_ended_);
  }
  if (const auto listener = listener_.lock()) listener->OnLinkDown(*this);
  Retry(why);
  if (ended) ended();
}

void StorageLink::WatchSilence(std::weak_ptr<Stream> watched) {
  timer_->At(MonotonicNow() + Duration::Seconds(1), [weak = weak_from_this(), watched] {
    const auto link = weak.lock();
    const auto stream = watched.lock();
    if (link == nullptr || stream == nullptr) return;
    bool silent = false;
    {
      const std::lock_guard lock(link->mutex_);
      if (link->stream_ != stream) return;
      silent = link->awaiting_ && MonotonicNow() - link->awaiting_since_ > kSilence;
    }
    if (silent) return stream->Cancel();
    link->WatchSilence(watched);
  });
}

StorageLink::Counters StorageLink::counters() const {
  const std::lock_guard lock(mutex_);
  return counters_;
}

}  // namespace hexad::compute

#include "bench/floor/floor_client.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/support/client_callback.h>

#include <algorithm>
#include <array>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <utility>

#include "absl/strings/str_cat.h"
#include "bench/floor/floor_frame.h"

namespace hexad::floor {
namespace {

using Clock = std::chrono::steady_clock;

constexpr size_t kWriteQuorum = 4;
constexpr size_t kCopiedBoxcarBytes = 1024;  // as in proto/frame_codec.cc
constexpr size_t kFullFrameBytes = 1 << 20;  // likewise
constexpr uint64_t kMaxBehind = 16 * 1024;   // boxcars that the slowest node may lag
constexpr std::chrono::seconds kPatience{10};

class FloorClient;

class FloorStream : public grpc::ClientBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer> {
 public:
  FloorStream(FloorClient& client, const std::string& address, int index);
  bool Connect(std::chrono::system_clock::time_point deadline) {
    return channel_->WaitForConnected(deadline);
  }
  void Start();
  void Pump();  // under the client's lock
  void Cancel() { context_.TryCancel(); }
  uint64_t durable() const { return durable_; }
  bool done() const { return done_; }

  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override;
  void OnDone(const grpc::Status&) override;

 private:
  FloorClient& client_;
  std::shared_ptr<grpc::Channel> channel_;
  grpc::GenericStub stub_;
  grpc::ClientContext context_;
  grpc::ByteBuffer received_;
  grpc::ByteBuffer frame_;
  bool writing_ = false;
  bool done_ = false;
  uint64_t sent_ = 0;
  uint64_t durable_ = 0;
};

class FloorClient {
 public:
  FloorClient(const std::vector<std::string>& addresses, const FloorLoad& load) : load_(load) {
    boxcar_ = std::make_shared<const std::string>(load.boxcar_bytes, 'b');
    for (size_t i = 0; i < addresses.size(); ++i) {
      streams_.push_back(std::make_unique<FloorStream>(*this, addresses[i], static_cast<int>(i)));
    }
  }

  absl::StatusOr<FloorResult> Run() {
    for (auto& stream : streams_) {
      if (!stream->Connect(std::chrono::system_clock::now() + kPatience)) {
        return absl::UnavailableError("a node of the floor cannot be reached");
      }
    }
    for (auto& stream : streams_) stream->Start();
    const auto start = Clock::now();
    std::unique_lock lock(mutex_);
    Issue();
    changed_.wait_for(lock, load_.duration, [] { return false; });
    stopping_ = true;
    const bool drained = changed_.wait_for(lock, kPatience, [&] { return durable_ == issued_; });
    const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
    for (auto& stream : streams_) stream->Cancel();
    changed_.wait(lock, [&] {
      return std::all_of(streams_.begin(), streams_.end(), [](auto& s) { return s->done(); });
    });
    if (!drained || latencies_us_.empty()) {
      return absl::UnavailableError("fewer than four nodes of the floor answer");
    }
    return Summary(seconds);
  }

 private:
  friend class FloorStream;

  void Issue() {
    uint64_t slowest = UINT64_MAX;
    for (const auto& stream : streams_) slowest = std::min(slowest, stream->durable());
    const auto now = Clock::now();
    while (!stopping_ && issued_ - durable_ < static_cast<uint64_t>(load_.depth) &&
           issued_ - slowest < kMaxBehind) {
      issued_at_[++issued_ % issued_at_.size()] = now;
    }
    for (auto& stream : streams_) stream->Pump();
  }

  void Answered() {
    std::array<uint64_t, 6> durable{};
    for (size_t i = 0; i < streams_.size(); ++i) durable[i] = streams_[i]->durable();
    std::sort(durable.begin(), durable.end(), std::greater<>());
    const auto now = Clock::now();
    while (durable_ < durable[kWriteQuorum - 1]) {
      const auto issued_at = issued_at_[++durable_ % issued_at_.size()];
      latencies_us_.push_back(std::chrono::duration<float, std::micro>(now - issued_at).count());
    }
    Issue();
    if (stopping_ && durable_ == issued_) changed_.notify_all();
  }

  FloorResult Summary(double seconds) {
    std::sort(latencies_us_.begin(), latencies_us_.end());
    const auto at = [&](double share) {
      return latencies_us_[static_cast<size_t>(share * double(latencies_us_.size() - 1))];
    };
    const double rate = double(latencies_us_.size()) / seconds;
    return FloorResult{latencies_us_.size(),
                       rate,
                       rate * double(load_.boxcar_bytes),
                       at(0.5),
                       at(0.95),
                       at(0.99),
                       at(1.0)};
  }

  const FloorLoad load_;
  std::shared_ptr<const std::string> boxcar_;
  std::mutex mutex_;  // guards everything below, and the streams' state
  std::condition_variable changed_;
  std::vector<std::unique_ptr<FloorStream>> streams_;
  std::array<Clock::time_point, 2 * kMaxBehind> issued_at_;
  std::vector<float> latencies_us_;
  uint64_t issued_ = 0;
  uint64_t durable_ = 0;  // on four of six
  bool stopping_ = false;
};

FloorStream::FloorStream(FloorClient& client, const std::string& address, int index)
    : client_(client),
      channel_([&] {
        grpc::ChannelArguments arguments;
        arguments.SetInt("hexad.floor.node", index);  // a connection of its own
        return grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments);
      }()),
      stub_(channel_) {}

void FloorStream::Start() {
  stub_.PrepareBidiStreamingCall(&context_, kLogMethod, {}, this);
  AddHold();
  StartCall();
  StartRead(&received_);
}

void FloorStream::Pump() {
  if (writing_ || sent_ == client_.issued_) return;
  const std::shared_ptr<const std::string>& boxcar = client_.boxcar_;
  std::vector<grpc::Slice> slices;
  std::string heads;
  size_t bytes = 0;
  while (sent_ < client_.issued_ && bytes < kFullFrameBytes) {
    AppendLe<uint64_t>(heads, ++sent_);
    AppendLe<uint32_t>(heads, static_cast<uint32_t>(boxcar->size()));
    bytes += boxcar->size();
    if (boxcar->size() <= kCopiedBoxcarBytes) {
      heads += *boxcar;
      continue;
    }
    slices.emplace_back(std::exchange(heads, {}));
    slices.emplace_back(
        const_cast<char*>(boxcar->data()), boxcar->size(),
        [](void* owner) { delete static_cast<std::shared_ptr<const std::string>*>(owner); },
        new std::shared_ptr<const std::string>(boxcar));
  }
  if (!heads.empty()) slices.emplace_back(heads);
  frame_ = grpc::ByteBuffer(slices.data(), slices.size());
  writing_ = true;
  StartWrite(&frame_);
}

void FloorStream::OnReadDone(bool ok) {
  std::lock_guard lock(client_.mutex_);
  if (!ok) {
    RemoveHold();
    return;
  }
  const grpc::Slice slice = Flat(received_);
  ByteReader reader(ViewOf(slice));
  durable_ = std::max(durable_, reader.Int<uint64_t>());
  client_.Answered();
  StartRead(&received_);  // after the next boxcar: a pending Read costs a packet of its own
}

void FloorStream::OnWriteDone(bool ok) {
  std::lock_guard lock(client_.mutex_);
  writing_ = false;
  if (ok) Pump();
}

void FloorStream::OnDone(const grpc::Status&) {
  std::lock_guard lock(client_.mutex_);
  done_ = true;
  client_.changed_.notify_all();
}

}  // namespace

absl::StatusOr<FloorResult> DriveFloor(const std::vector<std::string>& addresses,
                                       const FloorLoad& load) {
  if (load.depth < 1 || load.depth > static_cast<int>(kMaxBehind) || load.boxcar_bytes < 1 ||
      load.boxcar_bytes > kFullFrameBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("a floor of ", load.boxcar_bytes, " bytes at depth ", load.depth));
  }
  return std::make_unique<FloorClient>(addresses, load)->Run();
}

}  // namespace hexad::floor

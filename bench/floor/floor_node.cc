#include "bench/floor/floor_node.h"

#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <vector>

#include "absl/strings/str_cat.h"
#include "bench/floor/floor_frame.h"
#include "rocksdb/db.h"
#include "rocksdb/write_batch.h"
#include "storage-node/io/rocksdb_tuning.h"

namespace hexad::floor {
namespace {

constexpr int kMaxMessageBytes = 8 * 1024 * 1024;

class FloorNode {
 public:
  explicit FloorNode(const FloorNodeOptions& options) { write_options_.sync = options.fsync; }

  absl::Status Open(const std::string& folder) {
    storage_node::StoreTuning tuning = storage_node::MakeTuning(96 << 20);
    std::vector<rocksdb::ColumnFamilyHandle*> families;
    rocksdb::DB* db = nullptr;
    const auto status = rocksdb::DB::Open(tuning.db, folder, tuning.families, &families, &db);
    if (!status.ok()) return absl::InternalError(status.ToString());
    db_.reset(db);
    log_ = families[storage_node::kLogFamily];
    return absl::OkStatus();
  }

  absl::Status Listen() {
    grpc::ServerBuilder builder;
    int port = 0;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
    builder.SetMaxReceiveMessageSize(kMaxMessageBytes);
    builder.RegisterAsyncGenericService(&service_);
    queue_ = builder.AddCompletionQueue();
    server_ = builder.BuildAndStart();
    if (server_ == nullptr) return absl::UnavailableError("the floor's node cannot listen");
    std::printf("%d\n", port);
    std::fflush(stdout);
    return absl::OkStatus();
  }

  // Drain, write once, answer once per stream.
  void Serve() {
    Accept();
    void* tag = nullptr;
    bool ok = false;
    while (queue_->Next(&tag, &ok)) {
      do {
        Handle(*static_cast<Tag*>(tag), ok);
      } while (queue_->AsyncNext(&tag, &ok, gpr_time_0(GPR_CLOCK_MONOTONIC)) ==
               grpc::CompletionQueue::GOT_EVENT);
      if (batch_.Count() == 0) continue;
      const auto status = db_->Write(write_options_, &batch_);
      if (!status.ok()) {
        std::fprintf(stderr, "floor: %s\n", status.ToString().c_str());
        _exit(70);
      }
      batch_.Clear();
      for (Stream* stream : touched_) Answer(*stream);
      // Only now: a pending Read makes gRPC announce its window with a packet for each message.
      for (Stream* stream : touched_) stream->io.Read(&stream->received, &stream->read);
      touched_.clear();
    }
  }

 private:
  enum class Operation { kAccept, kRead, kWrite };
  struct Stream;
  struct Tag {
    Stream* stream;
    Operation operation;
  };
  struct Stream {
    grpc::GenericServerContext context;
    grpc::GenericServerAsyncReaderWriter io{&context};
    grpc::ByteBuffer received;
    uint64_t durable = 0;   // to be answered
    uint64_t answered = 0;  // the last answer given to gRPC
    bool writing = false;
    Tag accept{this, Operation::kAccept};
    Tag read{this, Operation::kRead};
    Tag write{this, Operation::kWrite};
  };

  void Accept() {
    streams_.push_back(std::make_unique<Stream>());
    Stream& stream = *streams_.back();
    service_.RequestCall(&stream.context, &stream.io, queue_.get(), queue_.get(), &stream.accept);
  }

  void Handle(const Tag& tag, bool ok) {
    Stream& stream = *tag.stream;
    if (tag.operation == Operation::kWrite) stream.writing = false;
    if (!ok) return;  // the stream's end; its few bytes stay until the process ends
    switch (tag.operation) {
      case Operation::kAccept:
        Accept();
        stream.io.Read(&stream.received, &stream.read);
        return;
      case Operation::kRead:
        Take(stream);
        return;
      case Operation::kWrite:
        Answer(stream);
        return;
    }
  }

  void Take(Stream& stream) {
    const grpc::Slice slice = Flat(stream.received);
    ByteReader reader(ViewOf(slice));
    while (reader.remaining() > 0) {
      const auto sequence = reader.Int<uint64_t>();
      const std::string_view bytes = reader.Bytes(reader.Int<uint32_t>());
      if (!reader.ok()) break;
      // As wide as the real key: PG, timeline, first LSN.
      const uint64_t key[3] = {0, 0, __builtin_bswap64(sequence)};
      batch_.Put(log_, rocksdb::Slice(reinterpret_cast<const char*>(key), sizeof key),
                 rocksdb::Slice(bytes.data(), bytes.size()));
      stream.durable = sequence;
    }
    touched_.push_back(&stream);
  }

  void Answer(Stream& stream) {
    if (stream.writing || stream.answered == stream.durable) return;
    stream.writing = true;
    stream.answered = stream.durable;
    grpc::Slice slice(&stream.durable, sizeof stream.durable);
    stream.io.Write(grpc::ByteBuffer(&slice, 1), &stream.write);
  }

  rocksdb::WriteOptions write_options_;
  std::unique_ptr<rocksdb::DB> db_;
  rocksdb::ColumnFamilyHandle* log_ = nullptr;
  rocksdb::WriteBatch batch_;
  std::vector<Stream*> touched_;
  std::vector<std::unique_ptr<Stream>> streams_;
  grpc::AsyncGenericService service_;
  std::unique_ptr<grpc::ServerCompletionQueue> queue_;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace

absl::Status ServeFloorNode(const FloorNodeOptions& options) {
  FloorNode node(options);
  if (auto status = node.Open(options.folder); !status.ok()) return status;
  if (auto status = node.Listen(); !status.ok()) return status;
  node.Serve();
  return absl::OkStatus();
}

}  // namespace hexad::floor

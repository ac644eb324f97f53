// What a live cluster does with input that makes no sense, over its real sockets: it says which
// reason, keeps nothing of it, and goes on (unmoved_cluster.h).
//
// Tested elsewhere:
//   command line, topologies, ports in use, old and foreign folders    usage_test.cc
//   volumes that exist or do not, page sizes, quorums                  cli_test.cc, engine_test.cc
//   arguments of the engine: page, LSN, MTR, page size                 engine_test.cc
//   a node's folder that belongs to another node                       unit/node_host_test.cc
//   boxcars, segments and reads of a live node                        bad_boxcar_test.cc
//   every bit, length and lie of a boxcar, a frame, a message          unit/boxcar_test.cc,
//                                           unit/codec_test.cc, unit/segment_test.cc, fuzz/
//   data folders that are deleted, cut short or damaged; full disks    damaged_disk_test.cc
#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/generic/generic_stub.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <map>
#include <memory>
#include <random>

#include "tests/cluster/unmoved_cluster.h"

namespace hexad::cluster_test {
namespace {

using BadInput = UnmovedCluster;

// ---- the compute's pages ------------------------------------------------------------------------

TEST_F(BadInput, WritesThatCannotBeAreRefusedBeforeTheyAreOrdered) {
  ComputeClient client(*cluster_);
  ASSERT_TRUE(client.Write("main", 1, "sound").ok());
  const uint64_t issued = client.Describe("main").last_issued();
  const auto code = [&](uint32_t page, uint32_t offset, const std::string& text) {
    return client.Write("main", page, text, offset).error_code();
  };
  EXPECT_EQ(code(UINT32_MAX, 0, "x"), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(code(1, 4096, "x"), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(code(1, 4090, "across the end"), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(code(1, UINT32_MAX, "xx"), grpc::StatusCode::INVALID_ARGUMENT) << "it wraps round";
  EXPECT_EQ(code(1, 0, std::string(4097, 'x')), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(client.Write("nowhere", 1, "x").error_code(), grpc::StatusCode::NOT_FOUND);

  v1::WritePagesRequest request;
  request.set_volume("main");
  EXPECT_EQ(client.Write(request).error_code(), grpc::StatusCode::INVALID_ARGUMENT) << "empty";
  for (int i = 0; i < 5000; ++i) request.add_ranges()->set_data("x");
  EXPECT_EQ(client.Write(request).error_code(), grpc::StatusCode::INVALID_ARGUMENT) << "too many";
  request.clear_ranges();
  request.add_ranges()->set_data(std::string(16 << 20, 'x'));
  EXPECT_EQ(client.Write(request).error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);

  EXPECT_EQ(client.Describe("main").last_issued(), issued);
  EXPECT_EQ(client.Text("main", 1, 5), "sound");
}

TEST_F(BadInput, ReadsOutsideTheVolumeSaySo) {
  ComputeClient client(*cluster_);
  ASSERT_TRUE(client.Write("main", 1, "sound").ok());
  const auto read = [&](uint32_t first, uint32_t count, uint64_t read_point) {
    v1::ReadPagesRequest request;
    request.set_volume("main");
    request.set_first_page(first);
    request.set_page_count(count);
    request.set_read_point(read_point);
    std::string bytes;
    return client.Read(request, &bytes).error_code();
  };
  EXPECT_EQ(read(1, 1, 0), grpc::StatusCode::OK);
  EXPECT_EQ(read(1, 1, UINT64_MAX), grpc::StatusCode::OUT_OF_RANGE) << "above VDL";
  const v1::VolumeState volume = client.Describe("main");
  EXPECT_EQ(read(1, 1, volume.vdl() + 1), grpc::StatusCode::OUT_OF_RANGE);
  const uint32_t last = volume.pages_per_pg() - 1;
  EXPECT_EQ(read(last, 1, 0), grpc::StatusCode::OK);
  EXPECT_EQ(read(last, UINT32_MAX, 0), grpc::StatusCode::OUT_OF_RANGE);
  EXPECT_EQ(read(UINT32_MAX, 2, 0), grpc::StatusCode::OUT_OF_RANGE);
}

// A compute ends when the volume that it was started for does not exist; not when somebody asks for
// one, however often.
TEST_F(BadInput, NamesThatNobodyHasEndNoProcessAndAreForgotten) {
  ComputeClient client(*cluster_);
  const int open = client.Describe().volumes_size();
  const auto over = std::chrono::steady_clock::now() + std::chrono::seconds(1);
  for (int i = 0; std::chrono::steady_clock::now() < over; ++i) {
    EXPECT_EQ(client.Open("nowhere-" + std::to_string(i)).error_code(),
              grpc::StatusCode::NOT_FOUND);
    EXPECT_EQ(client.Open("No Name").error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  }
  EXPECT_EQ(client.Describe().volumes_size(), open);
}

// ---- no protocol at all -------------------------------------------------------------------------

// A client that sends bytes and reads what comes until the other end has had enough of it.
class RawSocket {
 public:
  explicit RawSocket(int port) : fd_(socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(static_cast<uint16_t>(port));
    connected_ = connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  }
  ~RawSocket() { close(fd_); }
  RawSocket(const RawSocket&) = delete;
  RawSocket& operator=(const RawSocket&) = delete;

  bool connected() const { return connected_; }
  void Send(const std::string& bytes) const {
    (void)!send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    const timeval patience{.tv_sec = 0, .tv_usec = 200'000};
    setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    char answer[4096];
    while (recv(fd_, answer, sizeof answer, 0) > 0) {
    }
  }

 private:
  int fd_;
  bool connected_ = false;
};

std::string Frame(uint8_t type, uint8_t flags, uint32_t stream, const std::string& payload,
                  size_t length) {
  std::string frame;
  for (const size_t byte : {length >> 16, length >> 8, length}) {
    frame += static_cast<char>(byte & 0xff);
  }
  frame += static_cast<char>(type);
  frame += static_cast<char>(flags);
  for (const int shift : {24, 16, 8, 0}) frame += static_cast<char>(stream >> shift & 0xff);
  return frame + payload;
}

// A call by HTTP/2's rules whose one message claims to be 4 GiB long.
std::string CallWithAHugeMessage(const std::string& path) {
  const auto text = [](const std::string& value) {
    return static_cast<char>(value.size()) + value;
  };
  // HPACK: POST, http, :path, :authority, content-type and te as literals that are not indexed.
  const std::string headers = std::string("\x83\x86\x04") + text(path) + '\x01' +
                              text("localhost") + "\x0f\x10" + text("application/grpc") +
                              std::string(1, '\0') + text("te") + text("trailers");
  return Frame(4, 0, 0, "", 0) + Frame(1, 4, 1, headers, headers.size()) +
         Frame(0, 0, 1, std::string("\0\xff\xff\xff\xff", 5) + "few", 8);
}

std::vector<std::string> Garbage(std::mt19937_64& random, const std::string& path) {
  const std::string preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
  std::string noise(64 << 10, '\0');
  for (char& byte : noise) byte = static_cast<char>(random());
  return {noise,
          preface + noise,
          preface + Frame(4, 0, 0, "", 0) + noise,
          preface + Frame(1, 4, 1, noise.substr(0, 100), 0xffffff),
          preface + Frame(0, 0, 1, noise.substr(0, 100), 100),
          preface + CallWithAHugeMessage(path),
          "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
          std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11) + noise.substr(0, 512),
          std::string(1 << 20, '\0')};
}

TEST_F(BadInput, NoiseOnThePortsIsNobody) {
  std::mt19937_64 random(1);
  const std::map<int, std::string> ports = {{PortOf(0), "/hexad.v1.SegmentService/ReadPage"},
                                            {PortOf(1), "/hexad.v1.SegmentService/Log"},
                                            {ComputePort(), "/hexad.v1.ComputeService/WritePages"}};
  for (const auto& [port, path] : ports) {
    std::vector<std::unique_ptr<RawSocket>> silent;  // connected, and says nothing all the while
    for (int i = 0; i < 50; ++i) silent.push_back(std::make_unique<RawSocket>(port));
    for (const std::string& garbage : Garbage(random, path)) {
      const RawSocket socket(port);
      EXPECT_TRUE(socket.connected());
      socket.Send(garbage);
    }
  }
}

// One call with these bytes as its message.
grpc::Status CallRaw(const std::shared_ptr<grpc::Channel>& channel, const std::string& method,
                     const std::string& message) {
  grpc::GenericStub stub(channel);
  grpc::CompletionQueue queue;
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(10));
  const grpc::Slice slice(message);
  const auto call = stub.PrepareUnaryCall(&context, method, grpc::ByteBuffer(&slice, 1), &queue);
  call->StartCall();
  grpc::ByteBuffer answer;
  grpc::Status status;
  call->Finish(&answer, &status, nullptr);
  void* tag = nullptr;
  bool ok = false;
  queue.Next(&tag, &ok);
  queue.Shutdown();
  return status;
}

TEST_F(BadInput, MessagesThatAreNoneAreRefusedByEveryCall) {
  const std::string node = "/hexad.v1.NodeService/";
  const std::string segment = "/hexad.v1.SegmentService/";
  const std::string compute = "/hexad.v1.ComputeService/";
  const std::vector<std::string> of_node = {node + "Form",           node + "PrepareRegister",
                                            node + "AcceptRegister", node + "ReadRegisters",
                                            node + "DropSegments",   segment + "ReadPage",
                                            segment + "Gossip",      segment + "Scrub"};
  const std::vector<std::string> of_compute = {compute + "OpenVolume", compute + "CloseVolume",
                                               compute + "WritePages", compute + "ReadPages",
                                               compute + "PinReadPoint"};
  // A field that claims 4 GiB, an unfinished number, a wrong wire type, nesting without an end.
  const std::vector<std::string> messages = {
      std::string("\x0a\xff\xff\xff\xff\x0f") + "x", std::string(20, '\xff'), "\x0f\x0f\x0f",
      std::string(100'000, '\x0b'), std::string(60, '\x0a') + "\x7f"};
  const auto channel =
      grpc::CreateChannel(launcher().record().nodes[2].address, grpc::InsecureChannelCredentials());
  ComputeClient client(*cluster_);
  for (const std::string& message : messages) {
    for (const std::string& method : of_node) {
      EXPECT_FALSE(CallRaw(channel, method, message).ok()) << method;
    }
    for (const std::string& method : of_compute) {
      EXPECT_FALSE(CallRaw(client.channel(), method, message).ok()) << method;
    }
  }
  // Nothing at all is a message with every field at its zero.
  for (const std::string& method : of_compute) {
    EXPECT_FALSE(CallRaw(client.channel(), method, "").ok()) << method;
  }
  EXPECT_FALSE(CallRaw(channel, node + "Form", "").ok());
  EXPECT_FALSE(CallRaw(channel, node + "DropSegments", "").ok());
}

}  // namespace
}  // namespace hexad::cluster_test

#include "tests/cluster/local_cluster.h"

#include <arpa/inet.h>
#include <grpcpp/create_channel.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>

#include "proto/node.grpc.pb.h"
#include "quorum/base/check.h"

namespace hexad::testing {
namespace {

constexpr Duration kConnectTimeout = Duration::Seconds(20);

// Ports that are free now. All are held until all are known, so that they differ.
std::vector<int> FreePorts(int count) {
  std::vector<int> sockets;
  std::vector<int> ports;
  for (int i = 0; i < count; ++i) {
    sockets.push_back(socket(AF_INET, SOCK_STREAM, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    INVARIANT(bind(sockets.back(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    INVARIANT(getsockname(sockets.back(), reinterpret_cast<sockaddr*>(&address), &length) == 0);
    ports.push_back(ntohs(address.sin_port));
  }
  for (const int fd : sockets) close(fd);
  return ports;
}

std::string NewFolder() {
  std::string pattern = (std::filesystem::temp_directory_path() / "hexad-test-XXXXXX").string();
  INVARIANT(mkdtemp(pattern.data()) != nullptr);
  return pattern;
}

std::unique_ptr<v1::NodeService::Stub> StubOf(const std::string& address) {
  return v1::NodeService::NewStub(grpc::CreateChannel(address, grpc::InsecureChannelCredentials()));
}

void SetDeadline(grpc::ClientContext& context) {
  context.set_wait_for_ready(true);
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(20));
}

}  // namespace

LocalCluster::LocalCluster(int nodes) : folder_(NewFolder()) {
  const std::vector<int> ports = FreePorts(nodes);
  topology_.name = "test";
  for (int i = 0; i < nodes; ++i) {
    const size_t at = static_cast<size_t>(i);
    topology_.nodes.push_back({NodeId("n" + std::to_string(i + 1)),
                               AzId(std::string(1, static_cast<char>('a' + i % 3))),
                               "127.0.0.1:" + std::to_string(ports[at])});
  }
  hosts_.resize(static_cast<size_t>(nodes));
  for (int node = 1; node <= nodes; ++node) Start(node);
  Form();
}

LocalCluster::~LocalCluster() {
  hosts_.clear();
  std::filesystem::remove_all(folder_);
}

void LocalCluster::Form() {
  v1::FormRequest form;
  form.set_cluster(0x7e57);
  for (const topology::TopologyNode& node : topology_.nodes) {
    grpc::ClientContext context;
    SetDeadline(context);
    v1::NodeDescription description;
    const grpc::Status status = StubOf(node.address)->Describe(&context, {}, &description);
    ASSERT_TRUE(status.ok()) << node.id << ": " << status.error_message();
    v1::RosterNode* member = form.add_roster();
    member->set_node(node.id.value());
    member->set_az(node.az.value());
    member->set_incarnation(description.incarnation());
  }
  for (const topology::TopologyNode& node : topology_.nodes) {
    grpc::ClientContext context;
    SetDeadline(context);
    v1::NodeDescription description;
    const grpc::Status status = StubOf(node.address)->Form(&context, form, &description);
    ASSERT_TRUE(status.ok()) << node.id << ": " << status.error_message();
  }
}

std::unique_ptr<compute::Cluster> LocalCluster::Connect() const {
  auto cluster = compute::Cluster::Connect(topology_, kConnectTimeout);
  EXPECT_TRUE(cluster.ok()) << cluster.status();
  return cluster.ok() ? *std::move(cluster) : nullptr;
}

void LocalCluster::Stop(int node) { hosts_[static_cast<size_t>(node - 1)].reset(); }

void LocalCluster::Start(int node) {
  const topology::TopologyNode& self = topology_.nodes[static_cast<size_t>(node - 1)];
  storage_node::NodeHostOptions options;
  options.node = self.id;
  options.az = self.az;
  options.listen = self.address;
  options.data_dir = folder_ + "/" + self.id.value();
  options.cluster = topology_.nodes;
  auto host = storage_node::NodeHost::Start(options);
  ASSERT_TRUE(host.ok()) << host.status();
  hosts_[static_cast<size_t>(node - 1)] = *std::move(host);
}

void LocalCluster::Wipe(int node) {
  INVARIANT(hosts_[static_cast<size_t>(node - 1)] == nullptr);
  std::filesystem::remove_all(folder_ + "/n" + std::to_string(node));
}

}  // namespace hexad::testing

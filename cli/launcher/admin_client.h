// What the launcher and the command line ask of running processes over gRPC. Every call has a
// deadline; calls to many nodes go out at once, so that a hung node costs one deadline and not six.
// Thread-safety: one thread at a time.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "cli/launcher/cluster_dir.h"
#include "cli/launcher/wait.h"
#include "proto/compute.grpc.pb.h"
#include "proto/node.grpc.pb.h"
#include "quorum/base/types.h"

namespace hexad::launcher {

class AdminClient {
 public:
  explicit AdminClient(const ClusterRecord& record);
  ~AdminClient();

  using Descriptions = std::vector<absl::StatusOr<v1::NodeDescription>>;
  // Answer i is that of record.nodes[i]; `asked[i]` false leaves it out (UNAVAILABLE).
  Descriptions DescribeNodes(const std::vector<bool>& asked, bool with_segments, Millis timeout);
  absl::StatusOr<v1::NodeDescription> DescribeNode(size_t node, Millis timeout);
  // Sends the same roster to each node in `to`; OK when all of them belong to the cluster.
  absl::Status Form(const v1::FormRequest& request, const std::vector<size_t>& to, Millis timeout);
  // Every name that some node of `asked` knows to be registered, with its value, and which nodes
  // answered. The ballots of a write quorum are not counted, so this is for showing, never for
  // deciding what a register holds.
  struct Names {
    std::vector<std::pair<std::string, v1::NameValue>> values;
    std::vector<bool> answered;  // by node
  };
  Names ListNames(uint64_t cluster, const std::vector<bool>& asked, Millis timeout);
  absl::StatusOr<v1::ComputeDescription> DescribeCompute(Millis timeout);
  absl::StatusOr<v1::LocateAnswer> Locate(const v1::LocateRequest& request, Millis timeout);
  absl::StatusOr<v1::BacktrackAnswer> Backtrack(const v1::BacktrackRequest& request,
                                                Millis timeout);
  absl::StatusOr<v1::CloneVolumeAnswer> CloneVolume(const v1::CloneVolumeRequest& request,
                                                    Millis timeout);
  // Opened for writing by the compute.
  absl::Status OpenVolume(const std::string& volume, Millis timeout);
  absl::Status CloseVolume(const std::string& volume, Millis timeout);
  absl::Status SetRetention(const v1::SetRetentionRequest& request, Millis timeout);
  // One page at `read_point` (0: VDL).
  absl::StatusOr<v1::ReadPagesAnswer> ReadPage(const v1::ReadPagesRequest& request, Millis timeout);
  // One MTR, through the compute that has the volume open.
  absl::StatusOr<v1::WritePagesAnswer> WritePages(const v1::WritePagesRequest& request,
                                                  Millis timeout);
  // The newest durable read point of a volume that the compute has open, kept readable for `ttl`.
  absl::StatusOr<Lsn> PinReadPoint(const std::string& volume, Millis ttl, Millis timeout);

 private:
  struct NodeStub {
    std::string id;
    std::unique_ptr<v1::NodeService::Stub> stub;
  };
  std::vector<NodeStub> nodes_;
  std::unique_ptr<v1::ComputeService::Stub> compute_;
};

}  // namespace hexad::launcher

// A cluster as its clients use it: names, volumes, and opening them. Implements engine.h's Cluster.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "compute/engine.h"
#include "compute/host/orphan_clones.h"
#include "compute/io/cluster_nodes.h"
#include "compute/io/register_client.h"

namespace hexad::compute {

// Thread-safe; blocking.
class ClusterClient final : public Cluster {
 public:
  explicit ClusterClient(std::shared_ptr<const ClusterNodes> nodes);

  ClusterId id() const override { return nodes_->id; }
  absl::Status Create(const std::string& name, const CreateOptions& options) override;
  absl::StatusOr<ClonedVolume> Clone(const CloneSpec& spec) override;
  absl::StatusOr<VolumeEntry> Find(const std::string& name) override;
  absl::StatusOr<int> DropOrphanClones() override;
  absl::StatusOr<std::vector<VolumeEntry>> List() override;
  absl::Status Drop(const std::string& name, bool force) override;
  absl::StatusOr<std::shared_ptr<Volume>> Open(const std::string& name,
                                               const OpenOptions& options) override;

 private:
  // What the name's register holds; ALREADY_EXISTS unless it is nobody's.
  absl::StatusOr<std::string> ReadFreeName(const std::string& name);
  absl::Status ChangeName(const std::string& name, const quorum::RegisterProposer::Change& change);
  // What the nodes say of a volume's segments: its PGs, how long ago the writer was heard (-1: by
  // nobody), and which members of the first PG said so, each with the disk that was admitted.
  struct Segments {
    std::vector<PgId> pgs;
    int64_t writer_silent_ms = -1;
    quorum::MemberSet answered;
    std::vector<std::string> clones_not_everywhere;  // of this volume: clone_places.h
  };
  Segments FindSegments(const VolumeEntry& entry);
  // OK if certainly nobody writes. A writer is heard by a write quorum of the first PG, so only a
  // read quorum's silence proves that there is none: UNAVAILABLE below that.
  absl::Status CheckNoWriter(const VolumeEntry& entry, const Segments& segments) const;
  // What a failed making of a clone may have left.
  void Forget(const quorum::Manifest& manifest);
  // Asks every node to forget these PGs. UNAVAILABLE names those that did not.
  absl::Status DropSegments(TimelineId timeline, const std::vector<PgId>& pgs);

  // What every node that answers says of itself.
  std::vector<v1::NodeDescription> DescribeNodes();

  const std::shared_ptr<const ClusterNodes> nodes_;
  std::mutex orphans_mutex_;
  OrphanWatch orphans_;
  RegisterClient registers_;
};

}  // namespace hexad::compute

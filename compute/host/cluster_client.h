// A cluster as its clients use it: names, volumes, and opening them. Implements engine.h's Cluster.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "compute/engine.h"
#include "compute/io/cluster_nodes.h"
#include "compute/io/register_client.h"

namespace hexad::compute {

// 1 to 64 bytes of [a-z0-9_-], first a letter or digit.
absl::Status CheckVolumeName(const std::string& name);

// Thread-safe; blocking.
class ClusterClient final : public Cluster {
 public:
  explicit ClusterClient(std::shared_ptr<const ClusterNodes> nodes);

  ClusterId id() const override { return nodes_->id; }
  absl::Status Create(const std::string& name, const CreateOptions& options) override;
  absl::StatusOr<VolumeEntry> Find(const std::string& name) override;
  absl::StatusOr<std::vector<VolumeEntry>> List() override;
  absl::Status Drop(const std::string& name, bool force) override;
  absl::StatusOr<std::shared_ptr<Volume>> Open(const std::string& name,
                                               const OpenOptions& options) override;

 private:
  // What the nodes say of a timeline's segments: its PGs, and how long ago the writer was heard
  // (-1: by nobody).
  struct Segments {
    std::vector<PgId> pgs;
    int64_t writer_silent_ms = -1;
  };
  absl::StatusOr<Segments> FindSegments(TimelineId timeline);
  // Asks every node to forget these PGs. UNAVAILABLE if some did not answer.
  absl::Status DropSegments(const std::vector<PgId>& pgs);

  const std::shared_ptr<const ClusterNodes> nodes_;
  RegisterClient registers_;
};

}  // namespace hexad::compute

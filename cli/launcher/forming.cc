// How the nodes of a new folder become one cluster, once (launcher.h, EnsureFormed).
//
//   kFresh   --every node is fresh: id drawn, incarnations noted-->  kForming
//   kForming --Form accepted by all-->                               kFormed
//
// A node proves by its incarnation that its disk is the one that was noted. A fresh disk in a
// formed cluster may have held acknowledged records: it is never formed again silently.
#include <random>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "cli/launcher/admin_client.h"
#include "cli/launcher/explain.h"
#include "cli/launcher/launcher.h"

namespace hexad::launcher {
namespace {

constexpr Millis kFormTimeout{5'000};

uint64_t DrawClusterId() {
  std::random_device device;
  uint64_t id = 0;
  while (id == 0) id = static_cast<uint64_t>(device()) << 32 | device();
  return id;
}

absl::Status BelongsElsewhere(const std::string& node, const ClusterDir& dir) {
  return Failed(absl::StatusCode::kFailedPrecondition,
                {absl::StrCat(node, "'s data folder belongs to another cluster"),
                 absl::StrCat(dir.data_folder(node), " was formed elsewhere, and is left as it is"),
                 "move that folder away, or start from nothing: hexad down --wipe"});
}

}  // namespace

absl::Status Launcher::CompleteForming(const std::vector<bool>& fresh) {
  v1::FormRequest request;
  request.set_cluster(record().cluster);
  std::vector<size_t> to;
  for (size_t i = 0; i < record().nodes.size(); ++i) {
    const NodeRecord& node = record().nodes[i];
    v1::RosterNode* member = request.add_roster();
    member->set_node(node.id);
    member->set_az(node.az);
    member->set_incarnation(node.incarnation);
    if (fresh[i]) to.push_back(i);
  }
  if (absl::Status formed = client_->Form(request, to, kFormTimeout); !formed.ok()) return formed;
  ClusterRecord done = record();
  done.forming = Forming::kFormed;
  options_.say(absl::StrCat("cluster formed, id ", absl::Hex(done.cluster, absl::kZeroPad16)));
  return dir_.Save(done);
}

absl::StatusOr<ProcessNames> Launcher::EnsureFormed() {
  const size_t count = record().nodes.size();
  const auto described =
      client_->DescribeNodes(std::vector<bool>(count, true), false, kFormTimeout);
  std::vector<bool> fresh(count, false);
  ProcessNames fresh_names;
  ClusterRecord next = record();
  for (size_t i = 0; i < count; ++i) {
    NodeRecord& node = next.nodes[i];
    if (!described[i].ok()) continue;  // down: a formed cluster works without it
    fresh[i] = described[i]->cluster() == 0;
    if (fresh[i]) {
      fresh_names.push_back(node.id);
    } else if (record().forming == Forming::kFresh || described[i]->cluster() != next.cluster) {
      return BelongsElsewhere(node.id, dir_);
    }
    if (record().forming == Forming::kForming && described[i]->incarnation() != node.incarnation) {
      return Failed(absl::StatusCode::kFailedPrecondition,
                    {absl::StrCat(node.id, " lost its data while the cluster was being formed"), "",
                     "start from nothing: hexad down --wipe && hexad up"});
    }
    if (record().forming == Forming::kFresh) node.incarnation = described[i]->incarnation();
  }
  if (record().forming == Forming::kFormed) return fresh_names;

  for (size_t i = 0; i < count; ++i) {
    if (described[i].ok()) continue;
    return Failed(absl::StatusCode::kUnavailable,
                  {absl::StrCat(next.nodes[i].id, " does not answer, and a new cluster needs all"),
                   std::string(described[i].status().message()), "hexad doctor"});
  }
  if (record().forming == Forming::kFresh) {
    next.cluster = DrawClusterId();
    next.forming = Forming::kForming;
    if (absl::Status saved = dir_.Save(next); !saved.ok()) return saved;
  }
  if (absl::Status formed = CompleteForming(fresh); !formed.ok()) return formed;
  return ProcessNames{};
}

}  // namespace hexad::launcher

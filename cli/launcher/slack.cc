#include "cli/launcher/slack.h"

#include <algorithm>

namespace hexad::launcher {
namespace {

quorum::MemberSet AliveMembers(const quorum::Membership& membership,
                               const std::vector<std::string>& up,
                               const std::set<std::string>& lost) {
  quorum::MemberSet alive;
  for (size_t i = 0; i < membership.members.size(); ++i) {
    const std::string& node = membership.members[i].node.value();
    const bool is_up = std::ranges::find(up, node) != up.end();
    if (is_up && !lost.contains(node)) alive.Add(static_cast<int>(i));
  }
  return alive;
}

void KeepWorse(const quorum::Slack& other, quorum::Slack& kept) {
  kept.nodes = std::min(kept.nodes, other.nodes);
  kept.azs = std::min(kept.azs, other.azs);
  kept.az_plus_nodes = std::min(kept.az_plus_nodes, other.az_plus_nodes);
}

VolumeSlack SlackOfPg(const PgPicture& pg, const std::vector<std::string>& up,
                      const std::set<std::string>& lost) {
  VolumeSlack slack;
  slack.of = static_cast<int>(pg.membership.members.size());
  slack.write_need = static_cast<int>(pg.membership.write);
  slack.read_need = slack.of - slack.write_need + 1;
  // What a process says of its membership is outside data: a bad one has no quorum at all.
  if (!pg.membership.Check().ok()) return slack;
  const quorum::QuorumSet quorums = pg.membership.Quorums();
  const quorum::MemberSet alive = AliveMembers(pg.membership, up, lost);
  slack.up = alive.size();
  slack.copies_missing = slack.of - slack.up;
  slack.can_write = quorums.CanWrite(alive);
  slack.can_read = quorums.CanRead(alive);
  slack.write = quorum::WriteSlack(quorums, alive, pg.membership.AzOf());
  slack.read = quorum::ReadSlack(quorums, alive, pg.membership.AzOf());
  return slack;
}

}  // namespace

VolumeSlack SlackOf(const VolumePicture& volume, const ClusterPicture& cluster,
                    const std::set<std::string>& lost) {
  const std::vector<std::string> up = cluster.UpNodes();
  VolumeSlack worst;
  bool first = true;
  for (const PgPicture& pg : volume.pgs) {
    const VolumeSlack slack = SlackOfPg(pg, up, lost);
    if (first) worst = slack;
    first = false;
    worst.up = std::min(worst.up, slack.up);
    worst.copies_missing = std::max(worst.copies_missing, slack.copies_missing);
    worst.can_write = worst.can_write && slack.can_write;
    worst.can_read = worst.can_read && slack.can_read;
    KeepWorse(slack.write, worst.write);
    KeepWorse(slack.read, worst.read);
  }
  worst.volume = volume.name;
  return worst;
}

ClusterSlack SlackOf(const ClusterPicture& cluster) {
  ClusterSlack worst;
  bool first = true;
  for (const VolumePicture& volume : cluster.volumes) {
    const VolumeSlack slack = SlackOf(volume, cluster);
    if (first) worst = {slack.write, slack.read};
    first = false;
    KeepWorse(slack.write, worst.write);
    KeepWorse(slack.read, worst.read);
  }
  return worst;
}

std::vector<VolumeCost> CostOfLosing(const ClusterPicture& cluster,
                                     const std::set<std::string>& lost) {
  std::vector<VolumeCost> costs;
  for (const VolumePicture& volume : cluster.volumes) {
    costs.push_back({SlackOf(volume, cluster), SlackOf(volume, cluster, lost)});
  }
  return costs;
}

}  // namespace hexad::launcher

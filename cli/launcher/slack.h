// What the volumes of a cluster can lose, and what losing some nodes would cost: the pure quorum
// checker (quorum/quorum_set.h) asked over the cluster as it is now.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "cli/launcher/picture.h"

namespace hexad::launcher {

// One volume, over all its PGs: the worst of them.
struct VolumeSlack {
  std::string volume;
  int write_need = 0;
  int read_need = 0;
  int of = 0;
  int up = 0;  // fewest members up of any PG
  bool can_write = false;
  bool can_read = false;
  quorum::Slack write;
  quorum::Slack read;
  int copies_missing = 0;  // most members down of any PG
};

// `lost`: nodes to count as gone although they are up.
VolumeSlack SlackOf(const VolumePicture& volume, const ClusterPicture& cluster,
                    const std::set<std::string>& lost = {});

// The worst over all volumes; -1 throughout without any.
struct ClusterSlack {
  quorum::Slack write;
  quorum::Slack read;
};
ClusterSlack SlackOf(const ClusterPicture& cluster);

// The difference that losing `lost` makes to one volume.
struct VolumeCost {
  VolumeSlack before;
  VolumeSlack after;
  bool BreaksWrite() const { return before.can_write && !after.can_write; }
  bool BreaksRead() const { return before.can_read && !after.can_read; }
};
std::vector<VolumeCost> CostOfLosing(const ClusterPicture& cluster,
                                     const std::set<std::string>& lost);

}  // namespace hexad::launcher

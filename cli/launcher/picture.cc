#include "cli/launcher/picture.h"

#include <algorithm>
#include <map>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "cli/launcher/admin_client.h"
#include "cli/launcher/explain.h"
#include "quorum/base/types.h"

namespace hexad::launcher {
namespace {

// A node whose disk is busy may take a second or two; one that takes longer is as good as gone for
// whoever looks.
constexpr Millis kLookTimeout{3'000};
// A name is at four of its six keepers, and any nodes may be those: with four silent it may be
// missed.
constexpr size_t kMostSilent = 3;

NodePicture LookAtProcess(const Launcher& launcher, const NodeRecord& node) {
  NodePicture picture{
      .id = node.id, .az = node.az, .address = node.address, .metrics = node.metrics};
  const auto identity = launcher.dir().Remembered(node.id);
  switch (launcher.StateOf(node.id)) {
    case ProcessState::kUp:
      picture.state = NodeState::kSilent;
      break;
    case ProcessState::kPaused:
      picture.state = NodeState::kPaused;
      break;
    case ProcessState::kDown:
      picture.state = NodeState::kDown;
      break;
  }
  if (picture.state != NodeState::kDown) picture.pid = identity->pid;
  picture.ended_by_itself = identity.has_value() && picture.state == NodeState::kDown;
  return picture;
}

void AddDescription(const v1::NodeDescription& said, const ClusterRecord& record,
                    const NodeRecord& node, NodePicture& picture) {
  const bool formed = record.forming == Forming::kFormed;
  const bool admitted = said.cluster() == record.cluster && said.incarnation() == node.incarnation;
  picture.state = !formed || admitted ? NodeState::kUp : NodeState::kAmnesiac;
  picture.incarnation = said.incarnation();
  picture.disk_bytes = said.disk_bytes();
  picture.resident_bytes = said.resident_bytes();
  picture.disk_full = said.disk_full();
  const v1::ScrubProgress& scrub = said.scrub();
  picture.scrub = {scrub.rounds(),    scrub.pages(),    scrub.damaged(),
                   scrub.different(), scrub.repaired(), scrub.unrepaired()};
}

struct SegmentOfNode {
  std::string node;
  const v1::SegmentDescription* said;
};

// The membership of a PG beyond the first is known from who holds it.
quorum::Membership MembershipOf(const v1::NameValue& name, uint64_t pg,
                                const std::vector<SegmentOfNode>& held,
                                const ClusterRecord& record) {
  quorum::Membership membership;
  membership.pg = PgId(pg);
  membership.write = name.write();
  if (pg == name.first_pg()) {
    for (const auto& member : name.members()) {
      membership.members.push_back(
          {NodeId(member.node()), AzId(member.az()), Incarnation(member.incarnation())});
    }
    return membership;
  }
  for (const SegmentOfNode& segment : held) {
    const NodeRecord* node = record.FindNode(segment.node);
    membership.members.push_back(
        {NodeId(node->id), AzId(node->az), Incarnation(node->incarnation)});
  }
  return membership;
}

std::string SegmentStateOf(const std::vector<NodePicture>& nodes, const std::string& id) {
  const auto node = std::ranges::find(nodes, id, &NodePicture::id);
  return node == nodes.end() ? "down" : NameOf(node->state);
}

// The k-th highest SCL of the segments.
uint64_t KthHighestScl(const std::vector<SegmentPicture>& segments, uint32_t k) {
  std::vector<uint64_t> scls;
  for (const SegmentPicture& segment : segments) scls.push_back(segment.scl);
  std::ranges::sort(scls, std::greater<>());
  return k == 0 || k > scls.size() ? 0 : scls[k - 1];
}

PgPicture PgFromSegments(quorum::Membership membership, const std::vector<SegmentOfNode>& held,
                         const std::vector<NodePicture>& nodes) {
  PgPicture pg{.membership = std::move(membership)};
  uint64_t highest = 0;
  for (const quorum::Member& member : pg.membership.members) {
    SegmentPicture segment{.node = member.node.value(),
                           .state = SegmentStateOf(nodes, member.node.value())};
    const auto found = std::ranges::find(held, member.node.value(), &SegmentOfNode::node);
    if (found != held.end()) {
      segment.scl = found->said->scl();
      pg.membership.epoch = MembershipEpoch(found->said->membership_epoch());
    }
    highest = std::max(highest, segment.scl);
    pg.segments.push_back(std::move(segment));
  }
  // Without a writer nobody counts records; LSNs of other PGs may lie between, so this is a bound.
  for (SegmentPicture& segment : pg.segments) segment.lag_lsns = highest - segment.scl;
  pg.pgcl = KthHighestScl(pg.segments, pg.membership.write);
  return pg;
}

VolumePicture VolumeFromSegments(const std::string& name, const v1::NameValue& value,
                                 const AdminClient::Descriptions& said,
                                 const ClusterPicture& picture, const ClusterRecord& record) {
  VolumePicture volume{.name = name,
                       .timeline = value.timeline(),
                       .page_size = value.page_size(),
                       .pages_per_pg = value.pages_per_pg()};
  std::map<uint32_t, std::pair<uint64_t, std::vector<SegmentOfNode>>> by_first_page;
  by_first_page[0].first = value.first_pg();
  for (size_t i = 0; i < said.size(); ++i) {
    if (!said[i].ok()) continue;
    for (const v1::SegmentDescription& segment : said[i]->segments()) {
      if (segment.timeline() != value.timeline()) continue;
      auto& [pg, held] = by_first_page[segment.first_page()];
      pg = segment.pg();
      held.push_back({record.nodes[i].id, &segment});
      volume.epoch = std::max(volume.epoch, segment.epoch_number());
      volume.vdl = std::max<uint64_t>(volume.vdl, segment.vdl_heard());
      volume.pages_seen = std::max<uint64_t>(volume.pages_seen, segment.pages_seen());
      volume.own_bytes += segment.own_bytes();
      volume.shared_bytes += segment.shared_bytes();
      if (segment.ancestors().empty()) continue;
      volume.parent_timeline = *segment.ancestors().rbegin();
      volume.forked_at = segment.forked_at();
    }
  }
  volume.vcl = volume.vdl;
  for (const auto& [first_page, pg] : by_first_page) {
    const auto& [id, held] = pg;
    volume.pgs.push_back(
        PgFromSegments(MembershipOf(value, id, held, record), held, picture.nodes));
  }
  return volume;
}

void SetWriter(const Launcher& launcher, const std::string& process, VolumePicture& volume) {
  const auto identity = launcher.dir().Remembered(process);
  volume.writer = process;
  volume.writer_pid = identity ? identity->pid : 0;
  volume.writer_metrics =
      process == kBench ? launcher.record().bench_metrics : launcher.record().compute_metrics;
}

// What the compute says replaces what the segments say.
void AddComputeView(const v1::VolumeState& said, VolumePicture& volume) {
  volume.mode = said.mode();
  volume.reason = said.mode_reason();
  volume.epoch = said.epoch_number();
  volume.vdl = said.vdl();
  volume.vcl = said.vcl();
  volume.retained_from = said.history().retained_from();
  for (const v1::Lease& lease : said.leases()) {
    volume.leases.push_back({lease.read_point(), lease.ends_in_ms()});
  }
  volume.pages_seen = std::max<uint64_t>(volume.pages_seen, said.page_count());
  for (const v1::PgState& pg_said : said.pgs()) {
    for (PgPicture& pg : volume.pgs) {
      if (pg.membership.pg.value() != pg_said.pg()) continue;
      pg.pgcl = pg_said.pgcl();
      pg.membership.epoch = MembershipEpoch(pg_said.membership_epoch());
      for (const v1::SegmentState& segment_said : pg_said.segments()) {
        const auto segment =
            std::ranges::find(pg.segments, segment_said.node(), &SegmentPicture::node);
        if (segment == pg.segments.end()) continue;
        segment->scl = segment_said.scl();
        segment->lag_lsns = segment_said.lag_lsns();
        segment->last_ack_us = segment_said.last_ack_us();
        if (segment->state == NameOf(NodeState::kUp)) segment->state = segment_said.state();
      }
    }
  }
}

void AddWriters(Launcher& launcher, ClusterPicture& picture) {
  const std::string of_bench = launcher.BenchVolume();
  for (VolumePicture& volume : picture.volumes) {
    if (volume.name == of_bench) SetWriter(launcher, kBench, volume);
  }
  if (picture.compute != ProcessState::kUp) return;
  const auto compute = launcher.client().DescribeCompute(kLookTimeout);
  if (!compute.ok()) return;
  for (const v1::VolumeState& said : compute->volumes()) {
    const auto volume = std::ranges::find(picture.volumes, said.name(), &VolumePicture::name);
    // A compute that the bench has fenced, or that waits for it to end, knows less than the
    // segments.
    if (volume == picture.volumes.end() || volume->name == of_bench) continue;
    SetWriter(launcher, kCompute, *volume);
    AddComputeView(said, *volume);
    if (said.mode() != "opening") volume->sql = launcher.record().compute_sql;
  }
}

void NameParents(ClusterPicture& picture) {
  for (VolumePicture& volume : picture.volumes) {
    if (volume.parent_timeline == 0) continue;
    const auto parent =
        std::ranges::find(picture.volumes, volume.parent_timeline, &VolumePicture::timeline);
    volume.parent =
        parent != picture.volumes.end()
            ? parent->name
            : absl::StrCat("a dropped volume (timeline ", absl::Hex(volume.parent_timeline), ")");
  }
}

}  // namespace

const char* NameOf(NodeState state) {
  switch (state) {
    case NodeState::kUp:
      return "up";
    case NodeState::kPaused:
      return "paused";
    case NodeState::kAmnesiac:
      return "amnesiac";
    case NodeState::kDown:
    case NodeState::kSilent:
      return "down";
  }
  return "down";
}

std::vector<std::string> ClusterPicture::UpNodes() const {
  std::vector<std::string> up;
  for (const NodePicture& node : nodes) {
    if (node.state == NodeState::kUp) up.push_back(node.id);
  }
  return up;
}

absl::Status CheckVolumesKnown(const ClusterPicture& cluster) {
  if (cluster.silent.size() <= kMostSilent) return absl::OkStatus();
  return Failed(absl::StatusCode::kUnavailable,
                {absl::StrCat(cluster.silent.size(), " of ", cluster.nodes.size(),
                              " nodes do not answer: a volume may be missed"),
                 absl::StrCat("silent: ", absl::StrJoin(cluster.silent, ", ")),
                 "hexad status, hexad doctor"});
}

absl::Status CheckSegmentsHeard(const ClusterPicture& cluster, const VolumePicture& volume) {
  for (const PgPicture& pg : volume.pgs) {
    quorum::MemberSet heard;
    for (size_t i = 0; i < pg.membership.members.size(); ++i) {
      const std::string& node = pg.membership.members[i].node.value();
      const auto found = std::ranges::find(cluster.nodes, node, &NodePicture::id);
      const bool silent = std::ranges::find(cluster.silent, node) != cluster.silent.end();
      const bool up = found != cluster.nodes.end() && found->state == NodeState::kUp;
      if (up && !silent) heard.Add(static_cast<int>(i));
    }
    if (pg.membership.Check().ok() && pg.membership.Quorums().CanRead(heard)) continue;
    return Failed(absl::StatusCode::kUnavailable,
                  {absl::StrCat("only ", heard.size(), " of ", pg.membership.members.size(),
                                " segments of volume ", volume.name,
                                " answer: what was written to it cannot be told"),
                   absl::StrCat("silent: ", absl::StrJoin(cluster.silent, ", ")),
                   "hexad status, hexad doctor"});
  }
  return absl::OkStatus();
}

ClusterPicture Look(Launcher& launcher) {
  const ClusterRecord& record = launcher.record();
  ClusterPicture picture;
  picture.faults = FaultsOf(launcher.dir());
  std::vector<bool> asked;
  for (const NodeRecord& node : record.nodes) {
    picture.nodes.push_back(LookAtProcess(launcher, node));
    asked.push_back(picture.nodes.back().state == NodeState::kSilent);
  }
  const auto said = launcher.client().DescribeNodes(asked, true, kLookTimeout);
  for (size_t i = 0; i < said.size(); ++i) {
    if (said[i].ok()) AddDescription(*said[i], record, record.nodes[i], picture.nodes[i]);
    asked[i] = said[i].ok();  // who did not answer once is not waited for again
  }
  picture.compute = launcher.StateOf(kCompute);

  const AdminClient::Names names = launcher.client().ListNames(record.cluster, asked, kLookTimeout);
  for (size_t i = 0; i < said.size(); ++i) {
    if (!said[i].ok() || !names.answered[i]) picture.silent.push_back(record.nodes[i].id);
  }
  for (const auto& [name, value] : names.values) {
    picture.volumes.push_back(VolumeFromSegments(name, value, said, picture, record));
  }
  NameParents(picture);
  AddWriters(launcher, picture);
  return picture;
}

}  // namespace hexad::launcher

#include <array>
#include <nlohmann/json.hpp>
#include <string>

#include "absl/strings/str_cat.h"
#include "cli/status_view.h"
#include "cli/target.h"

namespace hexad::cli {
namespace {

using json = nlohmann::ordered_json;

// 64-bit identities as text: not every JSON reader keeps them whole as numbers.
std::string Hex(uint64_t value) { return absl::StrCat(absl::Hex(value, absl::kZeroPad16)); }

json TextOrNull(const std::string& text) { return text.empty() ? json(nullptr) : json(text); }

// A volume's name for its PGs, as people count them: main/0, main/1.
json ToJson(const launcher::PgPicture& pg) {
  json segments = json::array();
  for (const launcher::SegmentPicture& segment : pg.segments) {
    segments.push_back({{"node", segment.node},
                        {"scl", segment.scl},
                        {"lag_records", segment.lag_lsns},  // the name that programs know
                        {"state", segment.state}});
  }
  return {{"id", Hex(pg.membership.pg.value())},
          {"membership_epoch", pg.membership.epoch.value()},
          {"pgcl", pg.pgcl},
          {"segments", segments}};
}

json ToJson(const launcher::VolumePicture& volume, const launcher::VolumeSlack& slack) {
  json pgs = json::array();
  for (const launcher::PgPicture& pg : volume.pgs) pgs.push_back(ToJson(pg));
  json leases = json::array();
  for (const launcher::LeasePicture& lease : volume.leases) {
    leases.push_back({{"read_point", lease.read_point}, {"ends_in_ms", lease.ends_in_ms}});
  }
  return {
      {"name", volume.name},
      {"timeline", Hex(volume.timeline)},
      {"epoch", volume.epoch},
      {"vdl", volume.vdl},
      {"vcl", volume.vcl},
      {"page_size", volume.page_size},
      {"pgs", pgs},
      {"write_quorum",
       {{"need", slack.write_need}, {"of", slack.of}, {"up", slack.up}, {"ok", slack.can_write}}},
      {"read_quorum", {{"need", slack.read_need}, {"of", slack.of}, {"ok", slack.can_read}}},
      {"clone_of", TextOrNull(volume.parent)},
      {"forked_at", volume.parent.empty() ? json(nullptr) : json(volume.forked_at)},
      {"own_bytes", volume.own_bytes},
      {"shared_bytes", volume.shared_bytes},
      {"can_go_back_to", volume.retained_from == 0 ? json(nullptr) : json(volume.retained_from)},
      {"can_go_back_to_time",
       volume.retained_time_us == 0 ? json(nullptr) : json(TimeText(volume.retained_time_us))},
      {"leases", leases},
      {"sql", TextOrNull(volume.sql)},
      {"writer", TextOrNull(volume.writer)},
      {"writer_pid", volume.writer_pid == 0 ? json(nullptr) : json(volume.writer_pid)},
      {"writer_metrics", TextOrNull(volume.writer_metrics)}};
}

json ToJson(const launcher::FaultsInForce& faults) {
  json links = json::array();
  for (const auto& [direction, rule] : faults.links.rules) {
    links.push_back({{"from", direction.first},
                     {"to", direction.second},
                     {"cut", rule.cut},
                     {"delay_us", rule.delay_us}});
  }
  json disks = json::array();
  for (const launcher::DiskFault& disk : faults.disks) {
    disks.push_back({{"node", disk.node},
                     {"fsync_delay_us", disk.sync_delay_us},
                     {"full", disk.full},
                     {"failing", disk.failing}});
  }
  return {{"links", links}, {"disks", disks}};
}

}  // namespace

json StatusJson(const launcher::ClusterPicture& cluster) {
  json nodes = json::array();
  for (const launcher::NodePicture& node : cluster.nodes) {
    nodes.push_back(
        {{"id", node.id},
         {"az", node.az},
         {"address", node.address},
         {"metrics", node.metrics},
         {"pid", node.pid == 0 ? json(nullptr) : json(node.pid)},
         {"state", launcher::NameOf(node.state)},
         {"incarnation", node.incarnation == 0 ? json(nullptr) : json(Hex(node.incarnation))}});
  }
  json volumes = json::array();
  for (const launcher::VolumePicture& volume : cluster.volumes) {
    volumes.push_back(ToJson(volume, launcher::SlackOf(volume, cluster)));
  }
  const launcher::ClusterSlack slack = launcher::SlackOf(cluster);
  const auto can_lose = [](const quorum::Slack& s) -> json {
    return {{"nodes", s.nodes}, {"azs", s.azs}};
  };
  return {{"nodes", nodes},
          {"volumes", volumes},
          {"can_lose", {{"write", can_lose(slack.write)}, {"read", can_lose(slack.read)}}},
          {"faults", ToJson(cluster.faults)}};
}

}  // namespace hexad::cli

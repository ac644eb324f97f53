#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "cli/format.h"
#include "cli/status_view.h"
#include "cli/table.h"
#include "cli/target.h"

namespace hexad::cli {
namespace {

using launcher::NodeState;

Colour ColourOf(NodeState state) {
  switch (state) {
    case NodeState::kUp:
      return Colour::kGood;
    case NodeState::kPaused:
    case NodeState::kSilent:
      return Colour::kWarning;
    case NodeState::kDown:
    case NodeState::kAmnesiac:
      return Colour::kBad;
  }
  return Colour::kNone;
}

// People want to know why a running process counts as down.
std::string Shown(const launcher::NodePicture& node) {
  if (node.state == NodeState::kSilent) return "silent";
  if (node.state == NodeState::kUp && node.disk_full) return "disk full";
  return launcher::NameOf(node.state);
}

// A node's segments over all volumes: the highest SCL, what it lacks, and its slowest last ack.
struct NodeTotals {
  uint64_t scl = 0;
  uint64_t lag_lsns = 0;
  uint64_t last_ack_us = 0;
};

NodeTotals TotalsOf(const launcher::ClusterPicture& cluster, const std::string& node) {
  NodeTotals totals;
  for (const launcher::VolumePicture& volume : cluster.volumes) {
    for (const launcher::PgPicture& pg : volume.pgs) {
      for (const launcher::SegmentPicture& segment : pg.segments) {
        if (segment.node != node) continue;
        totals.scl = std::max(totals.scl, segment.scl);
        totals.lag_lsns += segment.lag_lsns;
        totals.last_ack_us = std::max(totals.last_ack_us, segment.last_ack_us);
      }
    }
  }
  return totals;
}

void PrintNodes(const launcher::ClusterPicture& cluster, bool colour, std::ostream& out) {
  Table table({{"NODE"},
               {"AZ"},
               {"STATE"},
               {"PID", Align::kRight},
               {"ADDRESS"},
               {"SCL", Align::kRight},
               {"LAG", Align::kRight},
               {"DISK", Align::kRight},
               {"LAST ACK", Align::kRight}});
  for (const launcher::NodePicture& node : cluster.nodes) {
    const NodeTotals totals = TotalsOf(cluster, node.id);
    const bool answers = node.state == NodeState::kUp || node.state == NodeState::kAmnesiac;
    const auto known = [&](bool is_known, const std::string& text) {
      return is_known ? text : std::string("-");
    };
    table.AddRow({node.id,
                  node.az,
                  {Shown(node), ColourOf(node.state)},
                  known(node.pid != 0, absl::StrCat(node.pid)),
                  node.address,
                  known(answers, Thousands(totals.scl)),
                  known(answers, Thousands(totals.lag_lsns)),
                  known(answers, Bytes(node.disk_bytes)),
                  known(answers && totals.last_ack_us != 0, Micros(totals.last_ack_us))});
  }
  table.Print(out, colour);
}

std::string WriterOf(const launcher::VolumePicture& volume) {
  if (volume.writer.empty()) return "no writer";
  if (volume.mode.empty() || volume.mode == "read-write") {
    return absl::StrCat("writer ", volume.writer, ", pid ", volume.writer_pid);
  }
  return absl::StrCat(volume.writer, ", pid ", volume.writer_pid, ", ", volume.mode,
                      volume.reason.empty() ? "" : ": " + volume.reason);
}

std::string Verdict(bool ok, bool colour) {
  return ok ? "ok" : Paint("LOST", Colour::kBad, colour);
}

void PrintVolume(const launcher::VolumePicture& volume, const launcher::ClusterPicture& cluster,
                 bool colour, std::ostream& out) {
  const launcher::VolumeSlack slack = launcher::SlackOf(volume, cluster);
  out << "Volume " << volume.name << "   epoch " << volume.epoch << "   VDL "
      << Thousands(volume.vdl) << "   VCL " << Thousands(volume.vcl) << "   "
      << Count(volume.pgs.size(), "PG") << "   " << WriterOf(volume);
  if (!volume.sql.empty()) out << "   sql " << volume.sql;
  out << "\n";
  out << "  Write quorum " << slack.write_need << "/" << slack.of << " "
      << Verdict(slack.can_write, colour) << " (" << slack.up << " up)   Read quorum "
      << slack.read_need << "/" << slack.of << " " << Verdict(slack.can_read, colour)
      << "   copies below " << slack.of << ": ";
  std::vector<std::string> missing;
  for (const launcher::NodePicture& node : cluster.nodes) {
    const bool holds = std::ranges::any_of(volume.pgs, [&](const launcher::PgPicture& pg) {
      return pg.membership.IndexOf(NodeId(node.id)).has_value();
    });
    if (holds && node.state != NodeState::kUp) missing.push_back(node.id);
  }
  out << (missing.empty() ? "none" : absl::StrCat("on ", absl::StrJoin(missing, ", "))) << "\n";
  out << "  Can lose now: " << CanLoseInWords(slack.write, slack.read) << ".\n";
  PrintPast(volume, out);
}

// A cut of a whole AZ is many links: said in a few lines, the rest counted.
void PrintFaults(const launcher::FaultsInForce& faults, bool colour, std::ostream& out) {
  constexpr size_t kShown = 12;
  const std::vector<std::string> lines = launcher::InWords(faults);
  for (size_t i = 0; i < std::min(lines.size(), kShown); ++i) {
    out << (i == 0 ? Paint("In force:  ", Colour::kWarning, colour) : "           ") << lines[i]
        << "\n";
  }
  if (lines.size() > kShown) out << "           and " << lines.size() - kShown << " more\n";
}

std::string Suggestions(const launcher::ClusterPicture& cluster, const std::string& dir) {
  std::vector<std::string> lines;
  const auto down = std::ranges::find_if(cluster.nodes, [](const launcher::NodePicture& node) {
    return node.state == NodeState::kDown;
  });
  const auto paused =
      std::ranges::find(cluster.nodes, NodeState::kPaused, &launcher::NodePicture::state);
  const bool healthy = std::ranges::all_of(cluster.nodes,
                                           [](const launcher::NodePicture& node) {
                                             return node.state == NodeState::kUp && !node.disk_full;
                                           }) &&
                       cluster.compute == launcher::ProcessState::kUp;
  if (!cluster.faults.none()) lines.push_back("heal");
  if (!healthy) lines.push_back("doctor");
  if (paused != cluster.nodes.end()) lines.push_back("resume " + paused->id);
  if (down != cluster.nodes.end()) lines.push_back("restart " + down->id);
  if (cluster.compute == launcher::ProcessState::kPaused) lines.push_back("resume compute");
  const bool compute_down = cluster.compute == launcher::ProcessState::kDown;
  if (compute_down) lines.push_back("up");
  if (healthy && !cluster.nodes.empty()) {
    lines.push_back("kill az:" + cluster.nodes.back().az);
  }
  if (!compute_down) {
    lines.push_back("sql -c \"select 1\"");
    lines.push_back("bench write --seconds 5");
  }
  for (const launcher::VolumePicture& volume : cluster.volumes) {
    if (volume.vdl != 0) {
      lines.push_back("verify " + volume.name);
      break;
    }
  }
  for (std::string& line : lines) line = absl::StrCat("hexad ", line, DirOption(dir));
  return absl::StrJoin(lines, "    ");
}

}  // namespace

std::string DirOption(const std::string& folder) {
  return folder == ".hexad" ? "" : absl::StrCat(" --dir ", folder);
}

std::string CanLoseInWords(const quorum::Slack& write, const quorum::Slack& read) {
  const auto nodes = [](int n) { return absl::StrCat(InWords(n), n == 1 ? " node" : " nodes"); };
  const auto azs = [](int n) { return absl::StrCat(InWords(n), n == 1 ? " AZ" : " AZs"); };
  std::string words;
  if (write.nodes < 0) {
    words = "writes have stopped";
  } else if (write.nodes == 0) {
    words = "no node and still write";
  } else {
    words = absl::StrCat("any ", write.nodes, write.nodes == 1 ? " node" : " nodes");
    if (write.azs > 0) absl::StrAppend(&words, " or ", azs(write.azs));
    absl::StrAppend(&words, " and still write");
  }
  absl::StrAppend(&words, "; ");
  if (read.nodes < 0) return absl::StrCat(words, "reads have stopped");
  if (read.az_plus_nodes > 0) {
    absl::StrAppend(&words, "one AZ and ", nodes(read.az_plus_nodes));
  } else if (read.nodes > 0) {
    absl::StrAppend(&words, "any ", read.nodes, read.nodes == 1 ? " node" : " nodes",
                    read.azs > 0 ? " or one AZ" : "");
  } else {
    absl::StrAppend(&words, "no node");
  }
  return absl::StrCat(words, " and still read");
}

void PrintPast(const launcher::VolumePicture& volume, std::ostream& out) {
  if (volume.retained_from != 0) {
    v1::Commit oldest;
    oldest.set_lsn(volume.retained_from);
    oldest.set_time_us(volume.retained_time_us);
    out << "  Can go back to " << CommitText(oldest) << ".";
  }
  if (!volume.leases.empty()) {
    uint64_t lowest = volume.leases.front().read_point;
    uint64_t last_ms = 0;
    for (const launcher::LeasePicture& lease : volume.leases) {
      lowest = std::min(lowest, lease.read_point);
      last_ms = std::max(last_ms, lease.ends_in_ms);
    }
    out << "  " << Count(volume.leases.size(), "lease") << " from LSN " << Thousands(lowest)
        << " on hold garbage collection back for another "
        << Seconds(static_cast<double>(last_ms) / 1000) << ".";
  }
  if (volume.retained_from != 0 || !volume.leases.empty()) out << "\n";
}

void PrintStatus(const launcher::ClusterPicture& cluster, const StatusText& how,
                 std::ostream& out) {
  std::vector<std::string> azs;
  for (const launcher::NodePicture& node : cluster.nodes) {
    if (std::ranges::find(azs, node.az) == azs.end()) azs.push_back(node.az);
  }
  out << "Cluster " << how.folder << "   " << Count(cluster.nodes.size(), "node") << ", "
      << Count(azs.size(), "AZ") << "   hexad " << HEXAD_VERSION << "\n";
  PrintNodes(cluster, how.colour, out);
  for (const launcher::VolumePicture& volume : cluster.volumes) {
    PrintVolume(volume, cluster, how.colour, out);
  }
  PrintFaults(cluster.faults, how.colour, out);
  if (cluster.volumes.empty()) out << "No volume is known to the nodes that are up.\n";
  if (how.suggestions) out << "Try:  " << Suggestions(cluster, how.folder) << std::endl;
}

}  // namespace hexad::cli

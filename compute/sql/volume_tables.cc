#include "compute/sql/volume_tables.h"

#include <algorithm>
#include <map>
#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "compute/sql/listed_table.h"

namespace hexad::compute::sql {
namespace {

ListedValue Number(uint64_t value) { return static_cast<int64_t>(value); }
ListedValue Of(Lsn lsn) { return Number(lsn.value()); }
std::string Hex(uint64_t id) { return absl::StrCat(absl::Hex(id)); }

constexpr char kStatusColumns[] =
    "volume text, mode text, reason text, epoch bigint, vdl bigint, vcl bigint, newest bigint, "
    "retained_from bigint, page_size integer, pages bigint, pgs integer, commits_waiting bigint, "
    "cache_hits bigint, cache_misses bigint";

ListedRows Status(const Volume& volume) {
  const VolumeStatus status = volume.Status();
  const VolumeStatistics counted = volume.Statistics();
  return {{status.name, std::string(NameOf(status.mode)), status.reason,
           Number(status.epoch.number), Of(status.vdl), Of(status.vcl), Of(volume.newest()),
           Of(status.manifest.retained_from), Number(volume.page_size()), Number(status.pages_seen),
           Number(status.pgs.size()), Number(counted.commits_waiting), Number(counted.cache_hits),
           Number(counted.cache_misses)}};
}

constexpr char kSegmentColumns[] =
    "pg text, node text, az text, scl bigint, lag_lsns bigint, state text, last_ack_us bigint, "
    "trouble text";

std::string StateOf(const quorum::PgDescription::MemberState& member) {
  if (!member.up) return "down";
  if (!member.trusted) return "untrusted";
  return member.lagging ? "lagging" : "up";
}

ListedRows Segments(const Volume& volume) {
  ListedRows rows;
  for (const quorum::PgDescription& pg : volume.Status().pgs) {
    for (const auto& member : pg.members) {
      rows.push_back({Hex(pg.pg.value()), member.node.value(), member.az.value(), Of(member.scl),
                      Number(member.lag_lsns), StateOf(member), member.last_ack.micros(),
                      member.trouble});
    }
  }
  return rows;
}

constexpr char kHistoryColumns[] =
    "timeline text, epoch bigint, first_lsn bigint, last_lsn bigint, visible boolean, left_by "
    "bigint";

// `end`: what is there of the newest step now.
void AddSteps(const quorum::Path& path, Lsn end, std::optional<uint32_t> left_by,
              ListedRows& rows) {
  for (const quorum::PathStep& step : path.steps()) {
    const Lsn last = std::min(step.last_lsn, end);
    if (last < step.first_lsn) continue;  // it took no record from that epoch
    rows.push_back({Hex(step.timeline.value()), Number(step.epoch.number), Of(step.first_lsn),
                    Of(last), Number(left_by.has_value() ? 0 : 1),
                    left_by.has_value() ? Number(*left_by) : ListedValue()});
  }
}

// A branch shares its beginning with what it was left by: only what lies beyond is its own.
void CutShared(const ListedRows& before, ListedRows& rows) {
  for (ListedRow& row : rows) {
    for (const ListedRow& one : before) {
      if (one[0] != row[0] || one[1] != row[1]) continue;
      row[2] = std::max(std::get<int64_t>(row[2]), std::get<int64_t>(one[3]) + 1);
    }
  }
  std::erase_if(rows, [](const ListedRow& row) {
    return std::get<int64_t>(row[2]) > std::get<int64_t>(row[3]);
  });
}

// The visible path first; then, of each branch, what is on no path before it.
ListedRows History(const Volume& volume) {
  const VolumeStatus status = volume.Status();
  ListedRows rows;
  if (!status.history.has_value()) return rows;
  AddSteps(status.history->path, status.vdl, std::nullopt, rows);
  for (const quorum::Branch& branch : status.history->branches) {
    ListedRows of_branch;
    AddSteps(branch.path, branch.end.at, branch.left_by.number, of_branch);
    CutShared(rows, of_branch);
    rows.insert(rows.end(), of_branch.begin(), of_branch.end());
  }
  return rows;
}

constexpr char kCommitColumns[] =
    "lsn bigint, epoch bigint, event text, pg text, node text, az text, after_us bigint";

ListedRows LastCommit(const DatabaseFile& file) {
  const Volume& volume = file.database().volume();
  const auto receipt = volume.ReceiptOf(file.committed());
  if (!receipt.has_value()) return {};
  std::map<std::string, std::string> azs;
  for (const quorum::PgDescription& pg : volume.Status().pgs) {
    for (const auto& member : pg.members) azs[member.node.value()] = member.az.value();
  }
  ListedRows rows;
  const auto add = [&](const char* event, ListedValue pg, ListedValue node, ListedValue az,
                       Duration after) {
    rows.push_back({Of(receipt->lsn), Number(receipt->epoch.number), event, std::move(pg),
                    std::move(node), std::move(az), after.micros()});
  };
  bool told = !receipt->durable_after.has_value();
  for (const CommitReceipt::Ack& ack : receipt->acks) {
    if (!told && ack.after > *receipt->durable_after) {
      told = true;
      add("durable", {}, {}, {}, *receipt->durable_after);
    }
    const std::string& node = ack.node.value();
    add("ack", Hex(ack.pg.value()), node, azs[node], ack.after);
  }
  if (!told) add("durable", {}, {}, {}, *receipt->durable_after);
  return rows;
}

}  // namespace

void AddVolumeTables(sqlite3* db, const DatabaseFile& file) {
  const Volume& volume = file.database().volume();
  AddListedTable(db, {"hexad_status", kStatusColumns, [&volume] { return Status(volume); }});
  AddListedTable(db, {"hexad_segments", kSegmentColumns, [&volume] { return Segments(volume); }});
  AddListedTable(db, {"hexad_history", kHistoryColumns, [&volume] { return History(volume); }});
  AddListedTable(db, {"hexad_last_commit", kCommitColumns, [&file] { return LastCommit(file); }});
}

}  // namespace hexad::compute::sql

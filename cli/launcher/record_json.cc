#include "cli/launcher/record_json.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace hexad::launcher {
namespace {

using nlohmann::json;

// Identities are hexadecimal text: 64 bits do not survive every JSON reader as a number.
std::string Hex(uint64_t value) { return absl::StrCat(absl::Hex(value, absl::kZeroPad16)); }

uint64_t FromHex(const json& text) {
  uint64_t value = 0;
  if (!absl::SimpleHexAtoi(text.get<std::string>(), &value)) {
    throw json::other_error::create(501, "not a hexadecimal number", &text);
  }
  return value;
}

const char* NameOf(Forming forming) {
  switch (forming) {
    case Forming::kFresh:
      return "fresh";
    case Forming::kForming:
      return "forming";
    case Forming::kFormed:
      return "formed";
  }
  return "fresh";
}

Forming FormingOf(const json& name) {
  for (const Forming forming : {Forming::kFresh, Forming::kForming, Forming::kFormed}) {
    if (name == NameOf(forming)) return forming;
  }
  throw json::other_error::create(501, "neither fresh, forming nor formed", &name);
}

json ToJson(const NodeRecord& node) {
  return {{"id", node.id},
          {"az", node.az},
          {"address", node.address},
          {"metrics", node.metrics},
          {"incarnation", Hex(node.incarnation)}};
}

NodeRecord NodeFromJson(const json& from) {
  return {.id = from.at("id"),
          .az = from.at("az"),
          .address = from.at("address"),
          .metrics = from.at("metrics"),
          .incarnation = FromHex(from.at("incarnation"))};
}

ClusterRecord RecordFromJson(const json& from) {
  ClusterRecord record;
  record.port_block = from.at("port_block");
  for (const json& node : from.at("nodes")) record.nodes.push_back(NodeFromJson(node));
  record.compute_address = from.at("compute").at("address");
  record.compute_metrics = from.at("compute").at("metrics");
  record.compute_sql = from.at("compute").value("sql", std::string());
  record.bench_metrics = from.at("bench").at("metrics");
  record.volume = from.at("compute").at("volume");
  record.clones = from.at("compute").value("clones", std::vector<std::string>());
  record.forming = FormingOf(from.at("forming"));
  record.cluster = FromHex(from.at("cluster"));
  record.faults = from.value("faults", false);
  return record;
}

}  // namespace

std::string EncodeRecord(const ClusterRecord& record) {
  json out = {{"format", kRecordFormat},
              {"hexad", HEXAD_VERSION},
              {"cluster", Hex(record.cluster)},
              {"forming", NameOf(record.forming)},
              {"port_block", record.port_block},
              {"nodes", json::array()},
              {"compute",
               {{"address", record.compute_address},
                {"metrics", record.compute_metrics},
                {"sql", record.compute_sql},
                {"volume", record.volume},
                {"clones", record.clones}}},
              {"bench", {{"metrics", record.bench_metrics}}},
              {"faults", record.faults}};
  for (const NodeRecord& node : record.nodes) out["nodes"].push_back(ToJson(node));
  return out.dump(2) + "\n";
}

// nlohmann reports by exception; none leaves this file.
absl::StatusOr<ClusterRecord> DecodeRecord(const std::string& text) {
  try {
    const json from = json::parse(text);
    if (const int format = from.at("format"); format != kRecordFormat) {
      return absl::FailedPreconditionError(
          absl::StrCat("format ", format, ", and this hexad ", HEXAD_VERSION, " knows format ",
                       kRecordFormat, " only; it was written by hexad ",
                       from.value("hexad", std::string("of an unknown version"))));
    }
    return RecordFromJson(from);
  } catch (const json::exception& error) {
    return absl::DataLossError(error.what());
  }
}

std::string EncodeIdentity(const ProcessIdentity& identity) {
  const json out = {{"pid", identity.pid},
                    {"start_ticks", identity.start_ticks},
                    {"exe", identity.exe},
                    {"boot_id", identity.boot_id},
                    {"writes_to", identity.writes_to}};
  return out.dump() + "\n";
}

absl::StatusOr<ProcessIdentity> DecodeIdentity(const std::string& text) {
  try {
    const json from = json::parse(text);
    return ProcessIdentity{.pid = from.at("pid"),
                           .start_ticks = from.at("start_ticks"),
                           .exe = from.at("exe"),
                           .boot_id = from.at("boot_id"),
                           .writes_to = from.value("writes_to", std::string())};
  } catch (const json::exception& error) {
    return absl::DataLossError(error.what());
  }
}

absl::Status WriteFileAtomically(const std::string& path, const std::string& text) {
  const std::string draft = absl::StrCat(path, ".new.", getpid());
  const int fd = open(draft.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (fd < 0) return absl::ErrnoToStatus(errno, absl::StrCat("cannot write ", path));
  const bool written = write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  const bool synced = written && fsync(fd) == 0;
  const int error = errno;
  close(fd);
  if (synced && rename(draft.c_str(), path.c_str()) == 0) return absl::OkStatus();
  const absl::Status failed =
      absl::ErrnoToStatus(synced ? errno : error, absl::StrCat("cannot write ", path));
  unlink(draft.c_str());
  return failed;
}

absl::StatusOr<std::string> ReadFile(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) return absl::ErrnoToStatus(errno, absl::StrCat("cannot read ", path));
  return std::string(std::istreambuf_iterator<char>(in), {});
}

}  // namespace hexad::launcher

// cluster.json and pids/NAME.json: the launcher's memory as text. Bytes of unknown quality: a file
// that does not parse, misses a field or is of a newer format is an error that names it.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "cli/launcher/cluster_dir.h"
#include "cli/launcher/process.h"

namespace hexad::launcher {

inline constexpr int kRecordFormat = 1;

std::string EncodeRecord(const ClusterRecord& record);
absl::StatusOr<ClusterRecord> DecodeRecord(const std::string& text);

std::string EncodeIdentity(const ProcessIdentity& identity);
absl::StatusOr<ProcessIdentity> DecodeIdentity(const std::string& text);

// Replaces the file in one step, durably: a crash leaves the old text or the new one.
absl::Status WriteFileAtomically(const std::string& path, const std::string& text);
absl::StatusOr<std::string> ReadFile(const std::string& path);

}  // namespace hexad::launcher

// One verification from end to end: hold the volume still, compare its segments page by page, and
// prove every acknowledged MTR from the same pages. Used by `hexad verify`, the demo and
// tests/cluster.
#pragma once

#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <ostream>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "bench/workload/ack_check.h"
#include "cli/launcher/launcher.h"
#include "cli/launcher/picture.h"
#include "cli/verify/compare.h"

namespace hexad::cli {

struct VerifyRequest {
  std::string volume;
  std::string ack_log;  // empty: only compare
};

struct VerifyHow {
  bool progress = false;  // draw it on stderr
  std::function<bool()> interrupted = [] { return false; };
};

struct Verification {
  std::string volume;
  uint32_t epoch = 0;
  Lsn read_point;
  Comparison comparison;
  std::optional<workload::AckVerdict> acks;
  launcher::ScrubPicture scrub;  // of all nodes together, but for `rounds`: of the slowest
  double seconds = 0;
};

// An error only if it could not be carried out; what it found is in the result.
absl::StatusOr<Verification> Verify(launcher::Launcher& launcher, const VerifyRequest& request,
                                    const VerifyHow& how);

// OK if all segments are equal and nothing acknowledged is missing; else DATA_LOSS says what, or
// UNAVAILABLE which nodes could not be compared.
absl::Status VerdictOf(const Verification& verification);

void PrintVerification(const Verification& verification, std::ostream& out);
nlohmann::ordered_json VerificationJson(const Verification& verification);

}  // namespace hexad::cli

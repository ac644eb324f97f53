// How far back a volume can go, and whether a target is a place in that past: checked before
// anything is done, so that a mistake costs nobody an epoch and the answer names what is possible.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "cli/launcher/picture.h"
#include "cli/launcher/volume_view.h"
#include "proto/compute.pb.h"

namespace hexad::cli {

enum class PastOf {
  kHead,      // what is visible: a read
  kBranches,  // and what backtracks left behind: a fork
};

// OK if `target`, which the user wrote as `text`, is an LSN of one of those histories or a time
// that is not to come, and not older than what is retained. OUT_OF_RANGE says what is wrong with it
// and what the volume can go back to. Other codes: nobody can tell now.
absl::Status CheckTarget(launcher::VolumeView& view, const v1::Target& target,
                         const std::string& text, PastOf of);

// The branch that the LSN lies on; nullptr: the head, or none.
const v1::HistoryBranch* BranchWith(const v1::VolumeState& state, uint64_t lsn);

// "it can go back to LSN 1 (2026-01-31T12:00:00.000Z) and later, its newest commit is LSN 812
// (...)".
std::string RangeText(launcher::VolumeView& view);

// The read point that a target means, as the user wrote it: the last visible commit at or before
// it. CheckTarget's errors.
absl::StatusOr<uint64_t> ReadPointOf(launcher::VolumeView& view, const std::string& text);

// The first commit that the volume can go back to; without an LSN if it has none, or nobody can
// tell now.
v1::Commit OldestCommit(launcher::VolumeView& view);

// Fills in what the picture cannot tell: each volume's first commit that it can go back to, with
// its time. For people: a volume that cannot be looked at for the moment stays without.
void FindOldest(launcher::Launcher& launcher, launcher::ClusterPicture& cluster);

// Now, in microseconds since 1970, by this machine's clock.
int64_t NowMicros();

}  // namespace hexad::cli

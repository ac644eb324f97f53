// A volume's epoch tree for people: which epochs there are, where each forks from its parent, how
// far each goes, and which of it is visible. Drawn as text and as SVG from one picture.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "proto/compute.pb.h"

namespace hexad::cli {

struct EpochNode {
  uint32_t epoch = 0;
  uint64_t first_lsn = 0;
  uint64_t last_lsn = 0;               // that any kept history holds; below first_lsn: none
  uint64_t forked_at = 0;              // in its parent, or further back
  std::optional<uint64_t> visible_to;  // on the visible history: so far; nothing: not on it
  uint32_t left_by = 0;                // ends a branch that this epoch's backtrack left
  std::vector<EpochNode> children;     // by epoch
};

// The root of the tree. Ends of the newest epoch are `vdl`. REQUIRES: a history with steps.
EpochNode TreeOf(const v1::History& history, uint64_t vdl);

// One line per epoch, children indented below their parent; the visible path is marked with *.
std::vector<std::string> DrawText(const EpochNode& root);
// A self-contained picture: time to the right (by LSN), one lane per epoch.
std::string DrawSvg(const EpochNode& root, const std::string& title);

}  // namespace hexad::cli

// Clones that nobody named: their creator died between making and naming them (docs/fork.md,
// "Complete or absent"). They hold their parent's past, so whoever notices them drops them: at once
// if their name belongs to another volume, otherwise when they have been without one for a minute,
// which is longer than any creator takes.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "quorum/base/instant.h"
#include "quorum/base/types.h"

namespace hexad::compute {

// One look at what the nodes hold.
struct FoundClone {
  TimelineId timeline;
  std::string name;  // that it was made for
  std::vector<PgId> pgs;
  friend bool operator==(const FoundClone&, const FoundClone&) = default;
};

// Decides which of them to drop. Not thread-safe.
class OrphanWatch {
 public:
  static constexpr Duration kPatience = Duration::Seconds(60);

  // Whose timeline a name belongs to now, by a read quorum; TimelineId() if nobody's.
  using OwnerOf = std::function<absl::StatusOr<TimelineId>(const std::string& name)>;

  std::vector<FoundClone> ToDrop(const std::vector<FoundClone>& found, Instant now,
                                 const OwnerOf& owner_of);

 private:
  std::map<TimelineId, Instant> nameless_since_;
};

}  // namespace hexad::compute

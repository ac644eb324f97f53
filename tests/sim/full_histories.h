// Every history at full length. Openings tell long ones more shortly (docs/fork.md, Short paths);
// checkers judge by what each epoch really forked and saw, and so hear of nothing else.
#pragma once

#include <map>
#include <utility>

#include "quorum/messages.h"
#include "quorum/volume_writer.h"
#include "tests/sim/event.h"

namespace hexad::sim {

class FullHistories {
 public:
  // What that path is at full length: as it was told before it was folded, epoch by epoch.
  const quorum::Path& Of(const quorum::Path& told);
  // The same of its branches; tails are left out, no checker asks for them.
  quorum::PgPath Of(const quorum::PgPath& told);
  // The event with every history in it at full length; valid until the next call.
  const Event& Tell(const Event& event);

 private:
  std::map<std::pair<TimelineId, EpochId>, quorum::Path> full_;
  // What the translated event points to.
  Event event_;
  quorum::WriterStart start_;
  quorum::SegmentRequest request_;
};

}  // namespace hexad::sim

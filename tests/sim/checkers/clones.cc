#include "tests/sim/checkers/clones.h"

#include "absl/strings/str_cat.h"

namespace hexad::sim {

void ClonesChecker::See(const Event& event) {
  reference_.See(event);
  if (const auto* made = std::get_if<CloneMade>(&event)) On(*made);
  if (const auto* read = std::get_if<CloneRead>(&event)) On(*read);
}

// It begins at a commit of the parent, or at nothing.
void ClonesChecker::On(const CloneMade& made) {
  clones_[made.timeline] = made.forked_at;
  if (made.forked_at.IsNone()) return;
  const MtrHistory::Mtr* mtr = reference_.history().Holding(made.forked_at);
  Expect(mtr != nullptr && mtr->commit == made.forked_at, "a clone begins at ",
         made.forked_at.value(), ", which is no commit");
  Expect(mtr == nullptr || mtr->fate != MtrHistory::Fate::kAnnulled, "a clone begins at ",
         made.forked_at.value(), ", which was annulled");
}

void ClonesChecker::On(const CloneRead& seen) {
  const PageAnswered& read = seen.read;
  Expect(clones_.contains(seen.timeline), "a clone is read that was never made");
  Expect(read.read_point == seen.forked_at, "a clone of ", seen.forked_at.value(),
         ", to which nobody writes, is read at ", read.read_point.value());
  Expect(read.page_lsn <= seen.forked_at, "page ", read.page.value(), " of a clone of ",
         seen.forked_at.value(), " has LSN ", read.page_lsn.value());
  const std::string& want = reference_.PageAt(read.page, seen.forked_at, *read.history);
  if (read.bytes == want) return;
  size_t at = 0;
  while (at < want.size() && at < read.bytes.size() && want[at] == read.bytes[at]) ++at;
  Fail(absl::StrCat("n", read.node + 1, " gave page ", read.page.value(), " of a clone of ",
                    seen.forked_at.value(), " with LSN ", read.page_lsn.value(),
                    "; it differs from its parent there from byte ", at, " on"));
}

}  // namespace hexad::sim

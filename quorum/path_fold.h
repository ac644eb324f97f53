// Several steps of a history told as one (docs/fork.md, Short paths).
//
//   before   root > e1 [1,900] > e2 [1901,2400] > e3 [empty at 2400] > e4 [4401,5000] > e5 ...
//   after    root > e4 [1,5000] > e5 ...             once every segment knows e5 and is done with
//                                                    what lies before it
//
// What was issued between two intervals, 901 to 1900, was annulled by the recovery that left it
// out. It never became part of a page, so nothing is seen that was not seen before. After a
// backtrack it may have been, on the branch that was left: such steps stay apart. So do a
// timeline's root, which clones are told apart by, the ancestors of a clone, and the newest step
// with a record in it, by which a writer knows its own.
#pragma once

#include "quorum/pg_path.h"

namespace hexad::quorum {

// With everything before `settled` told as shortly as may be. The path as it is if it does not
// pass through that epoch.
PgPath FoldedBefore(const PgPath& path, EpochId settled);

// As `like` is told, which is the same history: somebody has found that it may be. Branches that
// `like` does not name any more are left out. The path as it is if the two cannot be one history.
PgPath FoldedLike(const PgPath& path, const PgPath& like);

}  // namespace hexad::quorum

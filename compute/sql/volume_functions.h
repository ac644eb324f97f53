// What can be done with a volume, as SQL functions of the connection that is open on it:
//
//   hexad_backtrack('-30s')        goes back to an LSN, a time, or so long ago; says where it is
//   now
//                                  and how to return
//   hexad_clone('dev')             a new database that begins as this one is
//   hexad_clone('dev', '-5m')      ... as it was
//   hexad_lsn_at('-30s')           the last commit at or before a place: "main@LSN" is a database
//   hexad_commit_status('token')   what became of a commit that nobody confirmed (08007):
//   committed,
//                                  not committed, unknown; or undone, by a backtrack
//
// Places are written as on the command line (compute/place_text.h). Each is refused in a
// transaction: a volume does not go back with what is going on in it.
#pragma once

#include <sqlite3.h>

#include <functional>
#include <string>

#include "compute/vfs/database_file.h"

namespace hexad::compute::sql {

// Makes a clone, and opens it here: it is a database when this returns. Blocks meanwhile.
using MakeClone = std::function<absl::StatusOr<ClonedVolume>(const CloneSpec& spec)>;

// `file` is that of `db`.
void AddVolumeFunctions(sqlite3* db, DatabaseFile& file, MakeClone clone);

// What hexad_commit_status takes.
std::string CommitToken(const Volume& volume, Lsn commit);

}  // namespace hexad::compute::sql

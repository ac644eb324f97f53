// What a volume tells of itself, as tables of the connection that is open on it:
//
//   hexad_status        one row: its mode, epoch, VDL, VCL, how far back it can go
//   hexad_segments      each copy of each PG: its node, SCL, how far it lags
//   hexad_history       the epoch tree: each step of the visible path and of the branches
//   hexad_last_commit   the durability receipt of this connection's last commit: which segment had
//                       it on its disk how many microseconds after it was ordered
#pragma once

#include <sqlite3.h>

#include "compute/vfs/database_file.h"

namespace hexad::compute::sql {

// `file` is that of `db`.
void AddVolumeTables(sqlite3* db, const DatabaseFile& file);

}  // namespace hexad::compute::sql

// The two kinds of file that SQLite opens through this VFS, as it holds them: in memory that it
// allocates, szOsFile bytes, zeroed.
#pragma once

#include <sqlite3.h>

#include <memory>

#include "compute/vfs/database_file.h"

namespace hexad::compute {

struct OpenDatabase {
  sqlite3_file base;   // first: SQLite knows nothing else
  DatabaseFile* file;  // owned, until xClose
};

struct OpenJournal {
  sqlite3_file base;
  std::string* bytes;  // owned, until xClose
};

void InitDatabase(sqlite3_file* where, std::shared_ptr<Database> database);
void InitJournal(sqlite3_file* where);
// nullptr if it is none.
DatabaseFile* DatabaseFileIn(sqlite3_file* file);

}  // namespace hexad::compute

// The C tables by which SQLite (the stock library, from 3.40) reads and writes a volume. What they
// mean is in database_file.h; nothing is decided here.
//
//   RegisterVfs("hexad", directory);
//   sqlite3_open_v2("main", &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, "hexad");
//
// A file's name is a volume's name. Rollback journals live in memory: a transaction that was not
// committed has written nothing that would need one. Temporary files are the system's own. There is
// no shared memory, so there is no WAL mode: readers and the writer do not need it here.
#pragma once

#include <sqlite3.h>

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "compute/vfs/database_file.h"

namespace hexad::compute {

// Where connections find databases. Called from the threads that open them.
class DatabaseDirectory {
 public:
  virtual ~DatabaseDirectory() = default;
  virtual absl::StatusOr<std::shared_ptr<Database>> Find(const std::string& name) = 0;
};

// For as long as the process lives: SQLite has no way to know who still uses a VFS. REQUIRES:
// `directory` lives as long; the name is new.
absl::Status RegisterVfs(const char* name, DatabaseDirectory& directory);

// The file of a connection's main database; nullptr if that is not one of ours. Lives as long as
// the connection.
DatabaseFile* FileOf(sqlite3* connection);

}  // namespace hexad::compute

// A read-only table of SQLite's whose rows are made when it is read: what a process knows, as SQL.
// Every connection has it without creating it ("eponymous"; SQLite manual, section 2.1.2 of "The
// Virtual Table Mechanism").
#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <functional>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"

namespace hexad::compute::sql {

// std::monostate: null.
using ListedValue = std::variant<std::monostate, int64_t, std::string>;
using ListedRow = std::vector<ListedValue>;
using ListedRows = std::vector<ListedRow>;

struct ListedTable {
  std::string name;
  std::string columns;  // "lsn integer, node text": as in CREATE TABLE
  // All rows, each with one value for each column. An error fails the statement that reads it.
  std::function<absl::StatusOr<ListedRows>()> list;
};

// The connection has the table for as long as it is open, and what `list` captured must live so
// long.
void AddListedTable(sqlite3* db, ListedTable table);

}  // namespace hexad::compute::sql

// PostgreSQL's catalogue over SQLite's: pg_class and its like as virtual tables, each a query over
// sqlite_schema and SQLite's pragmas, and the functions that clients read them with.
//
// A table's OID is its row in sqlite_schema plus 16384, as user objects have in PostgreSQL: it
// stays until the schema changes.
#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace hexad::compute::sql {

// What functions tell of the session that asks.
struct SessionFacts {
  std::string database;
  uint32_t process = 0;
  std::function<std::optional<std::string>(const std::string& name)> setting;
  std::function<bool(const std::string& name, const std::string& value)> set;
};

struct CatalogueTable {
  std::string_view name;
  std::string_view columns;  // as CREATE TABLE has them; the types are what clients are told
  std::string_view query;    // gives these columns in this order
};
std::span<const CatalogueTable> CatalogueTables();

// All of these together cost a connection some kilobytes, so it is done when the first statement
// may name one. `facts` outlive the connection.
void AddCatalogue(sqlite3* db, const SessionFacts& facts);

// What AddCatalogue adds, part by part.
void AddTextFunctions(sqlite3* db);  // lpad, concat, greatest, date_trunc ...; pg_sleep
void AddCatalogueFunctions(sqlite3* db, const SessionFacts& facts);  // pg_get_indexdef, format_type
void AddCasts(sqlite3* db);                                          // what x::type becomes; ~
void AddArrays(sqlite3* db);        // array_agg, array_to_string: an array is its text, '{a,b}'
void AddSetFunctions(sqlite3* db);  // in FROM: generate_series, unnest

}  // namespace hexad::compute::sql

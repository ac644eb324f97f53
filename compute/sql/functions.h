// SQL functions that PostgreSQL's clients expect and SQLite does not have.
#pragma once

#include <sqlite3.h>

#include <string>
#include <string_view>

namespace hexad::compute::sql {

// What the server says that it is, to version() and to server_version.
inline constexpr std::string_view kServerVersion = "15.0";
std::string VersionText();

// version(), now(), current_database(), current_schema(). Others come with the catalogue.
void AddFunctions(sqlite3* db, const std::string& database);

}  // namespace hexad::compute::sql

// What SQLite keeps of a definition only as its text (sqlite_schema.sql).
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace hexad::compute::sql {

// "(id > 0)", of each CHECK of a CREATE TABLE.
std::vector<std::string> ChecksOf(std::string_view create_table);
// "(a, lower(b)) WHERE c", of a CREATE INDEX.
std::string BodyOfIndex(std::string_view create_index);

}  // namespace hexad::compute::sql

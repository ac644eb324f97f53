// PostgreSQL's types by name: as a client writes one behind :: or a column is declared, and as the
// catalogue calls it. On the wire there are fewer (types.h): what SQLite keeps as text is text.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace hexad::compute::sql {

struct PgType {
  std::string_view name;  // pg_type.typname: "int4"
  uint32_t oid = 0;
  std::string_view shown;  // format_type: "integer"
  int bytes = -1;          // pg_type.typlen
  char category = 'U';     // pg_type.typcategory
  // What x::type is for SQLite: a function's name, "text" for CAST AS TEXT, nothing if there is no
  // such cast.
  std::string_view cast = "text";
};

std::span<const PgType> PgTypes();
// "integer", "INT4", "timestamp with time zone"; nullptr: PostgreSQL has no such type.
const PgType* FindPgType(std::string_view name);
const PgType* FindPgType(uint32_t oid);

// Of a column declared so: "VARCHAR(20)"; by SQLite's rules of affinity where PostgreSQL has no
// such name.
struct DeclaredType {
  uint32_t oid = 0;
  int modifier = -1;  // pg_attribute.atttypmod
};
DeclaredType PgTypeOfDeclared(std::string_view declared);
// "character varying(20)"; "???" for an OID of no type, as PostgreSQL says.
std::string FormatType(uint32_t oid, int modifier);

}  // namespace hexad::compute::sql

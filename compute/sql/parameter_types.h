// Of what types a statement's parameters are, where the client does not say: those of the columns
// that they are compared with, or put into. PostgreSQL knows this of every parameter; here it is
// read off the statement's words, for the types whose values are not the text that a client sends
// (numbers, booleans, bytea). What is not recognized stays as it was.
#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <string_view>
#include <vector>

namespace hexad::compute::sql {

// `types`: of $1, $2 ...; an entry that is not kUnspecified is left.
void InferParameterTypes(sqlite3* db, std::string_view statement, std::vector<uint32_t>& types);

}  // namespace hexad::compute::sql

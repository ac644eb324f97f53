// What a column of a result is called that nobody has named.
#pragma once

#include <string>
#include <string_view>

namespace hexad::compute::sql {

// SQLite's name is the expression's text, "count(*)"; PostgreSQL's is the function's, "count", and
// clients ask for it by that. What is neither a call nor a cast keeps its text.
std::string ResultName(std::string_view name);

}  // namespace hexad::compute::sql

// An array's text: '{1,2,"a b",NULL}'. One dimension; what stands deeper is an element's text.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace hexad::compute::sql {

using PgArrayElement = std::optional<std::string>;  // nothing: NULL

std::string TextOfArray(const std::vector<PgArrayElement>& elements);
// Of any text: what is no array has no elements. "1 2" is an int2vector, as pg_index.indkey.
std::vector<PgArrayElement> ElementsOf(std::string_view text);

}  // namespace hexad::compute::sql

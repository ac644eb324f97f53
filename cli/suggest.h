// "did you mean": the known word nearest to a mistyped one.
#pragma once

#include <string>
#include <vector>

namespace hexad::cli {

// Single-letter edits (insert, delete, replace, swap neighbours) between two words.
int EditDistance(const std::string& a, const std::string& b);

// The nearest of `known`, or "" if none is near enough to be meant.
std::string Nearest(const std::string& word, const std::vector<std::string>& known);

}  // namespace hexad::cli

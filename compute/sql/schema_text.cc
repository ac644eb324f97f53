#include "compute/sql/schema_text.h"

#include "compute/sql/edited_statement.h"

namespace hexad::compute::sql {
namespace {

std::string_view TextFrom(const EditedStatement& statement, size_t first, size_t last) {
  const char* const begin = statement[first].text.data();
  const std::string_view end = statement[last].text;
  return {begin, static_cast<size_t>(end.data() + end.size() - begin)};
}

}  // namespace

std::vector<std::string> ChecksOf(std::string_view create_table) {
  const EditedStatement statement(create_table);
  std::vector<std::string> checks;
  for (size_t i = 0; i < statement.size(); ++i) {
    if (!statement.IsWord(i, "CHECK") || !statement[i + 1].Is("(")) continue;
    const size_t close = statement.Matching(i + 1);
    if (close > i + 1) checks.emplace_back(TextFrom(statement, i + 1, close));
  }
  return checks;
}

std::string BodyOfIndex(std::string_view create_index) {
  const EditedStatement statement(create_index);
  for (size_t i = 0; i < statement.size(); ++i) {
    if (statement[i].Is("(")) return std::string(TextFrom(statement, i, statement.size() - 1));
  }
  return "";
}

}  // namespace hexad::compute::sql

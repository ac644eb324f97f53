#include "compute/sql/pg_array.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_split.h"

namespace hexad::compute::sql {
namespace {

bool IsNullWord(const std::string& element) { return absl::EqualsIgnoreCase(element, "null"); }

std::string Quoted(const std::string& element) {
  const bool plain = !element.empty() && !IsNullWord(element) &&
                     element.find_first_of("{}\",\\ \t\n\r\v\f") == std::string::npos;
  if (plain) return element;
  std::string quoted = "\"";
  for (const char c : element) {
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return quoted + '"';
}

}  // namespace

std::string TextOfArray(const std::vector<PgArrayElement>& elements) {
  std::string text = "{";
  for (size_t i = 0; i < elements.size(); ++i) {
    if (i > 0) text += ',';
    text += elements[i].has_value() ? Quoted(*elements[i]) : "NULL";
  }
  return text + '}';
}

std::vector<PgArrayElement> ElementsOf(std::string_view text) {
  std::vector<PgArrayElement> elements;
  const bool vector = text.find_first_not_of("0123456789 ") == std::string_view::npos;
  if (vector && !text.empty()) {
    for (const auto number : absl::StrSplit(std::string(text), ' ', absl::SkipEmpty())) {
      elements.emplace_back(std::string(number));
    }
    return elements;
  }
  if (text.size() < 2 || text.front() != '{' || text.back() != '}') return elements;
  text = text.substr(1, text.size() - 2);
  if (text.empty()) return elements;
  std::string element;
  bool quoted = false;
  bool was_quoted = false;
  int depth = 0;
  const auto end_element = [&] {
    const bool null = !was_quoted && IsNullWord(element);
    elements.push_back(null ? PgArrayElement() : std::exchange(element, ""));
    element.clear();
    was_quoted = false;
  };
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '\\' && i + 1 < text.size() && depth == 0) {
      element += text[++i];
    } else if (c == '"' && depth == 0) {
      quoted = !quoted;
      was_quoted = true;
    } else if (c == ',' && !quoted && depth == 0) {
      end_element();
    } else {
      if (!quoted && c == '{') ++depth;
      if (!quoted && c == '}') --depth;
      element += c;
    }
  }
  end_element();
  return elements;
}

}  // namespace hexad::compute::sql

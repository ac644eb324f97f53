// Arrays as clients write them in text: '{1,2,"a b",NULL}'.
#include <array>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "compute/sql/catalogue.h"
#include "compute/sql/function_values.h"
#include "compute/sql/pg_array.h"

namespace hexad::compute::sql {
namespace {

PgArrayElement ElementOf(sqlite3_value* value) {
  if (IsNull(value)) return std::nullopt;
  return std::string(TextOf(value));
}

void MakeArray(sqlite3_context* context, int count, sqlite3_value** values) {
  std::vector<PgArrayElement> elements;
  for (int i = 0; i < count; ++i) elements.push_back(ElementOf(values[i]));
  GiveText(context, TextOfArray(elements));
}

// SQLite's memory for one run of the aggregate; zeroes before the first row.
struct Gathered {
  std::vector<PgArrayElement>* elements;
};
void Gather(sqlite3_context* context, int, sqlite3_value** values) {
  auto* gathered = static_cast<Gathered*>(sqlite3_aggregate_context(context, sizeof(Gathered)));
  if (gathered == nullptr) return sqlite3_result_error_nomem(context);
  if (gathered->elements == nullptr) gathered->elements = new std::vector<PgArrayElement>;
  gathered->elements->push_back(ElementOf(values[0]));
}
void GiveGathered(sqlite3_context* context) {
  auto* gathered = static_cast<Gathered*>(sqlite3_aggregate_context(context, 0));
  if (gathered == nullptr || gathered->elements == nullptr) return sqlite3_result_null(context);
  GiveText(context, TextOfArray(*gathered->elements));
  delete gathered->elements;
  gathered->elements = nullptr;
}

void ToString(sqlite3_context* context, int count, sqlite3_value** values) {
  if (IsNull(values[0]) || IsNull(values[1])) return;
  std::string text;
  bool first = true;
  for (const PgArrayElement& element : ElementsOf(TextOf(values[0]))) {
    const bool named = element.has_value() || (count > 2 && !IsNull(values[2]));
    if (!named) continue;
    if (!first) text += TextOf(values[1]);
    text += element.has_value() ? *element : std::string(TextOf(values[2]));
    first = false;
  }
  GiveText(context, text);
}

// array[n], from 1.
void Element(sqlite3_context* context, int, sqlite3_value** values) {
  if (IsNull(values[0]) || IsNull(values[1])) return;
  const auto elements = ElementsOf(TextOf(values[0]));
  const int64_t n = sqlite3_value_int64(values[1]);
  if (n < 1 || n > static_cast<int64_t>(elements.size())) return;
  const PgArrayElement& element = elements[static_cast<size_t>(n - 1)];
  if (element.has_value()) GiveText(context, *element);
}

void Length(sqlite3_context* context, int count, sqlite3_value** values) {
  const bool other_dimension = count > 1 && sqlite3_value_int64(values[1]) != 1;
  if (IsNull(values[0]) || other_dimension) return;
  const auto length = static_cast<int64_t>(ElementsOf(TextOf(values[0])).size());
  if (length > 0 || count == 1) sqlite3_result_int64(context, length);
}

constexpr std::array kFunctions = {
    SqlFunction{"pg_array", -1, MakeArray},      SqlFunction{"pg_element", 2, Element},
    SqlFunction{"array_to_string", 2, ToString}, SqlFunction{"array_to_string", 3, ToString},
    SqlFunction{"array_upper", 2, Length},       SqlFunction{"array_length", 2, Length},
    SqlFunction{"cardinality", 1, Length},
};

}  // namespace

void AddArrays(sqlite3* db) {
  AddAll(db, kFunctions, nullptr);
  const int added = sqlite3_create_function_v2(db, "array_agg", 1, SQLITE_UTF8 | SQLITE_INNOCUOUS,
                                               nullptr, nullptr, Gather, GiveGathered, nullptr);
  INVARIANT(added == SQLITE_OK);
}

}  // namespace hexad::compute::sql

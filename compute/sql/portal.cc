#include "compute/sql/portal.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "compute/sql/result_name.h"
#include "quorum/base/check.h"

namespace hexad::compute::sql {
namespace {

// "$12" is parameter 12, wherever it stands; a plain "?" is the one of its place.
int NumberOf(sqlite3_stmt* statement, int index) {
  const char* name = sqlite3_bind_parameter_name(statement, index);
  if (name == nullptr || name[0] != '$') return index;
  int number = 0;
  const auto parsed = std::from_chars(name + 1, name + std::strlen(name), number);
  return parsed.ec == std::errc() && number > 0 ? number : index;
}

Format FormatOf(const std::vector<Format>& formats, size_t i) {
  if (formats.empty()) return Format::kText;
  return formats.size() == 1 ? formats[0] : formats[i];
}

}  // namespace

Portal::~Portal() {
  if (statement_ == nullptr) return;
  sqlite3_reset(statement());
  sqlite3_clear_bindings(statement());
  prepared_->idle = std::move(statement_);
}

absl::Status Portal::BindValues(const Bind& bind) {
  const size_t count = bind.values.size();
  if (bind.formats.size() > 1 && bind.formats.size() != count) {
    return absl::InvalidArgumentError(absl::StrCat("Bind has ", bind.formats.size(),
                                                   " parameter formats for ", count, " values"));
  }
  if (statement_ == nullptr) return absl::OkStatus();
  if (count != prepared_->types.size()) {
    return absl::InvalidArgumentError(absl::StrCat("Bind has ", count, " values, the statement ",
                                                   prepared_->types.size(), " parameters"));
  }
  const auto columns = static_cast<size_t>(sqlite3_column_count(statement()));
  if (bind.result_formats.size() > 1 && bind.result_formats.size() != columns) {
    return absl::InvalidArgumentError(absl::StrCat("Bind has ", bind.result_formats.size(),
                                                   " result formats for ", columns, " columns"));
  }
  result_formats_ = bind.result_formats;
  for (int index = 1; index <= sqlite3_bind_parameter_count(statement()); ++index) {
    const auto i = static_cast<size_t>(NumberOf(statement(), index) - 1);
    if (i >= count) continue;  // "?3" without "?2" leaves a hole, which stays null
    const auto type = static_cast<Oid>(prepared_->types[i]);
    const absl::Status bound =
        BindValue(statement(), index, type, FormatOf(bind.formats, i), bind.values[i]);
    if (!bound.ok()) return bound;
  }
  return absl::OkStatus();
}

int Portal::Step() {
  begun_ = true;
  if (has_row_) return SQLITE_ROW;
  if (finished_) return SQLITE_DONE;
  const int result = sqlite3_step(statement());
  has_row_ = result == SQLITE_ROW;
  finished_ = !has_row_;
  // What it holds (its snapshot, if it is alone) is given back now, not when the portal is closed.
  if (finished_ && result == SQLITE_DONE) sqlite3_reset(statement());
  return result;
}

std::vector<Column>& Portal::Columns() {
  if (described_ || statement_ == nullptr) return columns_;
  columns_ = ColumnsOf(statement());
  for (size_t i = 0; i < columns_.size(); ++i) {
    Column& column = columns_[i];
    const int at = static_cast<int>(i);
    column.format = FormatOf(result_formats_, i);
    if (has_row_ && sqlite3_column_decltype(statement(), at) == nullptr) {
      column.type = TypeOfValue(sqlite3_column_value(statement(), at));
      column.type_bytes = BytesOf(static_cast<Oid>(column.type));
    }
  }
  described_ = true;
  return columns_;
}

void Portal::Introduce(Answers& answers) {
  if (std::exchange(introduced_, true)) return;
  const std::vector<Column>& columns = Columns();
  if (!copies_out()) return answers.RowDescription(columns);
  answers.CopyOutResponse(columns.size());
  if (!prepared_->copy->format.header) return;
  std::string header;
  AppendCopyHeader(prepared_->copy->format, columns, header);
  answers.CopyData(header);
}

absl::Status Portal::GiveRow(Answers& answers) {
  INVARIANT(has_row_);
  const std::vector<Column>& columns = Columns();
  if (static_cast<size_t>(sqlite3_data_count(statement())) != columns.size()) {
    return absl::InvalidArgumentError(
        "the table was changed: prepare the statement again, its rows have other columns now");
  }
  has_row_ = false;
  ++rows_;
  if (copies_out()) {
    std::string line;
    AppendCopyRow(prepared_->copy->format, statement(), columns, line);
    answers.CopyData(line);
    return absl::OkStatus();
  }
  answers.BeginRow(columns.size());
  for (size_t i = 0; i < columns.size(); ++i) {
    sqlite3_value* value = sqlite3_column_value(statement(), static_cast<int>(i));
    const absl::Status given = AppendValue(value, columns[i], answers);
    if (!given.ok()) {
      answers.DropRow();
      return given;
    }
  }
  answers.EndRow();
  return absl::OkStatus();
}

std::vector<Column> ColumnsOf(sqlite3_stmt* statement) {
  std::vector<Column> columns;
  for (int i = 0; i < sqlite3_column_count(statement); ++i) {
    const Oid type = TypeOfDeclared(sqlite3_column_decltype(statement, i));
    const char* name = sqlite3_column_name(statement, i);
    columns.push_back(
        {name == nullptr ? "" : ResultName(name), type, BytesOf(type), Format::kText});
  }
  return columns;
}

int ParametersOf(sqlite3_stmt* statement) {
  int highest = 0;
  for (int index = 1; index <= sqlite3_bind_parameter_count(statement); ++index) {
    highest = std::max(highest, NumberOf(statement, index));
  }
  return highest;
}

}  // namespace hexad::compute::sql

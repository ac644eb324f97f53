// Functions that stand in FROM, with the columns value and ordinality: each an eponymous virtual
// table whose hidden columns are the arguments.
#include <array>
#include <limits>
#include <memory>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "compute/sql/catalogue.h"
#include "compute/sql/function_values.h"
#include "compute/sql/pg_array.h"
#include "compute/sql/schema_text.h"

namespace hexad::compute::sql {
namespace {

constexpr int kFirstArgument = 2;
constexpr int kMostArguments = 3;

// The rows of one call, one after the other; made standing before the first.
class Rows {
 public:
  virtual ~Rows() = default;
  virtual bool Next() = 0;
  virtual void Give(sqlite3_context* context) const = 0;
};

class Series : public Rows {
 public:
  Series(int64_t from, int64_t to, int64_t step) : at_(from), to_(to), step_(step) {}
  bool Next() override {
    if (begun_ && __builtin_add_overflow(at_, step_, &at_)) return false;
    begun_ = true;
    return step_ > 0 ? at_ <= to_ : step_ < 0 && at_ >= to_;
  }
  void Give(sqlite3_context* context) const override { sqlite3_result_int64(context, at_); }

 private:
  int64_t at_;
  const int64_t to_;
  const int64_t step_;
  bool begun_ = false;
};

class Texts : public Rows {
 public:
  explicit Texts(std::vector<PgArrayElement> texts) : texts_(std::move(texts)) {}
  bool Next() override { return ++next_ <= texts_.size(); }
  void Give(sqlite3_context* context) const override {
    const PgArrayElement& text = texts_[next_ - 1];
    if (!text.has_value()) return;
    // Elements have no type in their text: one that is written as an integer is one.
    int64_t number = 0;
    const bool whole = absl::SimpleAtoi(*text, &number) && absl::StrCat(number) == *text;
    if (whole) return sqlite3_result_int64(context, number);
    GiveText(context, *text);
  }

 private:
  const std::vector<PgArrayElement> texts_;
  size_t next_ = 0;
};

using Arguments = std::vector<sqlite3_value*>;

std::unique_ptr<Rows> MakeSeries(const Arguments& is) {
  const int64_t step = is.size() > 2 ? sqlite3_value_int64(is[2]) : 1;
  return std::make_unique<Series>(sqlite3_value_int64(is[0]), sqlite3_value_int64(is[1]), step);
}
std::unique_ptr<Rows> MakeElements(const Arguments& is) {
  return std::make_unique<Texts>(ElementsOf(TextOf(is[0])));
}
std::unique_ptr<Rows> MakeChecks(const Arguments& is) {
  std::vector<PgArrayElement> checks;
  for (std::string& check : ChecksOf(TextOf(is[0]))) checks.emplace_back(std::move(check));
  return std::make_unique<Texts>(std::move(checks));
}
// Tables are not partitioned.
std::unique_ptr<Rows> MakeNone(const Arguments&) {
  return std::make_unique<Texts>(std::vector<PgArrayElement>());
}

struct SetFunction {
  const char* name;
  size_t arguments;  // at least
  std::unique_ptr<Rows> (*make)(const Arguments&);
};
constexpr std::array kFunctions = {
    SetFunction{"generate_series", 2, MakeSeries},
    SetFunction{"unnest", 1, MakeElements},
    SetFunction{"pg_checks", 1, MakeChecks},
    SetFunction{"pg_partition_ancestors", 1, MakeNone},
};

struct Table : sqlite3_vtab {
  explicit Table(const SetFunction& is) : sqlite3_vtab{}, is(is) {}
  const SetFunction& is;
};
struct Cursor : sqlite3_vtab_cursor {
  Cursor() : sqlite3_vtab_cursor{} {}
  std::unique_ptr<Rows> rows;
  sqlite3_int64 row = 0;
  bool end = true;
};
Cursor& CursorOf(sqlite3_vtab_cursor* cursor) { return *static_cast<Cursor*>(cursor); }

int Connect(sqlite3* db, void* is, int, const char* const*, sqlite3_vtab** made, char**) {
  const int result = sqlite3_declare_vtab(
      db, "create table x(value, ordinality integer, a hidden, b hidden, c hidden)");
  if (result == SQLITE_OK) *made = new Table(*static_cast<const SetFunction*>(is));
  return result;
}
int Disconnect(sqlite3_vtab* table) {
  delete static_cast<Table*>(table);
  return SQLITE_OK;
}

// Arguments are what the hidden columns are equal to; a plan without all of them is none.
int BestIndex(sqlite3_vtab* table, sqlite3_index_info* info) {
  std::array<int, kMostArguments> at{-1, -1, -1};
  for (int i = 0; i < info->nConstraint; ++i) {
    const auto& constraint = info->aConstraint[i];
    const int argument = constraint.iColumn - kFirstArgument;
    if (argument < 0 || constraint.op != SQLITE_INDEX_CONSTRAINT_EQ) continue;
    if (constraint.usable == 0) return SQLITE_CONSTRAINT;
    at[static_cast<size_t>(argument)] = i;
  }
  for (size_t i = 0; i < at.size(); ++i) {
    if (at[i] < 0) {
      if (i < static_cast<Table*>(table)->is.arguments) return SQLITE_CONSTRAINT;
      break;
    }
    info->aConstraintUsage[at[i]].argvIndex = static_cast<int>(i) + 1;
    info->aConstraintUsage[at[i]].omit = 1;
  }
  info->estimatedCost = 100;
  info->estimatedRows = 100;
  return SQLITE_OK;
}

int Open(sqlite3_vtab*, sqlite3_vtab_cursor** made) {
  *made = new Cursor;
  return SQLITE_OK;
}
int Close(sqlite3_vtab_cursor* cursor) {
  delete &CursorOf(cursor);
  return SQLITE_OK;
}
int Next(sqlite3_vtab_cursor* at) {
  Cursor& cursor = CursorOf(at);
  ++cursor.row;
  cursor.end = !cursor.rows->Next();
  return SQLITE_OK;
}
int Filter(sqlite3_vtab_cursor* at, int, const char*, int count, sqlite3_value** values) {
  Cursor& cursor = CursorOf(at);
  cursor.row = 0;
  cursor.end = true;
  const Arguments arguments(values, values + count);
  for (sqlite3_value* argument : arguments) {
    if (IsNull(argument)) return SQLITE_OK;
  }
  cursor.rows = static_cast<Table*>(at->pVtab)->is.make(arguments);
  return Next(at);
}
int Eof(sqlite3_vtab_cursor* cursor) { return CursorOf(cursor).end ? 1 : 0; }
int Value(sqlite3_vtab_cursor* at, sqlite3_context* context, int column) {
  const Cursor& cursor = CursorOf(at);
  if (column == 0) cursor.rows->Give(context);
  if (column == 1) sqlite3_result_int64(context, cursor.row);
  return SQLITE_OK;
}
int Row(sqlite3_vtab_cursor* at, sqlite3_int64* row) {
  *row = CursorOf(at).row;
  return SQLITE_OK;
}

sqlite3_module MakeModule() {
  sqlite3_module module{};
  module.xConnect = Connect;
  module.xBestIndex = BestIndex;
  module.xDisconnect = Disconnect;
  module.xDestroy = Disconnect;
  module.xOpen = Open;
  module.xClose = Close;
  module.xFilter = Filter;
  module.xNext = Next;
  module.xEof = Eof;
  module.xColumn = Value;
  module.xRowid = Row;
  return module;
}

}  // namespace

void AddSetFunctions(sqlite3* db) {
  static const sqlite3_module kModule = MakeModule();
  for (const SetFunction& function : kFunctions) {
    const int added = sqlite3_create_module_v2(db, function.name, &kModule,
                                               const_cast<SetFunction*>(&function), nullptr);
    INVARIANT(added == SQLITE_OK);
  }
}

}  // namespace hexad::compute::sql

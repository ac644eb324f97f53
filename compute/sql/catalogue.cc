#include "compute/sql/catalogue.h"

#include <algorithm>
#include <memory>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "compute/sql/sql_connection.h"
#include "quorum/base/check.h"

namespace hexad::compute::sql {
namespace {

// One of CatalogueTables, as SQLite sees it. The query runs on the same connection, so it sees the
// same snapshot; what the statement compares with = is asked of it, which keeps joins short.
struct Table : sqlite3_vtab {
  Table(sqlite3* db, const CatalogueTable& is) : sqlite3_vtab{}, db(db), is(is) {}
  sqlite3* const db;
  const CatalogueTable& is;
};

struct Cursor : sqlite3_vtab_cursor {
  Cursor() : sqlite3_vtab_cursor{} {}
  StatementPtr query;
  std::string asked;  // what the query was prepared for
  sqlite3_int64 row = 0;
  bool end = true;
};

Table& TableOf(sqlite3_vtab* table) { return *static_cast<Table*>(table); }
Cursor& CursorOf(sqlite3_vtab_cursor* cursor) { return *static_cast<Cursor*>(cursor); }

int Connect(sqlite3* db, void* is, int, const char* const*, sqlite3_vtab** made, char**) {
  const auto& table = *static_cast<const CatalogueTable*>(is);
  const std::string declared = absl::StrCat("create table x(", std::string(table.columns), ")");
  const int result = sqlite3_declare_vtab(db, declared.c_str());
  if (result == SQLITE_OK) *made = new Table(db, table);
  return result;
}

int Disconnect(sqlite3_vtab* table) {
  delete &TableOf(table);
  return SQLITE_OK;
}

bool IsText(const CatalogueTable& table, int column) {
  const std::vector<std::string> columns = absl::StrSplit(std::string(table.columns), ',');
  const std::string& declared = columns[static_cast<size_t>(column)];
  return declared.ends_with(" name") || declared.ends_with(" text");
}

// "c0, null from t where c3 = ?": the columns that are read (the others may be costly), and those
// that are compared, in the order of their values. idxNum has a bit for each value that is a
// number.
int BestIndex(sqlite3_vtab* at, sqlite3_index_info* info) {
  const CatalogueTable& table = TableOf(at).is;
  std::string asked;
  const auto columns = std::ranges::count(table.columns, ',') + 1;
  for (int i = 0; i < columns; ++i) {
    const bool read = (info->colUsed >> std::min(i, 63) & 1) != 0;
    absl::StrAppend(&asked, i == 0 ? "" : ", ", read ? absl::StrCat("c", i) : "null");
  }
  asked += " from t";
  int values = 0;
  for (int i = 0; i < info->nConstraint; ++i) {
    const auto& constraint = info->aConstraint[i];
    const bool equals = constraint.op == SQLITE_INDEX_CONSTRAINT_EQ && constraint.iColumn >= 0;
    if (!equals || constraint.usable == 0) continue;
    absl::StrAppend(&asked, values == 0 ? " where " : " and ", "c", constraint.iColumn, " = ?");
    if (values < 31 && !IsText(table, constraint.iColumn)) info->idxNum |= 1 << values;
    info->aConstraintUsage[i].argvIndex = ++values;
  }
  info->estimatedRows = values > 0 ? 10 : 1000;
  info->estimatedCost = values > 0 ? 1000 : 10'000;
  info->idxStr = sqlite3_mprintf("%s", asked.c_str());
  info->needToFreeIdxStr = 1;
  return info->idxStr == nullptr ? SQLITE_NOMEM : SQLITE_OK;
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
  const int result = sqlite3_step(cursor.query.get());
  ++cursor.row;
  cursor.end = result != SQLITE_ROW;
  if (result == SQLITE_ROW) return SQLITE_OK;
  return sqlite3_reset(cursor.query.get());
}

// The query, with its columns named c0, c1 ...
std::string QueryOf(const CatalogueTable& table, const std::string& asked) {
  const auto columns = std::ranges::count(table.columns, ',') + 1;
  std::string names;
  std::string nulls;
  for (int i = 0; i < columns; ++i) {
    absl::StrAppend(&names, i == 0 ? "c" : ", c", i);
    absl::StrAppend(&nulls, i == 0 ? "null" : ", null");
  }
  const std::string query(table.query);
  return absl::StrCat("with t(", names, ") as (",
                      query.empty() ? absl::StrCat("select ", nulls, " where 0") : query,
                      ") select ", asked);
}

int Filter(sqlite3_vtab_cursor* at, int numbers, const char* asked, int count,
           sqlite3_value** values) {
  Cursor& cursor = CursorOf(at);
  Table& table = TableOf(at->pVtab);
  if (cursor.query == nullptr || cursor.asked != asked) {
    const std::string sql = QueryOf(table.is, asked);
    sqlite3_stmt* statement = nullptr;
    const int result = sqlite3_prepare_v2(table.db, sql.c_str(), -1, &statement, nullptr);
    if (result != SQLITE_OK) {
      sqlite3_free(table.zErrMsg);
      table.zErrMsg = sqlite3_mprintf("%s: %s", table.is.name.data(), sqlite3_errmsg(table.db));
      return result;
    }
    cursor.query.reset(statement);
    cursor.asked = asked;
  }
  sqlite3_reset(cursor.query.get());
  for (int i = 0; i < count; ++i) {
    // "where c.oid = '16385'": a number in quotes is a number.
    if (i < 31 && (numbers >> i & 1) != 0) sqlite3_value_numeric_type(values[i]);
    sqlite3_bind_value(cursor.query.get(), i + 1, values[i]);
  }
  cursor.row = 0;
  return Next(at);
}

int Eof(sqlite3_vtab_cursor* cursor) { return CursorOf(cursor).end ? 1 : 0; }

int Value(sqlite3_vtab_cursor* at, sqlite3_context* context, int column) {
  sqlite3_result_value(context, sqlite3_column_value(CursorOf(at).query.get(), column));
  return SQLITE_OK;
}

int Row(sqlite3_vtab_cursor* at, sqlite3_int64* row) {
  *row = CursorOf(at).row;
  return SQLITE_OK;
}

// Without xCreate: there is one of each, by its name, and none is made.
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

void AddCatalogue(sqlite3* db, const SessionFacts& facts) {
  AddCatalogueFunctions(db, facts);
  AddTextFunctions(db);
  AddCasts(db);
  AddArrays(db);
  AddSetFunctions(db);
  static const sqlite3_module kModule = MakeModule();
  for (const CatalogueTable& table : CatalogueTables()) {
    const int added = sqlite3_create_module_v2(db, table.name.data(), &kModule,
                                               const_cast<CatalogueTable*>(&table), nullptr);
    INVARIANT(added == SQLITE_OK);
  }
}

}  // namespace hexad::compute::sql

#include "compute/sql/listed_table.h"

#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "quorum/base/check.h"

namespace hexad::compute::sql {
namespace {

// SQLite knows these by their first member.
struct Table {
  sqlite3_vtab base;
  const ListedTable* listed;
};

struct Cursor {
  sqlite3_vtab_cursor base;
  ListedRows rows;
  size_t at;
};

Cursor& Of(sqlite3_vtab_cursor* cursor) { return *reinterpret_cast<Cursor*>(cursor); }

int Connect(sqlite3* db, void* listed, int, const char* const*, sqlite3_vtab** out, char**) {
  const auto* table = static_cast<const ListedTable*>(listed);
  const std::string declaration = absl::StrCat("create table t(", table->columns, ")");
  const int declared = sqlite3_declare_vtab(db, declaration.c_str());
  if (declared != SQLITE_OK) return declared;
  // Functions and tables that tell of the volume are asked by people, not by triggers and views.
  sqlite3_vtab_config(db, SQLITE_VTAB_DIRECTONLY);
  *out = &(new Table{{}, table})->base;
  return SQLITE_OK;
}

int Disconnect(sqlite3_vtab* table) {
  delete reinterpret_cast<Table*>(table);
  return SQLITE_OK;
}

// Every row, whatever is asked for: there are few.
int BestIndex(sqlite3_vtab*, sqlite3_index_info* info) {
  info->estimatedCost = 100;
  return SQLITE_OK;
}

int Open(sqlite3_vtab*, sqlite3_vtab_cursor** out) {
  *out = &(new Cursor{{}, {}, 0})->base;
  return SQLITE_OK;
}

int Close(sqlite3_vtab_cursor* cursor) {
  delete &Of(cursor);
  return SQLITE_OK;
}

int Filter(sqlite3_vtab_cursor* base, int, const char*, int, sqlite3_value**) {
  Cursor& cursor = Of(base);
  auto* table = reinterpret_cast<Table*>(base->pVtab);
  auto rows = table->listed->list();
  if (!rows.ok()) {
    sqlite3_free(base->pVtab->zErrMsg);
    base->pVtab->zErrMsg = sqlite3_mprintf("%s", std::string(rows.status().message()).c_str());
    return SQLITE_ERROR;
  }
  cursor.rows = *std::move(rows);
  cursor.at = 0;
  return SQLITE_OK;
}

int Next(sqlite3_vtab_cursor* cursor) {
  ++Of(cursor).at;
  return SQLITE_OK;
}

int Eof(sqlite3_vtab_cursor* cursor) { return Of(cursor).at >= Of(cursor).rows.size() ? 1 : 0; }

int Column(sqlite3_vtab_cursor* base, sqlite3_context* context, int index) {
  const Cursor& cursor = Of(base);
  const ListedRow& row = cursor.rows[cursor.at];
  INVARIANT(static_cast<size_t>(index) < row.size());
  const ListedValue& value = row[static_cast<size_t>(index)];
  if (const auto* number = std::get_if<int64_t>(&value)) {
    sqlite3_result_int64(context, *number);
  } else if (const auto* text = std::get_if<std::string>(&value)) {
    sqlite3_result_text64(context, text->data(), text->size(), SQLITE_TRANSIENT, SQLITE_UTF8);
  }
  return SQLITE_OK;
}

int RowId(sqlite3_vtab_cursor* cursor, sqlite3_int64* out) {
  *out = static_cast<sqlite3_int64>(Of(cursor).at);
  return SQLITE_OK;
}

const sqlite3_module* Module() {
  static const sqlite3_module module = [] {
    sqlite3_module made = {};  // without xCreate: it is there for itself
    made.xConnect = Connect;
    made.xBestIndex = BestIndex;
    made.xDisconnect = Disconnect;
    made.xOpen = Open;
    made.xClose = Close;
    made.xFilter = Filter;
    made.xNext = Next;
    made.xEof = Eof;
    made.xColumn = Column;
    made.xRowid = RowId;
    return made;
  }();
  return &module;
}

void Free(void* table) { delete static_cast<ListedTable*>(table); }

}  // namespace

void AddListedTable(sqlite3* db, ListedTable table) {
  auto* const kept = new ListedTable(std::move(table));
  const int added = sqlite3_create_module_v2(db, kept->name.c_str(), Module(), kept, Free);
  INVARIANT(added == SQLITE_OK);
}

}  // namespace hexad::compute::sql

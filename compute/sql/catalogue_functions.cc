// The functions that clients read the catalogue with.
#include <array>
#include <initializer_list>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "compute/sql/catalogue.h"
#include "compute/sql/function_values.h"
#include "compute/sql/pg_types.h"
#include "compute/sql/schema_text.h"

namespace hexad::compute::sql {
namespace {

using Values = sqlite3_value**;

const SessionFacts& FactsOf(sqlite3_context* context) {
  return *static_cast<const SessionFacts*>(sqlite3_user_data(context));
}

// The one value of a query of ours; null if there is none.
void GiveOne(sqlite3_context* context, const char* sql,
             std::initializer_list<sqlite3_value*> values) {
  sqlite3_stmt* statement = nullptr;
  const int result =
      sqlite3_prepare_v2(sqlite3_context_db_handle(context), sql, -1, &statement, nullptr);
  if (result != SQLITE_OK) return sqlite3_result_error_code(context, result);
  int index = 0;
  for (sqlite3_value* value : values) sqlite3_bind_value(statement, ++index, value);
  if (sqlite3_step(statement) == SQLITE_ROW) {
    sqlite3_result_value(context, sqlite3_column_value(statement, 0));
  }
  const int ended = sqlite3_finalize(statement);
  if (ended != SQLITE_OK) sqlite3_result_error_code(context, ended);
}

void Nothing(sqlite3_context*, int, Values) {}
void Yes(sqlite3_context* context, int, Values) { GiveBool(context, true); }
void No(sqlite3_context* context, int, Values) { GiveBool(context, false); }
void Empty(sqlite3_context* context, int, Values) { GiveText(context, ""); }
void Same(sqlite3_context* context, int, Values values) {
  sqlite3_result_value(context, values[0]);
}
void Owner(sqlite3_context* context, int, Values) { GiveText(context, "hexad"); }

void User(sqlite3_context* context, int, Values) {
  GiveText(context, FactsOf(context).setting("session_authorization").value_or("hexad"));
}
void Process(sqlite3_context* context, int, Values) {
  sqlite3_result_int64(context, FactsOf(context).process);
  sqlite3_result_subtype(context, kIsInt4);
}
void Encoding(sqlite3_context* context, int, Values values) {
  if (IsNull(values[0])) return;
  GiveText(context, sqlite3_value_int64(values[0]) == 6 ? "UTF8" : "");
}

void CurrentSetting(sqlite3_context* context, int count, Values values) {
  if (IsNull(values[0])) return;
  const std::string name(TextOf(values[0]));
  const auto value = FactsOf(context).setting(name);
  const bool may_miss = count > 1 && sqlite3_value_int(values[1]) != 0;
  if (value.has_value()) return GiveText(context, *value);
  if (!may_miss) {
    GiveError(context, absl::StrCat("unrecognized configuration parameter \"", name, "\""));
  }
}
void SetConfig(sqlite3_context* context, int, Values values) {
  if (IsNull(values[0]) || IsNull(values[1])) return;
  const std::string name(TextOf(values[0]));
  const std::string value(TextOf(values[1]));
  if (FactsOf(context).set(name, value)) return GiveText(context, value);
  GiveError(context, absl::StrCat("parameter \"", name, "\" cannot be set to \"", value, "\""));
}

void FormatTypeOf(sqlite3_context* context, int, Values values) {
  if (IsNull(values[0])) return;
  const int modifier = IsNull(values[1]) ? -1 : sqlite3_value_int(values[1]);
  GiveText(context, FormatType(static_cast<uint32_t>(sqlite3_value_int64(values[0])), modifier));
}
void DeclaredType(sqlite3_context* context, int, Values values) {
  sqlite3_result_int64(context, PgTypeOfDeclared(TextOf(values[0])).oid);
}
void DeclaredModifier(sqlite3_context* context, int, Values values) {
  sqlite3_result_int(context, PgTypeOfDeclared(TextOf(values[0])).modifier);
}
void TypeOfText(sqlite3_context* context, int, Values values) {
  if (IsNull(values[0])) return;
  if (sqlite3_value_numeric_type(values[0]) == SQLITE_INTEGER) {
    return GiveText(context, FormatType(static_cast<uint32_t>(sqlite3_value_int64(values[0])), -1));
  }
  const PgType* const type = FindPgType(TextOf(values[0]));
  if (type != nullptr) return sqlite3_result_int64(context, type->oid);
  GiveError(context, absl::StrCat("type \"", std::string(TextOf(values[0])), "\" does not exist"));
}

// A number that was computed is shown as a name; what is written in quotes stands for its OID.
void NameOfRelation(sqlite3_context* context, int, Values values) {
  GiveOne(context, "select coalesce((select relname from pg_class where oid = ?1), ?1)",
          {values[0]});
}
void Relation(sqlite3_context* context, int count, Values values) {
  if (IsNull(values[0])) return;
  const bool number = sqlite3_value_type(values[0]) == SQLITE_INTEGER;
  if (number) return NameOfRelation(context, count, values);
  if (sqlite3_value_numeric_type(values[0]) == SQLITE_INTEGER) return Same(context, count, values);
  GiveOne(context,
          "select oid from pg_class where relname = replace(iif(lower(?1) like 'public.%',"
          " substr(?1, 8), iif(lower(?1) like 'pg\\_catalog.%' escape '\\', substr(?1, 12), ?1)),"
          " '\"', '') collate nocase",
          {values[0]});
}
void Namespace(sqlite3_context* context, int, Values values) {
  const bool number = sqlite3_value_numeric_type(values[0]) == SQLITE_INTEGER;
  GiveOne(context,
          number ? "select nspname from pg_namespace where oid = ?"
                 : "select oid from pg_namespace where nspname = ?",
          {values[0]});
}

void IndexDefinition(sqlite3_context* context, int count, Values values) {
  const bool column = count > 1 && sqlite3_value_int(values[1]) > 0;
  if (!column) {
    GiveOne(context, "select inddefinition from pg_index where indexrelid = ?", {values[0]});
  } else {
    GiveOne(context, "select attname from pg_attribute where attrelid = ? and attnum = ?",
            {values[0], values[1]});
  }
}
void ConstraintDefinition(sqlite3_context* context, int, Values values) {
  GiveOne(context, "select condefinition from pg_constraint where oid = ?", {values[0]});
}
void TriggerDefinition(sqlite3_context* context, int, Values values) {
  GiveOne(context, "select tgdefinition from pg_trigger where oid = ?", {values[0]});
}
void ViewDefinition(sqlite3_context* context, int, Values values) {
  GiveOne(context,
          "select v.definition from pg_class c, pg_views v where v.viewname = c.relname"
          " and c.oid = ?",
          {values[0]});
}

void CountChecks(sqlite3_context* context, int, Values values) {
  sqlite3_result_int64(context, static_cast<int64_t>(ChecksOf(TextOf(values[0])).size()));
}
void IndexBody(sqlite3_context* context, int, Values values) {
  if (!IsNull(values[0])) GiveText(context, BodyOfIndex(TextOf(values[0])));
}
// pg_constraint.confdeltype
void ActionLetter(sqlite3_context* context, int, Values values) {
  const std::string_view action = TextOf(values[0]);
  GiveText(context, action == "CASCADE"       ? "c"
                    : action == "SET NULL"    ? "n"
                    : action == "SET DEFAULT" ? "d"
                    : action == "RESTRICT"    ? "r"
                                              : "a");
}

void DatabaseSize(sqlite3_context* context, int, Values) {
  GiveOne(context, "select p.page_count * s.page_size from pragma_page_count p, pragma_page_size s",
          {});
}
void SizePretty(sqlite3_context* context, int, Values values) {
  if (IsNull(values[0])) return;
  constexpr std::array kUnits = {"bytes", "kB", "MB", "GB", "TB", "PB"};
  int64_t size = sqlite3_value_int64(values[0]);
  size_t unit = 0;
  while (size >= 10'240 && unit + 1 < kUnits.size()) {
    size = (size + 512) / 1024;
    ++unit;
  }
  GiveText(context, absl::StrCat(size, " ", kUnits[unit]));
}

void Quote(sqlite3_context* context, Values values, char quote) {
  if (IsNull(values[0])) return;
  std::string quoted(1, quote);
  for (const char c : TextOf(values[0])) {
    if (c == quote) quoted += quote;
    quoted += c;
  }
  GiveText(context, quoted + quote);
}
void QuoteLiteral(sqlite3_context* context, int, Values values) { Quote(context, values, '\''); }
void QuoteIdent(sqlite3_context* context, int, Values values) {
  const std::string_view name = TextOf(values[0]);
  const bool plain =
      !name.empty() && !absl::ascii_isdigit(static_cast<unsigned char>(name[0])) &&
      name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") == std::string_view::npos;
  if (plain) return Same(context, 1, values);
  Quote(context, values, '"');
}

constexpr std::array kFunctions = {
    SqlFunction{"pg_get_userbyid", 1, Owner},
    SqlFunction{"current_user", 0, User, 0},
    SqlFunction{"session_user", 0, User, 0},
    SqlFunction{"current_role", 0, User, 0},
    SqlFunction{"pg_backend_pid", 0, Process, 0},
    SqlFunction{"pg_encoding_to_char", 1, Encoding},
    SqlFunction{"pg_client_encoding", 0,
                [](auto* context, int, Values) { GiveText(context, "UTF8"); }},
    SqlFunction{"pg_is_in_recovery", 0, No, 0},
    SqlFunction{"current_setting", 1, CurrentSetting, 0},
    SqlFunction{"current_setting", 2, CurrentSetting, 0},
    SqlFunction{"set_config", 3, SetConfig, 0},
    SqlFunction{"pg_table_is_visible", 1, Yes},
    SqlFunction{"pg_type_is_visible", 1, Yes},
    SqlFunction{"pg_function_is_visible", 1, Yes},
    SqlFunction{"pg_relation_is_publishable", 1, No},
    SqlFunction{"has_database_privilege", -1, Yes},
    SqlFunction{"has_schema_privilege", -1, Yes},
    SqlFunction{"has_table_privilege", -1, Yes},
    SqlFunction{"has_column_privilege", -1, Yes},
    SqlFunction{"format_type", 2, FormatTypeOf},
    SqlFunction{"pg_declared_type", 1, DeclaredType},
    SqlFunction{"pg_declared_modifier", 1, DeclaredModifier},
    SqlFunction{"pg_regtype", 1, TypeOfText},
    SqlFunction{"pg_regclass", 1, Relation, 0},
    SqlFunction{"pg_regclass_name", 1, NameOfRelation, 0},
    SqlFunction{"to_regclass", 1, Relation, 0},
    SqlFunction{"pg_regnamespace", 1, Namespace, 0},
    SqlFunction{"pg_get_expr", 2, Same},
    SqlFunction{"pg_get_expr", 3, Same},
    SqlFunction{"pg_get_indexdef", 1, IndexDefinition, 0},
    SqlFunction{"pg_get_indexdef", 3, IndexDefinition, 0},
    SqlFunction{"pg_get_constraintdef", 1, ConstraintDefinition, 0},
    SqlFunction{"pg_get_constraintdef", 2, ConstraintDefinition, 0},
    SqlFunction{"pg_get_triggerdef", 1, TriggerDefinition, 0},
    SqlFunction{"pg_get_triggerdef", 2, TriggerDefinition, 0},
    SqlFunction{"pg_get_viewdef", 1, ViewDefinition, 0},
    SqlFunction{"pg_get_viewdef", 2, ViewDefinition, 0},
    SqlFunction{"pg_get_statisticsobjdef_columns", 1, Nothing},
    SqlFunction{"pg_get_serial_sequence", 2, Nothing},
    SqlFunction{"pg_get_function_result", 1, Nothing},
    SqlFunction{"pg_get_function_arguments", 1, Nothing},
    SqlFunction{"pg_partition_ancestors", 1, Nothing},
    SqlFunction{"pg_tablespace_location", 1, Empty},
    SqlFunction{"obj_description", 1, Nothing},
    SqlFunction{"obj_description", 2, Nothing},
    SqlFunction{"shobj_description", 2, Nothing},
    SqlFunction{"col_description", 2, Nothing},
    SqlFunction{"pg_count_checks", 1, CountChecks},
    SqlFunction{"pg_index_body", 1, IndexBody},
    SqlFunction{"pg_action_letter", 1, ActionLetter},
    SqlFunction{"pg_database_size", 1, DatabaseSize, 0},
    SqlFunction{"pg_table_size", 1, Nothing},
    SqlFunction{"pg_relation_size", 1, Nothing},
    SqlFunction{"pg_total_relation_size", 1, Nothing},
    SqlFunction{"pg_size_pretty", 1, SizePretty},
    SqlFunction{"quote_ident", 1, QuoteIdent},
    SqlFunction{"quote_literal", 1, QuoteLiteral},
};

}  // namespace

void AddCatalogueFunctions(sqlite3* db, const SessionFacts& facts) {
  AddAll(db, kFunctions, &facts);
}

}  // namespace hexad::compute::sql

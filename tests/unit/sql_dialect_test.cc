// What PostgreSQL's words become for SQLite, and that everything else stays as it is.
#include <gmock/gmock.h>
#include <rapidcheck/gtest.h>

#include <string>
#include <vector>

#include "compute/sql/dialect.h"
#include "compute/sql/pg_array.h"
#include "compute/sql/pg_types.h"

namespace hexad::compute::sql {
namespace {

using ::testing::HasSubstr;

std::string Translated(const std::string& sql) {
  const Translation translation = Translate(sql);
  if (translation.refusal.has_value()) return "refused: " + translation.refusal->message;
  if (translation.nothing_to_do) return "nothing to do";
  return translation.text.value_or(sql);
}

// What was dropped leaves its blanks; how many does not matter.
std::string Squeezed(const std::string& text) {
  std::string out;
  for (const char c : text) {
    const bool after_blank = !out.empty() && (out.back() == ' ' || out.back() == '(');
    if (c == ')' && !out.empty() && out.back() == ' ') out.pop_back();
    if (c != ' ' || !after_blank) out += c;
  }
  return out;
}

struct Pair {
  std::string given;
  std::string wanted;
};

TEST(DialectTest, ExpressionsAreTranslated) {
  const std::vector<Pair> pairs = {
      {"select '1'::int", "select pg_int4('1')"},
      {"select a.b::text", "select CAST(a.b AS TEXT)"},
      {"select f(a, (b))::bigint + 1", "select pg_int8(f(a, (b))) + 1"},
      {"select $1::int8", "select pg_int8($1)"},
      {"select 1::int::text", "select CAST(pg_int4(1) AS TEXT)"},
      {"select -1::int", "select -pg_int4(1)"},
      {"select case when a then 1 else 2 end::bool",
       "select pg_bool(case when a then 1 else 2 end)"},
      {"select x in (1)::int", "select x in pg_int4((1))"},
      {"select a::varchar(3)", "select substr(CAST(a AS TEXT), 1, 3)"},
      {"select a::timestamp(3) with time zone", "select pg_timestamp(a)"},
      {"select a::pg_catalog.regclass::pg_catalog.text",
       "select CAST(pg_regclass_name(a) AS TEXT)"},
      {"select sum(a) over (order by b)::int", "select pg_int4(sum(a) over (order by b))"},
      {"select E'a\\'b\\n\\\\'", "select 'a''b\n\\'"},
      {"select a ~ 'x'", "select a  REGEXP  'x'"},
      {"select a !~* 'x'", "select a  NOT REGEXP '(?i)' ||  'x'"},
      {"select ~a, (~1)", "select ~a, (~1)"},
      {"select a OPERATOR(pg_catalog.~) 'x' COLLATE pg_catalog.default", "select a  REGEXP  'x' "},
      {"select a from pg_catalog.pg_class", "select a from pg_class"},
      {"select a from \"public\".\"t\"", "select a from \"t\""},
      {"select a from information_schema.tables", "select a from information_schema_tables"},
      {"select 1 = any(a)", "select 1  IN (SELECT value FROM unnest(a))"},
      {"select 1 = any (select 2)", "select 1  IN   (select 2)"},
      {"select 1 <> all(a)", "select 1  NOT IN (SELECT value FROM unnest(a))"},
      {"select array[1, 2]", "select pg_array(1, 2)"},
      {"select a[1]", "select a[1]"},  // SQLite's alias, and nothing of PostgreSQL's beside it
      {"select a[1] from public.t", "select pg_element(a, 1) from t"},
      {"select a ilike 'x'", "select a LIKE 'x'"},
      {"select left(a, 1) from t left join u", "select \"left\"(a, 1) from t left join u"},
      {"select * from t for update of t skip locked", "select * from t      "},
      {"select * from generate_series(1, 2) as g",
       "select * from (SELECT value AS g FROM generate_series(1, 2)) AS g  "},
      {"select 1 limit all", "select 1 limit -1"},
  };
  for (const auto& [given, wanted] : pairs) {
    EXPECT_EQ(Squeezed(Translated(given)), Squeezed(wanted)) << given;
  }
}

TEST(DialectTest, DefinitionsAreTranslated) {
  const std::vector<Pair> pairs = {
      {"create table t(id serial primary key)", "create table t(id INTEGER primary key)"},
      {"create table public.t(id bigserial, a int, primary key (id))",
       "create table t(id INTEGER, a int, primary key (id))"},
      {"create table t(id int generated always as identity (start 1) primary key)",
       "create table t(id INTEGER         primary key)"},
      {"create table t(a text default now())", "create table t(a text default (  now()))"},
      {"create table t(a text default 'x'::varchar not null)",
       "create table t(a text default ( CAST('x' AS TEXT)  )not null)"},
      {"create unlogged table t(a int) with (fillfactor=100)", "create  table t(a int)  "},
      {"create index concurrently on t using btree (a)", "create index  \"t_a_idx\" on t   (a)"},
      {"alter table only t add constraint k primary key (a, b)",
       "CREATE UNIQUE INDEX \"k\" ON \"t\"          (a, b)"},
      {"truncate table only public.t restart identity", "DELETE FROM   t  "},
      {"vacuum analyze t", "ANALYZE  t"},
      {"vacuum t", "nothing to do"},
      {"drop table t cascade", "drop table t "},
  };
  for (const auto& [given, wanted] : pairs) {
    EXPECT_EQ(Squeezed(Translated(given)), Squeezed(wanted)) << given;
  }
}

TEST(DialectTest, WhatIsMissingIsRefusedByName) {
  EXPECT_EQ(Translated("grant all on t to x"), "refused: GRANT is not supported");
  EXPECT_EQ(Translated("create schema s"), "refused: CREATE SCHEMA is not supported");
  EXPECT_EQ(Translated("select distinct on (a) a from t"),
            "refused: SELECT DISTINCT ON is not supported");
  EXPECT_EQ(Translated("select 1::nonsense"), "refused: type \"nonsense\" does not exist");
  EXPECT_EQ(Translate("grant x").refusal->sqlstate, "0A000");
  EXPECT_THAT(Translated("create table t(a int, b serial)"), HasSubstr("counts by itself"));
}

TEST(DialectTest, OnlyTheFirstStatementIsLookedAt) {
  const std::string sql = "select 1::int; select 2::int";
  const Translation first = Translate(sql);
  EXPECT_EQ(first.text, "select pg_int4(1)");
  EXPECT_EQ(sql.substr(first.length), "; select 2::int");
  EXPECT_FALSE(Translate("select 1; select 2::int").text.has_value());
}

// Strings, names and comments that look like PostgreSQL's words.
TEST(DialectTest, WhatIsQuotedStays) {
  for (const std::string& sql : std::vector<std::string>{
           "select 'a::int', \"b::int\", `c::int`, [d::int] -- e::int\n, /* f::int */ 1",
           "select ' pg_catalog.x ', \"serial\"", "select 'E''x'", "select ':: ~ ANY('",
           "create trigger x after insert on t begin select 1; update t set a = 2; end",
           "create table t(a integer primary key, b text default 'now()', check (a > 0))",
           "select * from a left join b on a.x = b.x for_update", "select distinct a from t",
           "select :a, @b, $c::d, ?1", "select x'00', 1.5e-3, .5, 0x1f",
           "select count(all a) from t union all select 1"}) {
    EXPECT_EQ(Translated(sql), sql);
  }
}

TEST(DialectTest, HostileTextIsTakenApart) {
  const auto many = [](const std::string& part, size_t count) {
    std::string text;
    for (size_t i = 0; i < count; ++i) text += part;
    return text;
  };
  for (const std::string& sql :
       {std::string("select 'never ends::int"),
        std::string("select \"a::"),
        std::string("::"),
        std::string("select ::int"),
        std::string("select 1::"),
        std::string("select E'\\"),
        std::string("/* never"),
        std::string("select a::int["),
        std::string("select array["),
        std::string("create table"),
        std::string("create table t(a serial"),
        std::string("create table t(a int default"),
        std::string("create index on"),
        std::string("alter table"),
        std::string("truncate"),
        std::string("vacuum ("),
        std::string("select x COLLATE"),
        std::string("select public."),
        std::string("drop"),
        std::string("select operator("),
        std::string("select x for update of"),
        std::string("select * from generate_series(") + std::string("1,2) as"),
        std::string("select 1\0::int", 14),
        many("(", 100'000) + "1::int",
        "select " + many("(", 50'000) + "1" + many(")", 50'000) + "::int",
        "select 1" + many("::int", 20'000),
        "select " + many("case when a then ", 20'000) + "::int",
        "insert into public.t values ('" + many("x", 10'000'000) + "')"}) {
    const Translation translation = Translate(sql);  // whatever it is, it comes back
    EXPECT_LE(translation.length, sql.size());
  }
}

// A statement is made of tokens of which none is PostgreSQL's own.
RC_GTEST_PROP(DialectProperty, AStatementOfSqliteComesOutIdentical, ()) {
  const std::vector<std::string> tokens = {
      "select",   "from",      "where",   "t",      "a.b",   "1",         "'a''b'",
      "'x::int'", "\"q\"",     "(",       ")",      ",",     "=",         "<>",
      "||",       "-- c::d\n", "/* ~ */", "$1",     "?2",    ":name",     "insert",
      "into",     "values",    "update",  "set",    "order", "by",        "case",
      "when",     "end",       "in",      "like",   "null",  "left join", "cast(a as text)",
      "x'0f'",    "1.5e+3",    "group",   "having", "not",   "exists",    "+",
      "->",       "é",         "union",   "json",   "with",  "limit 1",   "is",
      "`n`",      "[m n]"};
  std::string sql;
  for (const size_t i :
       *rc::gen::container<std::vector<size_t>>(rc::gen::inRange<size_t>(0, tokens.size()))) {
    sql += tokens[i] + " ";
  }
  const Translation translation = Translate(sql);
  RC_ASSERT(!translation.text.has_value());
  RC_ASSERT(!translation.refusal.has_value());
}

// Whatever is given: nothing breaks, and what no token of PostgreSQL's stands in stays.
RC_GTEST_PROP(DialectProperty, AnyTextIsTakenApart, ()) {
  const std::vector<std::string> parts = {"::",
                                          "int",
                                          "(",
                                          ")",
                                          "[",
                                          "]",
                                          "'",
                                          "\"",
                                          "E'",
                                          "array",
                                          "any",
                                          "=",
                                          "~",
                                          "operator",
                                          "create table t",
                                          "serial",
                                          "default",
                                          "generated",
                                          "as",
                                          "identity",
                                          "primary key",
                                          ",",
                                          "public",
                                          ".",
                                          "for",
                                          "update",
                                          "of",
                                          "case",
                                          "end",
                                          ";",
                                          "from",
                                          "generate_series",
                                          "with",
                                          "ordinality",
                                          "collate",
                                          "pg_catalog",
                                          "alter table",
                                          "add",
                                          "create index",
                                          "on",
                                          " ",
                                          "\\",
                                          "truncate",
                                          "drop",
                                          "vacuum",
                                          "/*",
                                          "*/",
                                          "--",
                                          "\n",
                                          "1",
                                          "$1",
                                          "-"};
  std::string sql;
  for (const size_t i :
       *rc::gen::container<std::vector<size_t>>(rc::gen::inRange<size_t>(0, parts.size()))) {
    sql += parts[i] + (i % 3 == 0 ? " " : "");
  }
  const Translation translation = Translate(sql);
  RC_ASSERT(translation.length <= sql.size());
}

RC_GTEST_PROP(PgArrayProperty, AnArrayIsReadBackFromItsText, ()) {
  std::vector<PgArrayElement> texts;
  for (const auto& [null, text] :
       *rc::gen::arbitrary<std::vector<std::pair<bool, std::string>>>()) {
    texts.push_back(null ? PgArrayElement() : text);
  }
  RC_ASSERT(ElementsOf(TextOfArray(texts)) == texts);
}

TEST(PgTypesTest, DeclaredTypesHavePostgresNames) {
  const auto shown = [](std::string_view declared) {
    const DeclaredType type = PgTypeOfDeclared(declared);
    return FormatType(type.oid, type.modifier);
  };
  EXPECT_EQ(shown("VARCHAR(20)"), "character varying(20)");
  EXPECT_EQ(shown("numeric(10, 2)"), "numeric(10,2)");
  EXPECT_EQ(shown("timestamp (3) with time zone"), "timestamp with time zone");
  EXPECT_EQ(shown("Double  Precision"), "double precision");
  EXPECT_EQ(shown("UNSIGNED BIG INT"), "integer");  // SQLite's affinity
  EXPECT_EQ(shown("anything"), "text");
  EXPECT_EQ(FormatType(4'000'000'000, -1), "???");
}

}  // namespace
}  // namespace hexad::compute::sql

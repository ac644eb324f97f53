// PostgreSQL's clients look at a database of SQLite's: psql's own queries, psql itself, and what
// drivers and generators of SQL write, over a volume in memory.
#include <gmock/gmock.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <future>
#include <map>
#include <string>

#include "compute/sql/server.h"
#include "tests/unit/memory_volume.h"
#include "tests/unit/pq_client.h"
#include "tests/unit/psql_queries.h"

namespace hexad::compute::sql {
namespace {

using ::testing::HasSubstr;
using unit::MemoryVolume;
using unit::PqAnswer;
using unit::PqClient;

// SQLite keeps one list of VFSs, so a process has one server; every test has a volume of its own.
class Endpoint {
 public:
  static Endpoint& The() {
    static auto* const endpoint = new Endpoint;
    return *endpoint;
  }
  int port() const { return server_->port(); }
  void Make(const std::string& name) {
    const std::lock_guard lock(mutex_);
    volumes_[name] = std::make_shared<MemoryVolume>();
  }

 private:
  Endpoint() {
    ServerOptions options;
    options.threads = 4;
    auto server = Server::Start(options, [this](const std::string& name) { return Find(name); });
    EXPECT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
  }
  absl::StatusOr<std::shared_ptr<Volume>> Find(const std::string& name) {
    const std::lock_guard lock(mutex_);
    const auto found = volumes_.find(name);
    if (found == volumes_.end()) return absl::NotFoundError("no such volume");
    return std::shared_ptr<Volume>(found->second);
  }

  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<MemoryVolume>> volumes_;
  std::unique_ptr<Server> server_;
};

constexpr std::array kSchema = {
    "create table p(id serial primary key, name varchar(20) not null unique, at timestamptz "
    "default now())",
    "create table t(a int not null default 5, b text, ok boolean default true, "
    "p_id int references p(id) on delete cascade, check (a > 0))",
    "create unique index t_b on t(b, a)", "create view v as select b from t"};

class SqlCatalogTest : public ::testing::Test {
 protected:
  SqlCatalogTest() : name_(::testing::UnitTest::GetInstance()->current_test_info()->name()) {
    Endpoint::The().Make(name_);
    client_ = std::make_unique<PqClient>(Endpoint::The().port(), name_);
    EXPECT_TRUE(client_->connected()) << client_->error();
  }

  void MakeSchema() {
    for (const char* sql : kSchema) {
      const PqAnswer made = Ask(sql);
      EXPECT_TRUE(made.ok()) << sql << ": " << made.message;
    }
  }
  PqAnswer Ask(const std::string& sql) { return client_->Ask(sql); }
  std::string Text(const std::string& sql) {
    const PqAnswer answer = Ask(sql);
    return answer.ok() ? answer.Text() : answer.sqlstate + " " + answer.message;
  }
  // What the real psql prints for one of its commands.
  std::string Psql(const std::string& command) {
    const std::string line = absl::StrCat("psql -X -h 127.0.0.1 -p ", Endpoint::The().port(),
                                          " -U tester -d ", name_, " -c '", command, "' 2>&1");
    FILE* pipe = popen(line.c_str(), "r");
    std::string output;
    std::array<char, 4096> buffer{};
    while (const size_t n = fread(buffer.data(), 1, buffer.size(), pipe)) {
      output.append(buffer.data(), n);
    }
    EXPECT_EQ(pclose(pipe), 0) << output;
    return output;
  }

  const std::string name_;
  std::unique_ptr<PqClient> client_;
};

TEST_F(SqlCatalogTest, TheQueriesOfPsqlAreAnswered) {
  MakeSchema();
  EXPECT_EQ(Text(unit::kPsqlDatabases), name_ + "|hexad|UTF8|C|C|(null)|libc|(null)");
  EXPECT_EQ(Text(unit::kPsqlTables), "public|p|table|hexad;public|t|table|hexad");
  EXPECT_EQ(Text(unit::kPsqlRelations),
            "public|p|table|hexad;public|t|table|hexad;public|v|view|hexad");
  const std::string oid = Text("select oid from pg_class where relname = 't'");
  std::vector<std::string> answers;
  for (std::string query : unit::kPsqlTable) {
    for (size_t at = 0; (at = query.find("16392", at)) != std::string::npos;) {
      query.replace(at, 5, oid);
    }
    answers.push_back(Text(query));
  }
  EXPECT_EQ(answers[0], oid + "|public|t");
  EXPECT_EQ(answers[1], "1|r|t|f|t|f|f|0|f||0||p|d|heap");
  EXPECT_EQ(answers[2],
            "a|integer|5|t|(null)||;b|text|(null)|f|(null)||;ok|boolean|true|f|(null)||;"
            "p_id|integer|(null)|f|(null)||");
  EXPECT_EQ(answers[3],
            "t_b|f|t|f|t|CREATE UNIQUE INDEX t_b ON public.t USING btree (b, a)|(null)|(null)|"
            "(null)|(null)|f|0");
  EXPECT_EQ(answers[4], "t_check|CHECK (a > 0)");
  EXPECT_EQ(answers[5], "1|t_p_id_fkey|FOREIGN KEY (p_id) REFERENCES p(id) ON DELETE CASCADE|t");
  for (size_t i = 6; i < answers.size(); ++i) EXPECT_EQ(answers[i], "") << unit::kPsqlTable[i];
}

TEST_F(SqlCatalogTest, PsqlItselfShowsTablesAndTheirParts) {
  MakeSchema();
  EXPECT_EQ(Psql("\\d p"),
            R"(                                      Table "public.p"
 Column |           Type           | Collation | Nullable |             Default              
--------+--------------------------+-----------+----------+----------------------------------
 id     | integer                  |           | not null | generated by default as identity
 name   | character varying(20)    |           | not null | 
 at     | timestamp with time zone |           |          | now()
Indexes:
    "p_pkey" PRIMARY KEY, btree (id)
    "p_name_key" UNIQUE CONSTRAINT, btree (name)
Referenced by:
    TABLE "t" CONSTRAINT "t_p_id_fkey" FOREIGN KEY (p_id) REFERENCES p(id) ON DELETE CASCADE

)");
  EXPECT_THAT(Psql("\\dt"), HasSubstr(" public | t    | table | hexad"));
  EXPECT_THAT(Psql("\\dt t*"), HasSubstr("(1 row)"));
  EXPECT_THAT(Psql("\\di"), HasSubstr(" public | t_b        | index | hexad | t"));
  EXPECT_THAT(Psql("\\d t_b"), HasSubstr("unique, btree, for table \"public.t\""));
  EXPECT_THAT(Psql("\\dv"), HasSubstr(" public | v    | view | hexad"));
  EXPECT_THAT(Psql("\\d v"), HasSubstr(" b      | text |"));
  EXPECT_THAT(Psql("\\dn"), HasSubstr(" public | hexad"));
  EXPECT_THAT(Psql("\\du"), HasSubstr(" hexad     | Superuser"));
  EXPECT_THAT(Psql("\\l"), HasSubstr(name_.substr(0, 63)));
  for (const char* command :
       {"\\d", "\\d+ t", "\\dt+", "\\l+", "\\df", "\\dT", "\\dp", "\\ds", "\\db", "\\dx"}) {
    Psql(command);  // which ends with an error if there is one
  }
}

// A table is in its own transaction's catalogue, and in nobody's after a rollback.
TEST_F(SqlCatalogTest, TheCatalogueIsOfTheTransactionsSnapshot) {
  Ask("begin; create table t(a int)");
  EXPECT_EQ(Text("select relname from pg_class where relkind = 'r'"), "t");
  const PqClient other(Endpoint::The().port(), name_);
  Ask("rollback");
  EXPECT_EQ(Text("select count(*) from pg_class"), "0");
  EXPECT_EQ(Ask("delete from pg_class").sqlstate, "42601");
}

TEST_F(SqlCatalogTest, TheInformationSchemaIsThere) {
  MakeSchema();
  EXPECT_EQ(Text("select table_name, table_type from information_schema.tables order by 1"),
            "p|BASE TABLE;t|BASE TABLE;v|VIEW");
  EXPECT_EQ(Text("select column_name, data_type, is_nullable, character_maximum_length from "
                 "\"information_schema\".\"columns\" where table_name = 'p' order by "
                 "ordinal_position"),
            "id|integer|NO|(null);name|character varying|NO|20;"
            "at|timestamp with time zone|YES|(null)");
  EXPECT_EQ(Text("select constraint_name, column_name from information_schema.key_column_usage "
                 "where table_name = 'p' order by 1"),
            "p_name_key|name;p_pkey|id");
}

// As drivers find a table's primary key.
TEST_F(SqlCatalogTest, APrimaryKeysColumnsAreFound) {
  Ask("create table t(a int, b int, c int, primary key (c, a))");
  EXPECT_EQ(Text("select a.attname from pg_index i join pg_attribute a on a.attrelid = i.indrelid "
                 "and a.attnum = any(i.indkey) where i.indrelid = 'public.t'::regclass and "
                 "i.indisprimary order by 1"),
            "a;c");
}

TEST_F(SqlCatalogTest, SerialColumnsCount) {
  Ask("create table public.t(id bigserial, name text, primary key (id))");
  EXPECT_EQ(Text("insert into public.t(name) values ('a'), ('b') returning id"), "1;2");
  Ask("create table if not exists u(id int generated by default as identity primary key, n int)");
  EXPECT_EQ(Text("insert into u(n) values (7) returning id"), "1");
  EXPECT_EQ(Ask("create table w(a int, n serial)").sqlstate, "0A000");
  EXPECT_EQ(Ask("truncate table only t restart identity").tag, "TRUNCATE TABLE");
  EXPECT_EQ(Text("select count(*) from t"), "0");
}

TEST_F(SqlCatalogTest, CastsMeanWhatTheyDoInPostgres) {
  EXPECT_EQ(Text("select '7'::int + 1, 2.5::int, 't'::bool, '\\x4142'::bytea, 1::text || 'a'"),
            "8|2|t|\\x4142|1a");
  EXPECT_EQ(Ask("select 'x'::int").sqlstate, "22P02");
  EXPECT_EQ(Ask("select 99999999999::int4").sqlstate, "22003");
  EXPECT_EQ(Ask("select 'x'::date").sqlstate, "22P02");
  EXPECT_EQ(Ask("select 1::nonsense").sqlstate, "42704");
  EXPECT_EQ(Text("select '2026-01-02T03:04:05.250'::timestamp, '2026-01-02 03:04'::date"),
            "2026-01-02 03:04:05.25|2026-01-02");
  EXPECT_EQ(client_->AskWith("select $1::int + 1, $2::text", {"41", "x"}).Text(), "42|x");
  const std::unique_ptr<PGresult, void (*)(PGresult*)> typed(
      PQexec(client_->raw(), "select 1::int, 1::smallint, 1::bool, 1::bigint"), PQclear);
  EXPECT_EQ(PQftype(typed.get(), 0), 23U);
  EXPECT_EQ(PQftype(typed.get(), 1), 21U);
  EXPECT_EQ(PQftype(typed.get(), 2), 16U);
  EXPECT_EQ(PQftype(typed.get(), 3), 20U);
}

TEST_F(SqlCatalogTest, OperatorsAndFunctionsOfPostgresWork) {
  EXPECT_EQ(Text("select 'Hello' ~ '^h', 'Hello' ~* '^h', 'Hello' ilike 'h%', E'a\\tb'"),
            "f|t|1|a\tb");
  EXPECT_EQ(Ask("select 'a' ~ '('").sqlstate, "2201B");
  EXPECT_EQ(Text("select g from generate_series(3, 1, -1) as g"), "3;2;1");
  EXPECT_EQ(Text("select 2 = any('{1,2}'), 2 <> all(array[1, 2]), array[1, null, 'a b']"),
            "1|0|{1,NULL,\"a b\"}");
  EXPECT_EQ(Text("select left('äbc', 2), right('abc', -1), lpad('7', 3, '0'), greatest(1, null, 3),"
                 " concat('a', null, 1), date_trunc('month', '2026-03-04 05:06:07')"),
            "äb|bc|007|3|a1|2026-03-01 00:00:00");
  EXPECT_EQ(Text("select current_user, current_database(), pg_backend_pid() > 0"),
            "tester|" + name_ + "|1");
  EXPECT_EQ(Text("select set_config('application_name', 'x', false)"), "x");
  EXPECT_EQ(Text("select current_setting('application_name'), current_setting('no', true)"),
            "x|(null)");
  EXPECT_EQ(Ask("select current_setting('no')").sqlstate, "42704");
  EXPECT_EQ(Text("select lpad('a', 3, cast(x'80' as text)), repeat('a', -1), format_type(-1, 7),"
                 " array_to_string('x', ','), pg_get_indexdef('x'), left('a', -5)"),
            "a||???||(null)|");
  EXPECT_FALSE(Ask("select repeat('abc', 9000000000000000000)").ok());
  EXPECT_EQ(Text("select string_agg(g, ',') from generate_series(1, 3) g"), "1,2,3");
}

TEST_F(SqlCatalogTest, ASleepIsCancelled) {
  auto answer = std::async(std::launch::async, [&] { return Ask("select pg_sleep(60)"); });
  EXPECT_EQ(answer.wait_for(std::chrono::milliseconds(100)), std::future_status::timeout);
  const std::unique_ptr<PGcancel, void (*)(PGcancel*)> cancel(PQgetCancel(client_->raw()),
                                                              PQfreeCancel);
  char error[256];
  EXPECT_EQ(PQcancel(cancel.get(), error, sizeof error), 1) << error;
  EXPECT_EQ(answer.wait_for(std::chrono::seconds(20)), std::future_status::ready);
  EXPECT_EQ(answer.get().sqlstate, "57014");
}

TEST_F(SqlCatalogTest, ParametersHaveTheTypesOfTheirColumns) {
  Ask("create table t(id serial primary key, ok boolean, b bytea, f float8)");
  const char* insert = "insert into t(ok, b, f) values ($1, $2, $3) returning id";
  EXPECT_EQ(client_->AskWith(insert, {"true", "\\x00ff", "1"}).Text(), "1");
  EXPECT_EQ(Text("select typeof(ok), typeof(b), typeof(f), b from t"), "integer|blob|real|\\x00ff");
  EXPECT_EQ(client_->AskWith("select id from t where ok = $1", {"t"}).Text(), "1");
  EXPECT_EQ(client_->AskWith("select id from t where id = any($1)", {"{1,2}"}).Text(), "1");
  EXPECT_EQ(client_->AskWith(insert, {"perhaps", "", "1"}).sqlstate, "22P02");
  // Bytes without a type, as node-postgres sends a Buffer.
  const char* value = "\0\xff";
  const int length = 2;
  const int binary = 1;
  const std::unique_ptr<PGresult, void (*)(PGresult*)> sent(
      PQexecParams(client_->raw(), "select hex($1), typeof($1)", 1, nullptr, &value, &length,
                   &binary, 0),
      PQclear);
  EXPECT_STREQ(PQgetvalue(sent.get(), 0, 0), "00FF");
  EXPECT_STREQ(PQgetvalue(sent.get(), 0, 1), "blob");
}

TEST_F(SqlCatalogTest, ColumnsThatNobodyNamedHaveTheirFunctionsNames) {
  Ask("create table t(a int)");
  const std::unique_ptr<PGresult, void (*)(PGresult*)> named(
      PQexec(client_->raw(),
             "select count(*), max(a) + 1, a::text, '1'::int, count(*) as n from t"),
      PQclear);
  for (const auto& [column, name] : std::map<int, std::string>{
           {0, "count"}, {1, "max(a) + 1"}, {2, "a"}, {3, "int4"}, {4, "n"}}) {
    EXPECT_STREQ(PQfname(named.get(), column), name.c_str());
  }
}

TEST_F(SqlCatalogTest, SeveralTablesAreDroppedOrEmptiedAtOnce) {
  Ask("create table a(x int); create table b(x int); insert into a values (1); "
      "insert into b values (2)");
  EXPECT_EQ(Ask("truncate table a, public.b").tag, "TRUNCATE TABLE");
  EXPECT_EQ(Text("select (select count(*) from a) + (select count(*) from b)"), "0");
  EXPECT_EQ(Ask("drop table a, missing, b").sqlstate, "42P01");
  EXPECT_EQ(Text("select count(*) from a"), "0");
  EXPECT_EQ(client_->AskWith("drop table if exists a, missing, b cascade", {}).tag, "DROP TABLE");
  EXPECT_EQ(Ask("select * from a").sqlstate, "42P01");
}

// An error in a statement behind a translated one is that statement's.
TEST_F(SqlCatalogTest, TranslatedAndOtherStatementsShareAQuery) {
  EXPECT_EQ(Text("select 1::int; select 2; select 3::text"), "3");
  EXPECT_EQ(Ask("select 1::int; selec").sqlstate, "42601");
  EXPECT_EQ(Ask("create table t(a int); insert into public.t values (1); vacuum t").tag, "VACUUM");
  EXPECT_EQ(Text("select a from t"), "1");
}

}  // namespace
}  // namespace hexad::compute::sql

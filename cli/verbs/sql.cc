// hexad sql [VOLUME] [--at LSN|TIME|-30s] [-c "..."]: SQL on a volume, now or as it was. With -c
// the statements of one query, so of one transaction; else psql, for people and for what is piped.
#include <libpq-fe.h>
#include <unistd.h>

#include <array>
#include <iostream>
#include <iterator>
#include <memory>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "cli/format.h"
#include "cli/launcher/explain.h"
#include "cli/launcher/plan_cluster.h"
#include "cli/launcher/volume_view.h"
#include "cli/past.h"
#include "cli/table.h"
#include "cli/verbs/verbs.h"

namespace hexad::cli {
namespace {

using launcher::Failed;
using json = nlohmann::ordered_json;

struct SqlOptions {
  std::string volume;
  std::string at;
  std::string command;
};

struct FreeConnection {
  void operator()(PGconn* connection) const { PQfinish(connection); }
};
struct FreeResult {
  void operator()(PGresult* result) const { PQclear(result); }
};
using ConnectionPtr = std::unique_ptr<PGconn, FreeConnection>;
using ResultPtr = std::unique_ptr<PGresult, FreeResult>;

bool IsNumber(Oid type) {
  constexpr Oid kNumbers[] = {20, 21, 23, 700, 701, 1700};
  return std::ranges::count(kNumbers, type) > 0;
}

void PrintRows(PGresult* result, bool colour) {
  std::vector<Column> columns;
  for (int i = 0; i < PQnfields(result); ++i) {
    columns.push_back(
        {PQfname(result, i), IsNumber(PQftype(result, i)) ? Align::kRight : Align::kLeft});
  }
  Table table(std::move(columns));
  for (int row = 0; row < PQntuples(result); ++row) {
    std::vector<Cell> cells;
    for (int i = 0; i < PQnfields(result); ++i) cells.emplace_back(PQgetvalue(result, row, i));
    table.AddRow(std::move(cells));
  }
  table.Print(std::cout, colour);
  std::cout << "(" << Count(static_cast<size_t>(PQntuples(result)), "row") << ")\n";
}

json RowsOf(PGresult* result) {
  json rows = json::array();
  for (int row = 0; row < PQntuples(result); ++row) {
    json object = json::object();
    for (int i = 0; i < PQnfields(result); ++i) {
      const std::string text = PQgetvalue(result, row, i);
      json& value = object[PQfname(result, i)];
      if (PQgetisnull(result, row, i) != 0) continue;
      value = IsNumber(PQftype(result, i)) ? json::parse(text, nullptr, false) : json(text);
      if (value.is_discarded()) value = text;
    }
    rows.push_back(std::move(object));
  }
  return rows;
}

absl::Status Refused(PGresult* result) {
  const auto field = [&](int which) {
    const char* text = PQresultErrorField(result, which);
    return std::string(text == nullptr ? "" : text);
  };
  return Failed(
      absl::StatusCode::kAborted,
      {absl::StrCat(field(PG_DIAG_MESSAGE_PRIMARY), " (SQLSTATE ", field(PG_DIAG_SQLSTATE), ")"),
       field(PG_DIAG_MESSAGE_DETAIL), field(PG_DIAG_MESSAGE_HINT)});
}

void ShowNotice(void*, const PGresult* result) {
  const char* text = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
  std::cerr << "notice: " << (text == nullptr ? "" : text) << "\n";
}

void PrintCopied(PGconn* connection) {
  for (char* line = nullptr; PQgetCopyData(connection, &line, /*async=*/0) > 0; PQfreemem(line)) {
    std::cout << line;
  }
}

// Standard input is what is copied.
void GiveCopied(PGconn* connection) {
  std::array<char, 64 << 10> piece;
  while (std::cin.read(piece.data(), piece.size()) || std::cin.gcount() > 0) {
    const auto size = static_cast<int>(std::cin.gcount());
    if (PQputCopyData(connection, piece.data(), size) != 1) break;  // the next result says why
  }
  PQputCopyEnd(connection, nullptr);
}

// Every statement's result, in order, until one fails.
absl::Status RunScript(const Session& session, PGconn* connection, const std::string& script) {
  if (PQsendQuery(connection, script.c_str()) != 1) {
    return Failed(absl::StatusCode::kUnavailable, {PQerrorMessage(connection), "", ""});
  }
  json results = json::array();
  absl::Status status;
  while (const ResultPtr result{PQgetResult(connection)}) {
    switch (PQresultStatus(result.get())) {
      case PGRES_TUPLES_OK:
        if (session.json) results.push_back(RowsOf(result.get()));
        if (!session.json) PrintRows(result.get(), session.colour);
        break;
      case PGRES_COMMAND_OK:
        session.Say(PQcmdStatus(result.get()));
        break;
      case PGRES_EMPTY_QUERY:
        break;
      case PGRES_COPY_OUT:
        PrintCopied(connection);
        break;
      case PGRES_COPY_IN:
        GiveCopied(connection);
        break;
      default:
        status = Refused(result.get());
        break;
    }
  }
  if (session.json && status.ok()) session.Print({{"results", results}});
  return status;
}

// "main", or "main@812": as of the last commit at or before the target.
absl::StatusOr<std::string> DatabaseOf(launcher::Launcher& launcher, const SqlOptions& options) {
  if (options.at.empty()) return options.volume;
  auto view = launcher::VolumeView::Of(launcher, options.volume);
  if (!view.ok()) return view.status();
  const auto read_point = ReadPointOf(*view, options.at);
  if (!read_point.ok()) return read_point.status();
  return absl::StrCat(options.volume, "@", *read_point);
}

std::string ConnectionString(const std::string& address, const std::string& database) {
  const size_t colon = address.rfind(':');
  return absl::StrCat("host=", address.substr(0, colon), " port=", address.substr(colon + 1),
                      " user=hexad dbname=", database, " sslmode=disable connect_timeout=15");
}

// psql takes this process's place: keys, signals and the exit code are its own. A script ends at
// its first error.
absl::Status BecomePsql(const std::string& connection, bool script) {
  const char* const stop = script ? "ON_ERROR_STOP=1" : "ON_ERROR_STOP=0";
  execlp("psql", "psql", "--set", stop, connection.c_str(), static_cast<char*>(nullptr));
  return Failed(absl::StatusCode::kNotFound,
                {"psql is not installed", "it is what one types SQL into",
                 "apt install postgresql-client, or: hexad sql -c \"select 1\""});
}

absl::Status RunSql(const Session& session, SqlOptions options) {
  auto launcher = session.OpenCluster();
  if (!launcher.ok()) return launcher.status();
  if (options.volume.empty()) options.volume = launcher->record().volume;
  if (absl::Status named = launcher::CheckVolumeName(options.volume); !named.ok()) return named;
  const std::string& address = launcher->record().compute_sql;
  if (address.empty()) {
    return Failed(absl::StatusCode::kFailedPrecondition,
                  {"this cluster has no SQL endpoint", "its folder was made by an older hexad",
                   "hexad down --wipe && hexad up"});
  }
  const auto database = DatabaseOf(*launcher, options);
  if (!database.ok()) return database.status();
  const std::string to = ConnectionString(address, *database);
  if (options.command.empty() && !session.json) {
    return BecomePsql(to, /*script=*/isatty(STDIN_FILENO) == 0);
  }
  const ConnectionPtr connection(PQconnectdb(to.c_str()));
  if (PQstatus(connection.get()) != CONNECTION_OK) {
    return Failed(
        absl::StatusCode::kUnavailable,
        {absl::StrCat("no SQL at ", address), PQerrorMessage(connection.get()), "hexad status"});
  }
  PQsetNoticeReceiver(connection.get(), ShowNotice, nullptr);
  const std::string script = !options.command.empty()
                                 ? options.command
                                 : std::string(std::istreambuf_iterator<char>(std::cin), {});
  return RunScript(session, connection.get(), script);
}

}  // namespace

void AddSql(CLI::App& app, Session& session) {
  CLI::App* verb = app.add_subcommand("sql", "SQL on a volume: psql, or one command");
  auto options = std::make_shared<SqlOptions>();
  verb->add_option("VOLUME", options->volume, "The volume; default: the cluster's own");
  verb->add_option("--at", options->at,
                   "Read as of an LSN, a time (2026-01-31T12:00:00Z) or a time ago (-30s)");
  verb->add_option("-c,--command", options->command, "Run this and end; default: psql");
  verb->callback([&session, options] {
    session.run = [&session, options] { return RunSql(session, *options); };
  });
}

}  // namespace hexad::cli

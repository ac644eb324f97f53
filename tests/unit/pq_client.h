// A client of PostgreSQL's own library, for tests of whoever speaks its protocol.
#pragma once

#include <libpq-fe.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"

namespace hexad::unit {

struct PqAnswer {
  std::string sqlstate;  // empty: it succeeded
  std::string message;
  std::string hint;
  std::string tag;                             // "INSERT 0 1"
  std::vector<std::vector<std::string>> rows;  // null reads "(null)"

  bool ok() const { return sqlstate.empty(); }
  // "1|a;2|b"
  std::string Text() const {
    std::string text;
    for (const auto& row : rows) {
      if (!text.empty()) text += ";";
      for (size_t i = 0; i < row.size(); ++i) text += (i == 0 ? "" : "|") + row[i];
    }
    return text;
  }
};

class PqClient {
 public:
  // `more`: further words of libpq's connection string.
  PqClient(int port, const std::string& database, const std::string& more = "")
      : connection_(PQconnectdb(absl::StrCat("host=127.0.0.1 port=", port, " user=tester dbname=",
                                             database, " sslmode=disable connect_timeout=10 ", more)
                                    .c_str())) {
    PQsetNoticeProcessor(
        connection_.get(), [](void*, const char*) {}, nullptr);
  }

  bool connected() const { return PQstatus(connection_.get()) == CONNECTION_OK; }
  std::string error() const { return PQerrorMessage(connection_.get()); }
  PGconn* raw() const { return connection_.get(); }
  // 'I', 'T', 'E': idle, in a transaction, in one that has failed.
  char transaction() const {
    switch (PQtransactionStatus(connection_.get())) {
      case PQTRANS_INTRANS:
        return 'T';
      case PQTRANS_INERROR:
        return 'E';
      default:
        return 'I';
    }
  }

  // The last of the results.
  PqAnswer Ask(const std::string& sql) { return Taken(PQexec(connection_.get(), sql.c_str())); }
  // The extended protocol, with $1, $2 ... in text.
  PqAnswer AskWith(const std::string& sql, const std::vector<std::string>& values) {
    std::vector<const char*> texts;
    for (const std::string& value : values) texts.push_back(value.c_str());
    return Taken(PQexecParams(connection_.get(), sql.c_str(), static_cast<int>(texts.size()),
                              nullptr, texts.data(), nullptr, nullptr, 0));
  }
  PqAnswer Taken(PGresult* raw) {
    const std::unique_ptr<PGresult, void (*)(PGresult*)> result(raw, PQclear);
    PqAnswer answer;
    const ExecStatusType status = PQresultStatus(raw);
    if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK && status != PGRES_EMPTY_QUERY) {
      const char* state = PQresultErrorField(raw, PG_DIAG_SQLSTATE);
      answer.sqlstate = state == nullptr ? "none" : state;
      const char* message = PQresultErrorField(raw, PG_DIAG_MESSAGE_PRIMARY);
      answer.message = message == nullptr ? error() : message;
      const char* hint = PQresultErrorField(raw, PG_DIAG_MESSAGE_HINT);
      answer.hint = hint == nullptr ? "" : hint;
      return answer;
    }
    answer.tag = PQcmdStatus(raw);
    for (int row = 0; row < PQntuples(raw); ++row) {
      std::vector<std::string>& values = answer.rows.emplace_back();
      for (int i = 0; i < PQnfields(raw); ++i) {
        const bool null = PQgetisnull(raw, row, i) != 0;
        values.emplace_back(null ? "(null)" : PQgetvalue(raw, row, i));
      }
    }
    return answer;
  }

 private:
  struct Finish {
    void operator()(PGconn* connection) const { PQfinish(connection); }
  };
  const std::unique_ptr<PGconn, Finish> connection_;
};

}  // namespace hexad::unit

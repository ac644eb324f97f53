#include "tests/cluster/sql_load.h"

#include <cstdlib>

#include "absl/strings/str_cat.h"

namespace hexad::cluster_test {
namespace {

using unit::PqAnswer;
using unit::PqClient;

constexpr char kCommitUnknown[] = "08007";
constexpr char kTryAgain[] = "40001";
constexpr char kLost[] = "lost";

// What a transfer moves follows from its id.
struct Move {
  int64_t from;
  int64_t to;
  int64_t amount;
};

Move MoveOf(const TransferId& id) {
  const auto& [client, sequence] = id;
  const int64_t from = (client * 7 + sequence) % SqlLoad::kAccounts;
  const int64_t to = (from + 1 + sequence % (SqlLoad::kAccounts - 1)) % SqlLoad::kAccounts;
  return {from, to, 1 + sequence % 9};
}

std::vector<std::string> StatementsOf(const TransferId& id) {
  const auto [from, to, amount] = MoveOf(id);
  return {absl::StrCat("insert into transfer values (", id.first, ", ", id.second, ")"),
          absl::StrCat("update account set balance = balance - ", amount, " where id = ", from),
          absl::StrCat("update account set balance = balance + ", amount, " where id = ", to)};
}

std::string Joined(const std::vector<std::string>& statements) {
  std::string joined;
  for (const std::string& statement : statements) absl::StrAppend(&joined, statement, ";");
  return joined;
}

// Each transfer was whole, its row and its two updates: so its accounts hold what the rows say.
std::string CompareAccounts(PqClient& client, const std::set<TransferId>& there) {
  std::vector<int64_t> expected(SqlLoad::kAccounts, SqlLoad::kBalance);
  for (const TransferId& id : there) {
    const auto [from, to, amount] = MoveOf(id);
    expected[static_cast<size_t>(from)] -= amount;
    expected[static_cast<size_t>(to)] += amount;
  }
  const PqAnswer accounts = client.Ask("select id, balance from account order by id");
  if (!accounts.ok()) return accounts.message;
  if (accounts.rows.size() != expected.size()) {
    return absl::StrCat("there are ", accounts.rows.size(), " accounts");
  }
  for (size_t i = 0; i < expected.size(); ++i) {
    const std::string& balance = accounts.rows[i][1];
    if (accounts.rows[i][0] == std::to_string(i) && balance == std::to_string(expected[i]))
      continue;
    return absl::StrCat("account ", accounts.rows[i][0], " holds ", balance, ", not ", expected[i]);
  }
  return "";
}

}  // namespace

std::string SqlLoad::CreateTables() const {
  PqClient client(port_, "main");
  if (!client.connected()) return kLost;
  const std::vector<std::string> statements = {
      "create table account (id integer primary key, balance integer not null)",
      "create table transfer (client integer, sequence integer, primary key (client, sequence))",
      absl::StrCat("with recursive n(i) as (select 0 union all select i + 1 from n where i + 1 < ",
                   kAccounts, ") insert into account select i, ", kBalance, " from n")};
  for (const std::string& statement : statements) {
    const PqAnswer answer = client.Ask(statement);
    if (!answer.ok()) return answer.sqlstate;
  }
  return "";
}

void SqlLoad::Start() {
  stopping_ = false;
  for (int client = 0; client < kClients; ++client) {
    clients_.emplace_back([this, client] { Run(client); });
  }
}

void SqlLoad::Stop() {
  stopping_ = true;
  Await();
}

void SqlLoad::Await() {
  for (std::thread& client : clients_) client.join();
  clients_.clear();
}

void SqlLoad::Run(int client) {
  PqClient connection(port_, "main");
  if (!connection.connected()) return;
  int64_t& sequence = next_[static_cast<size_t>(client)];
  while (!stopping_ && Transfer(connection, client, sequence)) ++sequence;
  ++sequence;
}

// Until COMMIT is asked for nothing can have been committed; a query of several statements is its
// own COMMIT.
bool SqlLoad::Transfer(PqClient& connection, int client, int64_t sequence) {
  const TransferId id(client, sequence);
  const std::vector<std::string> statements = StatementsOf(id);
  const bool in_one = sequence % 2 == 0;
  PqAnswer answer;
  if (!in_one) {
    answer = connection.Ask("begin");
    for (size_t i = 0; i < statements.size() && answer.ok(); ++i) {
      answer = connection.Ask(statements[i]);
    }
    if (!answer.ok()) return Trouble(connection, id, answer.sqlstate, /*asked_to_commit=*/false);
  }
  answer = connection.Ask(in_one ? Joined(statements) : "commit");
  if (!answer.ok()) return Trouble(connection, id, answer.sqlstate, /*asked_to_commit=*/true);
  const std::lock_guard lock(mutex_);
  outcomes_.committed.insert(id);
  ++commits_;
  return true;
}

bool SqlLoad::Trouble(PqClient& connection, const TransferId& id, const std::string& sqlstate,
                      bool asked_to_commit) {
  const bool lost = !connection.connected();
  const bool unknown = asked_to_commit && (lost || sqlstate == kCommitUnknown);
  {
    const std::lock_guard lock(mutex_);
    (unknown ? outcomes_.doubtful : outcomes_.refused).insert(id);
    // A FATAL error says why before the connection ends.
    outcomes_.states.insert(lost && sqlstate == "none" ? kLost : sqlstate);
  }
  ++troubles_;
  return sqlstate == kTryAgain && connection.Ask("rollback").ok();
}

std::string Compare(int port, const SqlOutcomes& told) {
  PqClient client(port, "main");
  if (!client.connected()) return client.error();
  const PqAnswer rows = client.Ask("select client, sequence from transfer");
  if (!rows.ok()) return rows.message;
  std::set<TransferId> there;
  for (const auto& row : rows.rows) {
    there.emplace(std::atoi(row[0].c_str()), std::atoll(row[1].c_str()));
  }
  for (const TransferId& id : told.committed) {
    if (!there.contains(id)) {
      return absl::StrCat("transfer ", id.second, " of client ", id.first,
                          " was committed and is not there");
    }
  }
  for (const TransferId& id : there) {
    if (!told.committed.contains(id) && !told.doubtful.contains(id)) {
      return absl::StrCat("transfer ", id.second, " of client ", id.first,
                          " is there, and its client was told that it is not");
    }
  }
  const std::string accounts = CompareAccounts(client, there);
  if (!accounts.empty()) return accounts;
  const std::string whole = client.Ask("pragma integrity_check").Text();
  return whole == "ok" ? "" : absl::StrCat("integrity_check: ", whole);
}

}  // namespace hexad::cluster_test

// Clients of the SQL endpoint that move money and remember what they were told: which transactions
// committed, which surely did not, and of which nobody knows.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "tests/unit/pq_client.h"

namespace hexad::cluster_test {

// (client, sequence): each is used by one transaction, whatever becomes of it.
using TransferId = std::pair<int, int64_t>;

struct SqlOutcomes {
  std::set<TransferId> committed;
  std::set<TransferId> doubtful;
  std::set<TransferId> refused;
  // Of what was refused or doubtful: the SQLSTATEs, and "lost" for a connection that ended.
  std::set<std::string> states;
};

class SqlLoad {
 public:
  static constexpr int kClients = 8;
  static constexpr int kAccounts = 64;
  static constexpr int64_t kBalance = 1'000;

  explicit SqlLoad(int port) : port_(port) {}
  ~SqlLoad() { Stop(); }

  // The tables, full of money. The SQLSTATE of what went wrong; empty: nothing.
  std::string CreateTables() const;
  // Clients that go on until they are stopped, or told something else than to try again.
  void Start();
  // Blocks until the clients have ended; Await, until they end by themselves.
  void Stop();
  void Await();
  uint64_t commits() const { return commits_; }
  uint64_t troubles() const { return troubles_; }  // transactions refused or in doubt
  // REQUIRES: stopped.
  const SqlOutcomes& outcomes() const { return outcomes_; }

 private:
  void Run(int client);
  // A transaction of several round trips, or of one query. False: the client ends.
  bool Transfer(unit::PqClient& connection, int client, int64_t sequence);
  // What is no commit. False: the client ends.
  bool Trouble(unit::PqClient& connection, const TransferId& id, const std::string& sqlstate,
               bool asked_to_commit);

  const int port_;
  std::atomic<bool> stopping_ = false;
  std::atomic<uint64_t> commits_ = 0;
  std::atomic<uint64_t> troubles_ = 0;
  std::vector<std::thread> clients_;
  std::vector<int64_t> next_ = std::vector<int64_t>(kClients, 1);
  std::mutex mutex_;
  SqlOutcomes outcomes_;
};

// What the database says now, compared with what clients were told: every committed transfer is
// there, no refused one is, each account holds what the transfers that are there leave it, and
// SQLite finds its file whole. Reads rows and balances one after the other: nobody writes
// meanwhile. Empty if all that holds, else what does not.
std::string Compare(int port, const SqlOutcomes& told);

}  // namespace hexad::cluster_test

// A server over volumes in memory, for the tests of the SQL endpoint.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "compute/sql/server.h"
#include "tests/unit/memory_volume.h"
#include "tests/unit/pq_client.h"

namespace hexad::unit {

// SQLite keeps one list of VFSs, so a process has one server; every test has a volume of its own.
class SqlEndpoint {
 public:
  static compute::sql::ServerOptions Defaults() {
    compute::sql::ServerOptions options;
    options.threads = 4;
    options.max_connections = 200;
    options.place_timeout = Duration::Millis(400);
    return options;
  }
  // Who asks first says what it is like.
  static SqlEndpoint& The(const compute::sql::ServerOptions& options = Defaults()) {
    static auto* const endpoint = new SqlEndpoint(options);
    return *endpoint;
  }
  int port() const { return server_->port(); }
  compute::sql::Server& server() { return *server_; }
  std::shared_ptr<MemoryVolume> Make(const std::string& name) {
    const std::lock_guard lock(mutex_);
    return volumes_[name] = std::make_shared<MemoryVolume>(name);
  }

 private:
  explicit SqlEndpoint(const compute::sql::ServerOptions& options) {
    auto server = compute::sql::Server::Start(
        options, [this](const std::string& name) { return Find(name); });
    EXPECT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
  }
  absl::StatusOr<std::shared_ptr<compute::Volume>> Find(const std::string& name) {
    const std::lock_guard lock(mutex_);
    const auto found = volumes_.find(name);
    if (found == volumes_.end()) return absl::NotFoundError("no such volume");
    return std::shared_ptr<compute::Volume>(found->second);
  }

  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<MemoryVolume>> volumes_;
  std::unique_ptr<compute::sql::Server> server_;
};

// Each test has a volume of its own, with its name.
class SqlEndpointTest : public ::testing::Test {
 protected:
  SqlEndpointTest()
      : name_(::testing::UnitTest::GetInstance()->current_test_info()->name()),
        volume_(SqlEndpoint::The().Make(name_)) {}

  std::unique_ptr<PqClient> Client(const std::string& database = "") {
    auto client =
        std::make_unique<PqClient>(SqlEndpoint::The().port(), database.empty() ? name_ : database);
    EXPECT_TRUE(client->connected()) << client->error();
    return client;
  }

  const std::string name_;
  const std::shared_ptr<MemoryVolume> volume_;
};

}  // namespace hexad::unit

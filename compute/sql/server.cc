#include "compute/sql/server.h"

#include <spdlog/spdlog.h>
#include <sqlite3.h>

#include <asio.hpp>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "compute/sql/connection.h"
#include "compute/sql/databases.h"

namespace hexad::compute::sql {
namespace {

using asio::ip::tcp;

absl::StatusOr<tcp::endpoint> EndpointOf(const std::string& listen) {
  const size_t colon = listen.rfind(':');
  uint32_t port = 0;
  asio::error_code error;
  const auto address = asio::ip::make_address(listen.substr(0, colon), error);
  const bool has_port = colon != std::string::npos &&
                        absl::SimpleAtoi(listen.substr(colon + 1), &port) && port <= 65'535;
  if (error || !has_port) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", listen, "\" is no address for SQL: it is host:port, as 127.0.0.1:5433"));
  }
  return tcp::endpoint(address, static_cast<uint16_t>(port));
}

class AsioServer : public Server {
 public:
  AsioServer(const ServerOptions& options, FindVolume find)
      : databases_(std::move(find)),
        connections_(options),
        io_(options.threads),
        acceptor_(asio::make_strand(io_)) {}
  ~AsioServer() override { Stop(); }

  absl::Status Listen(const tcp::endpoint& at) {
    asio::error_code error;
    acceptor_.open(at.protocol(), error);
    if (!error) acceptor_.set_option(tcp::acceptor::reuse_address(true), error);
    if (!error) acceptor_.bind(at, error);
    if (!error) acceptor_.listen(asio::socket_base::max_listen_connections, error);
    if (error) {
      return absl::UnavailableError(absl::StrCat("cannot listen on ", connections_.options().listen,
                                                 " for SQL: ", error.message(),
                                                 ". Choose another port"));
    }
    if (auto status = RegisterVfs(kVfsName, databases_); !status.ok()) return status;
    Accept();
    for (int i = 0; i < connections_.options().threads; ++i) {
      threads_.emplace_back([this] { io_.run(); });
    }
    return absl::OkStatus();
  }

  int port() const override { return acceptor_.local_endpoint().port(); }
  size_t connections() const override { return connections_.size(); }

 private:
  void Accept() {
    acceptor_.async_accept(asio::make_strand(io_),
                           [this](const asio::error_code& error, tcp::socket socket) {
                             if (error == asio::error::operation_aborted) return;
                             if (error) {
                               // Out of descriptors, most likely: those that are there go on.
                               spdlog::warn("a SQL client was not accepted: {}", error.message());
                               return AcceptLater();
                             }
                             std::make_shared<Connection>(std::move(socket), connections_)->Start();
                             Accept();
                           });
  }
  void AcceptLater() {
    pause_.expires_after(std::chrono::milliseconds(100));
    pause_.async_wait([this](const asio::error_code& error) {
      if (!error) Accept();
    });
  }

  void Stop() {
    asio::post(acceptor_.get_executor(), [this] {
      asio::error_code ignored;  // it is closed either way
      acceptor_.close(ignored);
      pause_.cancel();
    });
    connections_.CloseAll();
    work_.reset();
    for (std::thread& thread : threads_) thread.join();
  }

  Databases databases_;
  Connections connections_;
  asio::io_context io_;
  asio::executor_work_guard<asio::io_context::executor_type> work_{io_.get_executor()};
  tcp::acceptor acceptor_;
  asio::steady_timer pause_{acceptor_.get_executor()};
  std::vector<std::thread> threads_;
};

constexpr int kLookasideBytes = 256;
constexpr int kLookasideSlots = 32;

}  // namespace

absl::StatusOr<std::unique_ptr<Server>> Server::Start(const ServerOptions& options,
                                                      FindVolume find) {
  const auto at = EndpointOf(options.listen);
  if (!at.ok()) return at.status();
  if (options.passwords == nullptr && !at->address().is_loopback()) {
    return absl::InvalidArgumentError(
        absl::StrCat("SQL on ", options.listen,
                     " would let in whoever reaches it: give a password file, or listen on "
                     "127.0.0.1"));
  }
  sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);  // one lock less that all connections share
  // What a connection takes before it needs it, times the thousand that may be idle: twenty pages
  // and 48 KB by default. MISUSE (SQLite runs already, in a test) changes nothing but that.
  sqlite3_config(SQLITE_CONFIG_PAGECACHE, nullptr, 0, 0);
  sqlite3_config(SQLITE_CONFIG_LOOKASIDE, kLookasideBytes, kLookasideSlots);
  auto server = std::make_unique<AsioServer>(options, std::move(find));
  if (auto status = server->Listen(*at); !status.ok()) return status;
  return server;
}

}  // namespace hexad::compute::sql

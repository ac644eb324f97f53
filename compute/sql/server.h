// The SQL endpoint: PostgreSQL's protocol on a TCP port, for the volumes that this process has
// open. A database's name is its volume's; "main@LSN" is that volume as of then, read-only.
//
// One pool of threads runs whatever sessions have something to do; an idle connection is a socket
// and a few buffers.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "compute/engine.h"
#include "compute/sql/passwords.h"
#include "compute/sql/volume_functions.h"

namespace hexad::compute::sql {

// How SQLite knows the volumes of this process.
inline constexpr char kVfsName[] = "hexad";

struct ServerOptions {
  std::string listen = "127.0.0.1:0";
  // nullptr: trust. Whoever reaches the port is let in, so that may be on loopback only.
  std::shared_ptr<const Passwords> passwords = nullptr;
  int threads = 16;
  size_t max_connections = 2'000;
  MakeClone clone = nullptr;  // of hexad_clone(); without it there are no clones
  Duration place_timeout = Duration::Seconds(60);  // how long a statement waits to be the writer
  // How long the writer may say nothing, and take nothing, while others wait for its place.
  Duration silent_writer_timeout = Duration::Seconds(30);
};

// NOT_FOUND: no such volume is open here; UNAVAILABLE: it is being opened.
using FindVolume = std::function<absl::StatusOr<std::shared_ptr<Volume>>(const std::string& name)>;

// Thread-safe.
class Server {
 public:
  // INVALID_ARGUMENT, UNAVAILABLE (the port is in use). One per process: SQLite has one list of
  // VFSs.
  static absl::StatusOr<std::unique_ptr<Server>> Start(const ServerOptions& options,
                                                       FindVolume find);
  virtual ~Server() = default;  // ends its connections

  virtual int port() const = 0;
  virtual size_t connections() const = 0;
};

}  // namespace hexad::compute::sql

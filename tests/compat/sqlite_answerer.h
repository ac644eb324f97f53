// A connection of the stock library: to its own memory, or through a VFS.
#pragma once

#include <sqlite3.h>

#include <string>
#include <string_view>

#include "tests/compat/test_script.h"

namespace hexad::compat {

class SqliteAnswerer : public Answerer {
 public:
  // `vfs` nullptr: the system's.
  SqliteAnswerer(const std::string& file, const char* vfs);
  ~SqliteAnswerer() override { sqlite3_close(connection_); }
  SqliteAnswerer(const SqliteAnswerer&) = delete;
  SqliteAnswerer& operator=(const SqliteAnswerer&) = delete;

  std::string_view dialect() const override { return "sqlite"; }
  absl::StatusOr<Answer> Ask(const std::string& sql) override;

 private:
  sqlite3* connection_ = nullptr;
};

}  // namespace hexad::compat

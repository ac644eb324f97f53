// What PostgreSQL's clients write and SQLite cannot read, in SQLite's words (docs/sql.md). Only the
// tokens that are PostgreSQL's are touched: a statement without any stays as it is, byte for byte.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "compute/sql/wire.h"

namespace hexad::compute::sql {

struct Translation {
  // The statement for SQLite, if it is another one than the client's.
  std::optional<std::string> text;
  // What runs before it, with it: DROP TABLE a, b is two statements for SQLite.
  std::vector<std::string> before;
  // How long the client's is in what was given; only if there is a text, or nothing to do.
  size_t length = 0;
  bool nothing_to_do = false;     // of PostgreSQL's, and without a meaning here: VACUUM t
  std::optional<Report> refusal;  // what SQLite has not, and would only call a syntax error
};

// Of the first statement in `sql`, whatever it holds.
Translation Translate(std::string_view sql);

}  // namespace hexad::compute::sql

// COPY (PostgreSQL 15 manual, "COPY"): what such a statement says, and rows as its lines. Two
// formats, text and CSV; the binary one is refused.
//
// Lines come from outside, cut anywhere, and may lie: a row without an end is refused when it is
// longer than a row can be, not kept until memory is gone.
#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "compute/sql/wire.h"

namespace hexad::compute::sql {

// A line that is longer is refused; SQLite's own limit for a value is a billion bytes.
inline constexpr size_t kMaxCopyLine = 64 << 20;

struct CopyFormat {
  bool csv = false;
  bool header = false;
  char delimiter = '\t';
  char quote = '"';   // of CSV
  char escape = '"';  // of CSV: what stands before a quote inside of quotes
  std::string null = "\\N";
};

struct CopyStatement {
  bool from = false;  // FROM STDIN; else TO STDOUT
  std::string table;  // as it was written; empty: query
  std::vector<std::string> columns;
  std::string query;
  CopyFormat format;
};

// INVALID_ARGUMENT: it cannot be understood. UNIMPLEMENTED: it can, and is not done here (a file of
// the server, the binary format).
absl::StatusOr<CopyStatement> ParseCopy(std::string_view statement);

// A value of a row; nothing: null.
using CopyValue = std::optional<std::string>;

// Takes a client's bytes apart into rows.
class CopyReader {
 public:
  explicit CopyReader(CopyFormat format) : format_(std::move(format)), skip_(format_.header) {}

  void Feed(std::string_view bytes);
  // Nothing more comes: what stands after the last line's end is a line as well.
  void Finish() { finished_ = true; }

  // The next row; false: it is not there yet, or (after Finish) there is none. INVALID_ARGUMENT: a
  // line that is none.
  absl::StatusOr<bool> Next(std::vector<CopyValue>& row);
  // Of the row that Next gave, or refused; from 1.
  uint64_t line() const { return line_; }

 private:
  std::optional<std::string_view> NextLine();
  size_t EndOfLine();
  absl::Status SplitText(std::string_view line, std::vector<CopyValue>& row) const;
  absl::Status SplitCsv(std::string_view line, std::vector<CopyValue>& row) const;

  const CopyFormat format_;
  std::string bytes_;
  size_t taken_ = 0;     // of bytes_: the lines that were given
  size_t scanned_ = 0;   // up to here no line ends
  bool quoted_ = false;  // at scanned_
  bool skip_;            // the next line is the header
  bool finished_ = false;
  bool ended_ = false;  // by "\."
  uint64_t line_ = 0;
};

// One line of output with its end, for the row that `statement` stands at.
void AppendCopyRow(const CopyFormat& format, sqlite3_stmt* statement,
                   std::span<const Column> columns, std::string& out);
void AppendCopyHeader(const CopyFormat& format, std::span<const Column> columns, std::string& out);

}  // namespace hexad::compute::sql

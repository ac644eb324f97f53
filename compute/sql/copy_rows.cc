// COPY's lines: taken apart, and put together.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "compute/sql/copy.h"
#include "compute/sql/types.h"

namespace hexad::compute::sql {
namespace {

constexpr std::string_view kEndOfData = "\\.";

bool IsOctal(char digit) { return digit >= '0' && digit <= '7'; }

int HexOf(char digit) {
  if (digit >= '0' && digit <= '9') return digit - '0';
  const char lower = static_cast<char>(digit | 0x20);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

// Up to `most` digits of a number in `base`, from `at` on, which moves behind them.
template <class ValueOf>
char Digits(std::string_view text, size_t& at, size_t most, int base, ValueOf value_of) {
  int value = 0;
  for (size_t taken = 0; taken < most && at < text.size() && value_of(text[at]) >= 0; ++taken) {
    value = value * base + value_of(text[at++]);
  }
  return static_cast<char>(value);
}

// The backslashes of the text format. `at` stands behind one, and moves behind what it means.
char Escaped(std::string_view text, size_t& at) {
  const auto octal = [](char digit) { return IsOctal(digit) ? digit - '0' : -1; };
  if (IsOctal(text[at])) return Digits(text, at, 3, 8, octal);
  const char letter = text[at++];
  switch (letter) {
    case 'b':
      return '\b';
    case 'f':
      return '\f';
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case 't':
      return '\t';
    case 'v':
      return '\v';
    case 'x':
      return at < text.size() && HexOf(text[at]) >= 0 ? Digits(text, at, 2, 16, HexOf) : 'x';
    default:
      return letter;
  }
}

std::string Unescaped(std::string_view text) {
  std::string value;
  value.reserve(text.size());
  for (size_t at = 0; at < text.size();) {
    const char byte = text[at++];
    value.push_back(byte == '\\' && at < text.size() ? Escaped(text, at) : byte);
  }
  return value;
}

void AppendEscaped(std::string_view value, char delimiter, std::string& out) {
  constexpr std::string_view kSpecial = "\b\f\n\r\t\v\\";
  constexpr std::string_view kLetters = "bfnrtv\\";
  for (const char byte : value) {
    const size_t special = kSpecial.find(byte);
    if (special != std::string_view::npos) {
      out.push_back('\\');
      out.push_back(kLetters[special]);
    } else {
      if (byte == delimiter) out.push_back('\\');
      out.push_back(byte);
    }
  }
}

void AppendCsv(const CopyFormat& format, std::string_view value, std::string& out) {
  const bool quoted = value == format.null || value == kEndOfData ||
                      value.find_first_of("\n\r") != std::string_view::npos ||
                      value.find(format.delimiter) != std::string_view::npos ||
                      value.find(format.quote) != std::string_view::npos;
  if (!quoted) {
    out.append(value);
    return;
  }
  out.push_back(format.quote);
  for (const char byte : value) {
    if (byte == format.quote || byte == format.escape) out.push_back(format.escape);
    out.push_back(byte);
  }
  out.push_back(format.quote);
}

void AppendField(const CopyFormat& format, std::string_view value, std::string& out) {
  if (format.csv) {
    AppendCsv(format, value, out);
  } else {
    AppendEscaped(value, format.delimiter, out);
  }
}

}  // namespace

void CopyReader::Feed(std::string_view bytes) {
  bytes_.erase(0, taken_);
  scanned_ -= taken_;
  taken_ = 0;
  if (!ended_) bytes_.append(bytes);
}

// Where the line that begins at taken_ ends: at a newline that is neither escaped nor quoted.
size_t CopyReader::EndOfLine() {
  for (; scanned_ < bytes_.size(); ++scanned_) {
    const char byte = bytes_[scanned_];
    if (byte == '\n' && !quoted_) return scanned_;
    const bool escapes = format_.csv
                             ? quoted_ && byte == format_.escape && format_.escape != format_.quote
                             : byte == '\\';
    if (escapes) {
      if (scanned_ + 1 == bytes_.size()) return std::string::npos;  // what it escapes comes later
      ++scanned_;
    } else if (format_.csv && byte == format_.quote) {
      quoted_ = !quoted_;
    }
  }
  return std::string::npos;
}

std::optional<std::string_view> CopyReader::NextLine() {
  const size_t end = EndOfLine();
  if (end == std::string::npos && (!finished_ || taken_ == bytes_.size())) return std::nullopt;
  const size_t last = end == std::string::npos ? bytes_.size() : end;
  std::string_view line = std::string_view(bytes_).substr(taken_, last - taken_);
  if (line.ends_with('\r')) line.remove_suffix(1);
  taken_ = scanned_ = std::min(last + 1, bytes_.size());
  ++line_;
  return line;
}

absl::StatusOr<bool> CopyReader::Next(std::vector<CopyValue>& row) {
  row.clear();
  while (!ended_) {
    const auto line = NextLine();
    if (!line.has_value()) {
      if (bytes_.size() - taken_ <= kMaxCopyLine) return false;
      ++line_;
      return absl::InvalidArgumentError(
          absl::StrCat("a row of more than ", kMaxCopyLine, " bytes"));
    }
    if (std::exchange(skip_, false)) continue;
    if (*line == kEndOfData) {
      ended_ = true;
      break;
    }
    const absl::Status split = format_.csv ? SplitCsv(*line, row) : SplitText(*line, row);
    if (!split.ok()) return split;
    return true;
  }
  return false;
}

absl::Status CopyReader::SplitText(std::string_view line, std::vector<CopyValue>& row) const {
  size_t begin = 0;
  for (size_t at = 0;; ++at) {
    if (at < line.size() && line[at] == '\\') {
      ++at;
      continue;
    }
    if (at < line.size() && line[at] != format_.delimiter) continue;
    const std::string_view field = line.substr(begin, at - begin);
    row.push_back(field == format_.null ? CopyValue() : Unescaped(field));
    if (at >= line.size()) return absl::OkStatus();
    begin = at + 1;
  }
}

absl::Status CopyReader::SplitCsv(std::string_view line, std::vector<CopyValue>& row) const {
  for (size_t at = 0;; ++at) {
    std::string value;
    bool was_quoted = false;
    bool quoted = false;
    for (; at < line.size() && (quoted || line[at] != format_.delimiter); ++at) {
      const bool next_is_special =
          at + 1 < line.size() && (line[at + 1] == format_.quote || line[at + 1] == format_.escape);
      if (quoted && line[at] == format_.escape && next_is_special) {
        value.push_back(line[++at]);
      } else if (line[at] == format_.quote) {
        quoted = !quoted;
        was_quoted = true;
      } else {
        value.push_back(line[at]);
      }
    }
    if (quoted) return absl::InvalidArgumentError("unterminated CSV quoted field");
    const bool null = !was_quoted && value == format_.null;
    row.push_back(null ? CopyValue() : CopyValue(std::move(value)));
    if (at >= line.size()) return absl::OkStatus();
  }
}

void AppendCopyRow(const CopyFormat& format, sqlite3_stmt* statement,
                   std::span<const Column> columns, std::string& out) {
  std::string scratch;
  for (size_t i = 0; i < columns.size(); ++i) {
    if (i > 0) out.push_back(format.delimiter);
    sqlite3_value* value = sqlite3_column_value(statement, static_cast<int>(i));
    if (sqlite3_value_type(value) == SQLITE_NULL) {
      out.append(format.null);
    } else {
      AppendField(format, TextForm(value, columns[i].type, scratch), out);
    }
  }
  out.push_back('\n');
}

void AppendCopyHeader(const CopyFormat& format, std::span<const Column> columns, std::string& out) {
  for (size_t i = 0; i < columns.size(); ++i) {
    if (i > 0) out.push_back(format.delimiter);
    AppendField(format, columns[i].name, out);
  }
  out.push_back('\n');
}

}  // namespace hexad::compute::sql

// What a COPY statement says. Its options come in two spellings: a list in parentheses, and the one
// from before PostgreSQL 9, which clients (psql's \copy, ORMs, dumps) still write.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "compute/sql/copy.h"
#include "compute/sql/statement_words.h"

namespace hexad::compute::sql {
namespace {

std::string Text(std::string_view view) { return std::string(view); }

class CopyParser {
 public:
  explicit CopyParser(std::string_view statement)
      : statement_(statement), tokens_(TokensOf(statement)) {}

  absl::StatusOr<CopyStatement> Parse();

 private:
  bool AtEnd() const { return at_ == tokens_.size(); }
  std::string_view Peek() const { return AtEnd() ? std::string_view() : tokens_[at_]; }
  std::string_view Take() { return AtEnd() ? std::string_view() : tokens_[at_++]; }
  bool Skip(std::string_view word) {
    const bool there = SameWord(Peek(), word);
    if (there) ++at_;
    return there;
  }
  absl::Status Unexpected() const {
    return absl::InvalidArgumentError(
        AtEnd() ? std::string("syntax error at end of COPY")
                : absl::StrCat("syntax error at or near \"", Text(Peek()), "\""));
  }

  absl::Status ParseWhat();
  absl::Status ParseQuery();
  absl::Status ParseColumns(std::vector<std::string>& columns);
  absl::Status ParseWhere();
  absl::Status ParseOptions();
  absl::Status ParseOption();
  absl::Status ParseFormat(std::string_view name);
  absl::StatusOr<bool> ParseSwitch();
  absl::StatusOr<std::string> ParseString();
  absl::Status ParseCharacter(char& character);
  absl::Status Complete();

  const std::string_view statement_;
  const std::vector<std::string_view> tokens_;
  size_t at_ = 0;
  bool listed_ = false;  // the options stand in parentheses
  bool escape_given_ = false;
  bool null_given_ = false;
  bool delimiter_given_ = false;
  CopyStatement copy_;
};

absl::StatusOr<CopyStatement> CopyParser::Parse() {
  if (!Skip("COPY")) return Unexpected();
  if (SameWord(Peek(), "BINARY")) return absl::UnimplementedError("COPY BINARY is not supported");
  for (const auto step : {&CopyParser::ParseWhat, &CopyParser::ParseWhere,
                          &CopyParser::ParseOptions, &CopyParser::Complete}) {
    if (const absl::Status status = (this->*step)(); !status.ok()) return status;
  }
  return std::move(copy_);
}

absl::Status CopyParser::ParseWhat() {
  if (Peek() == "(") return ParseQuery();
  if (AtEnd()) return Unexpected();
  copy_.table = Text(Take());
  if (Skip(".")) {
    // One database, one schema: PostgreSQL's dumps name it.
    if (!SameWord(copy_.table, "public") && !SameWord(copy_.table, "main")) {
      return absl::InvalidArgumentError(
          absl::StrCat("schema \"", copy_.table, "\" does not exist"));
    }
    copy_.table = Text(Take());
  }
  return Peek() == "(" ? ParseColumns(copy_.columns) : absl::OkStatus();
}

absl::Status CopyParser::ParseQuery() {
  const char* const begin = Take().data() + 1;
  for (int depth = 1; !AtEnd(); ++at_) {
    if (Peek() == "(") ++depth;
    if (Peek() == ")" && --depth == 0) {
      copy_.query = std::string(begin, static_cast<size_t>(Take().data() - begin));
      return absl::OkStatus();
    }
  }
  return Unexpected();
}

absl::Status CopyParser::ParseColumns(std::vector<std::string>& columns) {
  Take();
  do {
    if (AtEnd() || Peek() == ")" || Peek() == ",") return Unexpected();
    columns.push_back(Text(Take()));
  } while (Skip(","));
  return Skip(")") ? absl::OkStatus() : Unexpected();
}

absl::Status CopyParser::ParseWhere() {
  copy_.from = SameWord(Peek(), "FROM");
  if (!copy_.from && !SameWord(Peek(), "TO")) return Unexpected();
  if (copy_.from && !copy_.query.empty()) return Unexpected();
  Take();
  if (Skip("STDIN") || Skip("STDOUT")) return absl::OkStatus();
  if (AtEnd()) return Unexpected();
  return absl::UnimplementedError(
      "COPY reads and writes the client's side only (FROM STDIN, TO STDOUT): psql's \\copy opens "
      "the file there");
}

absl::Status CopyParser::ParseOptions() {
  Skip("WITH");
  listed_ = Skip("(");
  while (!AtEnd() && Peek() != ")") {
    if (const absl::Status option = ParseOption(); !option.ok()) return option;
    if (listed_ && !Skip(",") && Peek() != ")") return Unexpected();
  }
  if (listed_ && !Skip(")")) return Unexpected();
  return AtEnd() ? absl::OkStatus() : Unexpected();
}

absl::Status CopyParser::ParseOption() {
  const std::string name = Text(Take());
  CopyFormat& format = copy_.format;
  if (SameWord(name, "FORMAT")) return ParseFormat(Take());
  if (SameWord(name, "CSV") || SameWord(name, "BINARY")) return ParseFormat(name);
  if (SameWord(name, "HEADER") || SameWord(name, "FREEZE")) {
    const auto on = ParseSwitch();
    if (!on.ok()) return on.status();
    if (SameWord(name, "HEADER")) format.header = *on;
    return absl::OkStatus();
  }
  if (SameWord(name, "NULL")) {
    Skip("AS");
    auto null = ParseString();
    if (!null.ok()) return null.status();
    format.null = *std::move(null);
    null_given_ = true;
    return absl::OkStatus();
  }
  if (SameWord(name, "ENCODING")) {
    const auto encoding = ParseString();
    if (!encoding.ok()) return encoding.status();
    if (SameWord(*encoding, "UTF8") || SameWord(*encoding, "UTF-8")) return absl::OkStatus();
    return absl::UnimplementedError("the only encoding is UTF8");
  }
  delimiter_given_ = delimiter_given_ || SameWord(name, "DELIMITER");
  escape_given_ = escape_given_ || SameWord(name, "ESCAPE");
  if (SameWord(name, "DELIMITER")) return ParseCharacter(format.delimiter);
  if (SameWord(name, "QUOTE")) return ParseCharacter(format.quote);
  if (SameWord(name, "ESCAPE")) return ParseCharacter(format.escape);
  return absl::UnimplementedError(absl::StrCat("COPY's option \"", name, "\" is not supported"));
}

absl::Status CopyParser::ParseFormat(std::string_view name) {
  if (name.size() >= 2 && name.front() == '\'') name = name.substr(1, name.size() - 2);
  if (SameWord(name, "TEXT")) return absl::OkStatus();
  if (SameWord(name, "BINARY")) {
    return absl::UnimplementedError("COPY in the binary format is not supported");
  }
  if (!SameWord(name, "CSV")) {
    return absl::InvalidArgumentError(
        absl::StrCat("COPY format \"", Text(name), "\" not recognized"));
  }
  copy_.format.csv = true;
  return absl::OkStatus();
}

// In a list it may be followed by its value.
absl::StatusOr<bool> CopyParser::ParseSwitch() {
  if (!listed_ || AtEnd() || Peek() == "," || Peek() == ")") return true;
  const std::string_view value = Take();
  for (const char* yes : {"true", "on", "1"}) {
    if (SameWord(value, yes)) return true;
  }
  for (const char* no : {"false", "off", "0"}) {
    if (SameWord(value, no)) return false;
  }
  return absl::InvalidArgumentError(absl::StrCat("\"", Text(value), "\" is not on or off"));
}

absl::StatusOr<std::string> CopyParser::ParseString() {
  std::string_view token = Take();
  const bool escaped = SameWord(token, "E") && !Peek().empty() && Peek().front() == '\'';
  if (escaped) token = Take();
  if (token.size() < 2 || token.front() != '\'' || token.back() != '\'') {
    return absl::InvalidArgumentError("an option of COPY wants a quoted string");
  }
  token = token.substr(1, token.size() - 2);
  if (escaped && token == "\\t") return std::string("\t");
  std::string text;
  for (size_t i = 0; i < token.size(); ++i) {
    text.push_back(token[i]);
    if (token[i] == '\'') ++i;  // two stand for one
  }
  return text;
}

absl::Status CopyParser::ParseCharacter(char& character) {
  Skip("AS");
  const auto text = ParseString();
  if (!text.ok()) return text.status();
  if (text->size() != 1 || *text == "\n" || *text == "\r") {
    return absl::InvalidArgumentError("COPY delimiter, quote and escape are one character each");
  }
  character = text->front();
  return absl::OkStatus();
}

// What was not said depends on what was.
absl::Status CopyParser::Complete() {
  CopyFormat& format = copy_.format;
  if (format.csv && !delimiter_given_) format.delimiter = ',';
  if (format.csv && !null_given_) format.null.clear();
  if (!escape_given_) format.escape = format.quote;
  if (format.csv && format.delimiter == format.quote) {
    return absl::InvalidArgumentError("COPY delimiter and quote must be different");
  }
  if (!format.csv &&
      std::string_view("\\.abcdefghijklmnopqrstuvwxyz0123456789").find(format.delimiter) !=
          std::string_view::npos) {
    return absl::InvalidArgumentError(
        absl::StrCat("COPY delimiter cannot be \"", std::string(1, format.delimiter), "\""));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<CopyStatement> ParseCopy(std::string_view statement) {
  return CopyParser(statement).Parse();
}

}  // namespace hexad::compute::sql

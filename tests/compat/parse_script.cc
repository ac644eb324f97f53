// The format of sqllogictest as text: read and written.
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "tests/compat/test_script.h"

namespace hexad::compat {
namespace {

using Kind = Record::Kind;
using Order = Record::Order;
using Words = std::vector<std::string>;

absl::Status Bad(int line, const std::string& why) {
  return absl::InvalidArgumentError(absl::StrCat("line ", line, ": ", why));
}

class Parser {
 public:
  explicit Parser(std::string_view text) : lines_(absl::StrSplit(std::string(text), '\n')) {}

  absl::StatusOr<Script> All() {
    Script script;
    Record next;
    while (at_ < lines_.size()) {
      const std::string line = Line();
      ++at_;
      if (line.empty() || line[0] == '#') continue;
      const Words words = absl::StrSplit(line, ' ', absl::SkipWhitespace());
      next.line = static_cast<int>(at_);
      if (words[0] == "skipif" || words[0] == "onlyif") {
        if (words.size() < 2) return Bad(next.line, "which database?");
        (words[0] == "skipif" ? next.skip_if : next.only_if).push_back(words[1]);
        continue;
      }
      const absl::Status read = Take(words, next);
      if (!read.ok()) return read;
      script.push_back(std::exchange(next, {}));
    }
    return script;
  }

 private:
  // Spaces at an end may belong to a value.
  std::string Line() const { return std::string(absl::StripSuffix(lines_[at_], "\r")); }

  absl::Status Take(const Words& words, Record& record) {
    if (words[0] == "halt") {
      record.kind = Kind::kHalt;
      return absl::OkStatus();
    }
    if (words[0] == "hash-threshold") {
      record.kind = Kind::kHashThreshold;
      if (words.size() > 1 && absl::SimpleAtoi(words[1], &record.threshold)) {
        return absl::OkStatus();
      }
      return Bad(record.line, "hash-threshold without a number");
    }
    if (words[0] == "statement") return TakeStatement(words, record);
    if (words[0] == "query") return TakeQuery(words, record);
    return Bad(record.line, absl::StrCat("unknown record: ", words[0]));
  }

  absl::Status TakeStatement(const Words& words, Record& record) {
    if (words.size() < 2 || (words[1] != "ok" && words[1] != "error")) {
      return Bad(record.line, "a statement is ok or error");
    }
    record.fails = words[1] == "error";
    TakeSql(record);
    return record.sql.empty() ? Bad(record.line, "no SQL") : absl::OkStatus();
  }

  absl::Status TakeQuery(const Words& words, Record& record) {
    record.kind = Kind::kQuery;
    if (words.size() < 2 || words[1].find_first_not_of("ITR") != std::string::npos) {
      return Bad(record.line, "a query's types are I, T and R");
    }
    record.types = words[1];
    if (words.size() > 2) {
      if (words[2] == "rowsort") {
        record.order = Order::kRows;
      } else if (words[2] == "valuesort") {
        record.order = Order::kValues;
      } else if (words[2] != "nosort") {
        return Bad(record.line, absl::StrCat("unknown order: ", words[2]));
      }
    }
    if (words.size() > 3) record.label = words[3];
    if (TakeSql(record)) {
      for (; at_ < lines_.size() && !Line().empty(); ++at_) record.expected.push_back(Line());
    }
    return record.sql.empty() ? Bad(record.line, "no SQL") : absl::OkStatus();
  }

  // True if it ended at the line that begins an answer.
  bool TakeSql(Record& record) {
    Words sql;
    bool answer = false;
    while (at_ < lines_.size() && !Line().empty() && !answer) {
      answer = Line() == "----";
      if (!answer) sql.push_back(Line());
      ++at_;
    }
    record.sql = absl::StrJoin(sql, "\n");
    return answer;
  }

  const Words lines_;
  size_t at_ = 0;
};

std::string_view NameOf(Order order) {
  switch (order) {
    case Order::kAsItIs:
      return "nosort";
    case Order::kRows:
      return "rowsort";
    case Order::kValues:
      return "valuesort";
  }
  return "";
}

std::string PrintOne(const Record& record) {
  switch (record.kind) {
    case Kind::kHalt:
      return "halt\n";
    case Kind::kHashThreshold:
      return absl::StrCat("hash-threshold ", record.threshold, "\n");
    case Kind::kStatement:
      return absl::StrCat("statement ", record.fails ? "error" : "ok", "\n", record.sql, "\n");
    case Kind::kQuery:
      break;
  }
  std::string text =
      absl::StrCat("query ", record.types, " ", std::string(NameOf(record.order)),
                   record.label.empty() ? "" : " ", record.label, "\n", record.sql, "\n----\n");
  for (const std::string& value : record.expected) absl::StrAppend(&text, value, "\n");
  return text;
}

}  // namespace

absl::StatusOr<Script> Parse(std::string_view text) { return Parser(text).All(); }

std::string Print(const Script& script) {
  std::string text;
  for (const Record& record : script) {
    for (const std::string& name : record.skip_if) absl::StrAppend(&text, "skipif ", name, "\n");
    for (const std::string& name : record.only_if) absl::StrAppend(&text, "onlyif ", name, "\n");
    absl::StrAppend(&text, PrintOne(record), "\n");
  }
  return text;
}

}  // namespace hexad::compat

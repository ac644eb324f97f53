// Asks what a script asks, and compares what comes back.
#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <map>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "quorum/base/check.h"
#include "tests/compat/test_script.h"

namespace hexad::compat {
namespace {

using Kind = Record::Kind;
using Order = Record::Order;
using Values = std::vector<std::string>;

constexpr size_t kNeverHash = 0;

std::string Md5(const std::string& text) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest;
  unsigned int size = 0;
  INVARIANT(EVP_Digest(text.data(), text.size(), digest.data(), &size, EVP_md5(), nullptr) == 1);
  return absl::BytesToHexString(std::string(reinterpret_cast<char*>(digest.data()), size));
}

std::string ReadAs(char type, const Cell& cell) {
  if (!cell.has_value()) return "NULL";
  if (type == 'I') return absl::StrCat(std::strtoll(cell->c_str(), nullptr, 10));
  if (type == 'R') return absl::StrFormat("%.3f", std::strtod(cell->c_str(), nullptr));
  if (cell->empty()) return "(empty)";
  std::string text = *cell;
  for (char& c : text) {
    if (c < ' ' || c > '~') c = '@';
  }
  return text;
}

bool Applies(const Record& record, const Answerer& answerer) {
  const std::string name(answerer.dialect());
  const auto names = [&name](const Values& list) {
    return std::find(list.begin(), list.end(), name) != list.end();
  };
  return !names(record.skip_if) && (record.only_if.empty() || names(record.only_if));
}

std::string Shown(const Values& values) {
  const std::string text = absl::StrJoin(values, "|");
  constexpr size_t kMost = 400;
  return text.size() <= kMost ? text : text.substr(0, kMost) + "...";
}

// What differs, or nothing. `labelled` has the first answer to each label.
std::string Compare(const Record& record, const absl::StatusOr<Answer>& answer, size_t threshold,
                    std::map<std::string, Values>& labelled) {
  if (record.kind == Kind::kStatement) {
    if (answer.ok() != record.fails) return "";
    return record.fails ? "it should fail, and did not" : answer.status().ToString();
  }
  if (!answer.ok()) return answer.status().ToString();
  for (const auto& row : *answer) {
    if (row.size() != record.types.size()) return absl::StrCat(row.size(), " columns");
  }
  const Values found = AsExpected(record, *answer, threshold);
  if (found != record.expected) {
    return absl::StrCat("expected ", Shown(record.expected), "\n   found ", Shown(found));
  }
  if (record.label.empty()) return "";
  const auto [first, added] = labelled.emplace(record.label, found);
  return added || first->second == found ? "" : "not what its label had before";
}

}  // namespace

Values AsExpected(const Record& query, const Answer& answer, size_t threshold) {
  std::vector<Values> rows;
  for (const auto& row : answer) {
    Values& values = rows.emplace_back();
    for (size_t i = 0; i < row.size(); ++i) {
      values.push_back(ReadAs(i < query.types.size() ? query.types[i] : 'T', row[i]));
    }
  }
  if (query.order == Order::kRows) std::sort(rows.begin(), rows.end());
  Values all;
  for (const Values& row : rows) all.insert(all.end(), row.begin(), row.end());
  if (query.order == Order::kValues) std::sort(all.begin(), all.end());
  if (threshold == kNeverHash || all.size() <= threshold) return all;
  return {absl::StrCat(all.size(), " values hashing to ", Md5(absl::StrJoin(all, "\n") + "\n"))};
}

absl::StatusOr<Script> Complete(Script script, Answerer& from) {
  size_t threshold = kNeverHash;
  for (Record& record : script) {
    if (record.kind == Kind::kHashThreshold) threshold = record.threshold;
    if (record.sql.empty() || !Applies(record, from)) continue;
    const auto answer = from.Ask(record.sql);
    record.fails = !answer.ok();
    if (record.kind != Kind::kQuery) continue;
    if (!answer.ok()) {
      return absl::InvalidArgumentError(absl::StrCat(record.sql, ": ", answer.status().ToString()));
    }
    record.expected = AsExpected(record, *answer, threshold);
  }
  return script;
}

Checked Check(const Script& script, Answerer& answerer) {
  Checked checked;
  size_t threshold = kNeverHash;
  std::map<std::string, Values> labelled;
  for (const Record& record : script) {
    if (!Applies(record, answerer)) continue;
    if (record.kind == Kind::kHalt) break;
    if (record.kind == Kind::kHashThreshold) {
      threshold = record.threshold;
      continue;
    }
    const std::string differs = Compare(record, answerer.Ask(record.sql), threshold, labelled);
    if (!differs.empty()) {
      checked.first_difference =
          absl::StrCat("line ", record.line, ": ", record.sql, "\n", differs);
      break;
    }
    ++checked.records;
  }
  return checked;
}

}  // namespace hexad::compat

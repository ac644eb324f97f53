// Any bytes as what a SQL client sends: frames are refused or taken apart inside of their length,
// and their text is taken for words, PostgreSQL's statements and COPY's lines without harm.
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "compute/sql/copy.h"
#include "compute/sql/dialect.h"
#include "compute/sql/statement_words.h"
#include "compute/sql/wire.h"
#include "quorum/base/check.h"

namespace hexad::compute::sql {
namespace {

bool LiesIn(std::string_view part, std::string_view whole) {
  return part.empty() ||
         (part.data() >= whole.data() && part.data() + part.size() <= whole.data() + whole.size());
}

void TryStatement(std::string_view text) {
  const StatementWords words = WordsOf(text);
  INVARIANT(LiesIn(words.text, text));
  INVARIANT(EndOfStatement(text) <= text.size());
  for (const std::string_view token : TokensOf(text)) INVARIANT(LiesIn(token, text));
  const Translation translation = Translate(text);
  INVARIANT(translation.length <= text.size());
  if (translation.text.has_value()) {
    INVARIANT(!translation.refusal.has_value());
  }
}

void TryFrame(std::string_view frame) {
  const auto message = ParseMessage(frame);
  if (!message.ok()) return;
  if (const auto* query = std::get_if<Query>(&*message)) {
    INVARIANT(LiesIn(query->text, frame));
    TryStatement(query->text);
  } else if (const auto* bind = std::get_if<Bind>(&*message)) {
    INVARIANT(bind->values.size() <= kMaxParameters);
    for (const auto& value : bind->values) INVARIANT(!value.has_value() || LiesIn(*value, frame));
  } else if (const auto* parse = std::get_if<Parse>(&*message)) {
    TryStatement(parse->text);
  }
}

// A stream of frames, as a connection takes it: each is whole, or waited for, or its end.
void TryStream(std::string_view bytes) {
  while (!bytes.empty()) {
    const auto size = FrameSize(bytes);
    if (!size.ok() || !size->has_value() || **size > bytes.size()) return;
    INVARIANT(**size > 0);
    TryFrame(bytes.substr(0, **size));
    bytes.remove_prefix(**size);
  }
}

// However the bytes are cut, the rows are the same.
void TryCopy(const CopyFormat& format, std::string_view bytes) {
  std::vector<std::vector<CopyValue>> whole;
  std::vector<std::vector<CopyValue>> cut;
  const auto take = [](CopyReader& reader, std::vector<std::vector<CopyValue>>& rows) {
    for (std::vector<CopyValue> row;;) {
      const auto next = reader.Next(row);
      if (!next.ok()) return false;
      if (!*next) return true;
      rows.push_back(row);
    }
  };
  CopyReader first(format);
  first.Feed(bytes);
  first.Finish();
  const bool sound = take(first, whole);
  CopyReader second(format);
  bool still = true;
  for (size_t at = 0; at < bytes.size() && still; at += 3) {
    second.Feed(bytes.substr(at, 3));
    still = take(second, cut);
  }
  second.Finish();
  still = still && take(second, cut);
  INVARIANT(still == sound);
  INVARIANT(cut == whole);
}

void Fuzz(std::string_view bytes) {
  const auto first = FirstFrameSize(bytes);
  if (first.ok() && first->has_value() && **first <= bytes.size()) {
    (void)ParseFirst(bytes.substr(0, **first));  // refused or not: it must only not do harm
  }
  TryStream(bytes);
  TryStatement(bytes);
  (void)ParseCopy(bytes);
  TryCopy(CopyFormat{}, bytes);
  CopyFormat csv;
  csv.csv = true;
  csv.delimiter = ',';
  csv.null.clear();
  TryCopy(csv, bytes);
}

}  // namespace
}  // namespace hexad::compute::sql

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  hexad::compute::sql::Fuzz({reinterpret_cast<const char*>(data), size});
  return 0;
}

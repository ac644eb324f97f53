#include "compute/sql/tokens.h"

#include <algorithm>
#include <array>

#include "absl/strings/ascii.h"

namespace hexad::compute::sql {
namespace {

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool BeginsWord(char c) {
  return absl::ascii_isalpha(static_cast<unsigned char>(c)) || c == '_' || (c & 0x80) != 0;
}
bool IsWord(char c) { return BeginsWord(c) || IsDigit(c) || c == '$'; }
bool IsBlank(char c) { return absl::ascii_isspace(static_cast<unsigned char>(c)); }

}  // namespace

void Tokens::SkipBlanks() {
  while (at_ < sql_.size()) {
    const size_t before = at_;
    if (IsBlank(Peek())) {
      ++at_;
    } else if (Peek() == '-' && Peek(1) == '-') {
      at_ = std::min(sql_.find('\n', at_), sql_.size());
    } else if (Peek() == '/' && Peek(1) == '*') {
      const size_t end = sql_.find("*/", at_ + 2);
      at_ = end == std::string_view::npos ? sql_.size() : end + 2;
    }
    if (at_ == before) return;
    subscript_may_follow_ = false;
  }
}

TokenKind Tokens::KindAt() const {
  const char c = Peek();
  const char next = Peek(1);
  switch (c) {
    case '\'':
      return TokenKind::kString;
    case '"':
    case '`':
      return TokenKind::kName;
    case '[':
      return subscript_may_follow_ ? TokenKind::kSign : TokenKind::kName;
    case '?':
    case '$':
    case '@':
    case '#':
      return TokenKind::kParameter;
    case ':':
      return IsWord(next) ? TokenKind::kParameter : TokenKind::kSign;
    case '.':
      return IsDigit(next) ? TokenKind::kNumber : TokenKind::kSign;
    default:
      break;
  }
  if (next == '\'' && (c == 'e' || c == 'E')) return TokenKind::kEscapes;
  if (next == '\'' && (c == 'x' || c == 'X')) return TokenKind::kString;
  if (IsDigit(c)) return TokenKind::kNumber;
  return BeginsWord(c) ? TokenKind::kWord : TokenKind::kSign;
}

size_t Tokens::EndOfWord(size_t from) const {
  while (from < sql_.size() && IsWord(sql_[from])) ++from;
  return from;
}

// A quote inside is doubled, or follows a backslash where there are escapes.
size_t Tokens::EndOfQuoted(size_t from, char quote, bool escapes) const {
  for (size_t at = from; at < sql_.size(); ++at) {
    if (escapes && sql_[at] == '\\') {
      ++at;
    } else if (sql_[at] == quote) {
      if (at + 1 >= sql_.size() || sql_[at + 1] != quote || quote == ']') return at + 1;
      ++at;
    }
  }
  return sql_.size();
}

// $1 is PostgreSQL's and ends with its digits; the others end as they do for SQLite, which takes
// $a::b for one name.
size_t Tokens::LengthOfParameter() const {
  size_t end = at_ + 1;
  if (Peek() == '?' || (Peek() == '$' && IsDigit(Peek(1)))) {
    while (end < sql_.size() && IsDigit(sql_[end])) ++end;
    return end - at_;
  }
  for (;;) {
    end = EndOfWord(end);
    if (sql_.substr(end, 2) != "::" || end + 2 >= sql_.size() || !IsWord(sql_[end + 2])) break;
    end += 2;
  }
  return end - at_;
}

size_t Tokens::LengthOfSign() const {
  constexpr std::array<std::string_view, 8> kLong = {"!~*", "::", "~*", "!~",
                                                     "<>",  "!=", "<=", ">="};
  for (const std::string_view sign : kLong) {
    if (sql_.substr(at_).starts_with(sign)) return sign.size();
  }
  return 1;
}

size_t Tokens::LengthOf(TokenKind kind) const {
  switch (kind) {
    case TokenKind::kWord:
      return EndOfWord(at_) - at_;
    case TokenKind::kName:
      return EndOfQuoted(at_ + 1, Peek() == '[' ? ']' : Peek(), false) - at_;
    case TokenKind::kString:
      return EndOfQuoted(at_ + (Peek() == '\'' ? 1 : 2), '\'', false) - at_;
    case TokenKind::kEscapes:
      return EndOfQuoted(at_ + 2, '\'', true) - at_;
    case TokenKind::kParameter:
      return LengthOfParameter();
    case TokenKind::kSign:
      return LengthOfSign();
    case TokenKind::kNumber:
      break;
  }
  size_t end = at_;
  while (end < sql_.size() && (IsWord(sql_[end]) || sql_[end] == '.')) {
    const bool exponent = absl::ascii_tolower(static_cast<unsigned char>(sql_[end])) == 'e';
    const bool has_sign = end + 1 < sql_.size() && (sql_[end + 1] == '-' || sql_[end + 1] == '+');
    end += exponent && has_sign ? 2 : 1;
  }
  return end - at_;
}

std::optional<Token> Tokens::Next() {
  SkipBlanks();
  if (at_ >= sql_.size()) return std::nullopt;
  const TokenKind kind = KindAt();
  const Token token{kind, sql_.substr(at_, LengthOf(kind))};
  at_ += token.text.size();
  subscript_may_follow_ = kind == TokenKind::kWord || kind == TokenKind::kParameter ||
                          kind == TokenKind::kName || token.Is(")") || token.Is("]");
  return token;
}

}  // namespace hexad::compute::sql

// A statement's tokens as SQLite and PostgreSQL both see them, and where the two differ, as the
// dialect needs them: E'...' is one string, :: one sign, and a [ that follows a word without a
// blank is a subscript.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace hexad::compute::sql {

enum class TokenKind : uint8_t {
  kWord,
  kName,     // "quoted", `so` or [so]
  kString,   // 'so', x'00'
  kEscapes,  // E'so\n'
  kNumber,
  kParameter,  // $1, ?1, :name, @name
  kSign,       // one character, or :: ~* !~ !~* <> !=
};

struct Token {
  TokenKind kind = TokenKind::kSign;
  std::string_view text;  // points into the statement

  bool Is(std::string_view sign) const { return kind == TokenKind::kSign && text == sign; }
};

// Passes over a text once, whatever it holds: what has no end, ends with the text.
class Tokens {
 public:
  explicit Tokens(std::string_view sql) : sql_(sql) {}

  // The next one after blanks and comments; nothing at the end.
  std::optional<Token> Next();
  // Where the token that comes next may begin.
  size_t at() const { return at_; }

 private:
  TokenKind KindAt() const;
  size_t LengthOf(TokenKind kind) const;
  size_t LengthOfParameter() const;
  size_t LengthOfSign() const;
  size_t EndOfWord(size_t from) const;
  size_t EndOfQuoted(size_t from, char quote, bool escapes) const;
  void SkipBlanks();
  char Peek(size_t ahead = 0) const { return at_ + ahead < sql_.size() ? sql_[at_ + ahead] : '\0'; }

  const std::string_view sql_;
  size_t at_ = 0;
  bool subscript_may_follow_ = false;  // the last token ended just here, and may have elements
};

}  // namespace hexad::compute::sql

// A statement that is being changed, token by token: what is not touched stays byte for byte.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "compute/sql/tokens.h"

namespace hexad::compute::sql {

class EditedStatement {
 public:
  // The first statement of `sql`, up to its semicolon.
  explicit EditedStatement(std::string_view sql);

  size_t size() const { return tokens_.size(); }
  // Beyond the last one: an empty sign, before which something may be put.
  const Token& operator[](size_t i) const { return i < tokens_.size() ? tokens_[i] : end_; }
  // A word, in whatever letters.
  bool IsWord(size_t i, std::string_view word) const;
  // The word, or the quoted name, that stands there: "public" for public, PUBLIC and "public".
  bool IsName(size_t i, std::string_view name) const;
  // How long the statement is in what it was read from, without its semicolon.
  size_t length() const { return sql_.size(); }
  // Of a parenthesis or bracket, or of CASE and END; its own place if it has no other.
  size_t Matching(size_t i) const { return i < matching_.size() ? matching_[i] : i; }

  void Replace(size_t i, std::string text) { edits_[i].text = std::move(text); }
  void Drop(size_t i) { Replace(i, ""); }
  void DropFrom(size_t first, size_t end) {
    for (size_t i = first; i < end; ++i) Drop(i);
  }
  // What is put before a token last stands first, what is put behind it last stands last.
  void PutBefore(size_t i, std::string text) { edits_[i].before.push_back(std::move(text)); }
  void PutAfter(size_t i, std::string_view text) { edits_[i].after += text; }

  bool changed() const { return !edits_.empty(); }
  std::string Text() const;

 private:
  struct Edit {
    std::vector<std::string> before;
    std::optional<std::string> text;
    std::string after;
  };

  std::string_view sql_;
  std::vector<Token> tokens_;
  std::vector<size_t> matching_;
  std::map<size_t, Edit> edits_;
  Token end_;
};

// The name that a quoted one stands for; a word is its own.
std::string Unquoted(const Token& token);

}  // namespace hexad::compute::sql

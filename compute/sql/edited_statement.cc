#include "compute/sql/edited_statement.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "compute/sql/statement_words.h"

namespace hexad::compute::sql {

EditedStatement::EditedStatement(std::string_view sql) : sql_(sql) {
  Tokens tokens(sql);
  while (const auto token = tokens.Next()) {
    if (token->Is(";")) {
      sql_ = sql.substr(0, static_cast<size_t>(token->text.data() - sql.data()));
      break;
    }
    tokens_.push_back(*token);
  }
  end_.text = sql_.substr(sql_.size());
  std::vector<size_t> open;
  for (size_t i = 0; i < tokens_.size(); ++i) {
    const Token& token = tokens_[i];
    matching_.push_back(i);
    if (token.Is("(") || token.Is("[") || IsWord(i, "CASE")) open.push_back(i);
    if (open.empty()) continue;
    const Token& last = tokens_[open.back()];
    const bool closes = (token.Is(")") && last.Is("(")) || (token.Is("]") && last.Is("[")) ||
                        (IsWord(i, "END") && last.kind == TokenKind::kWord);
    if (!closes) continue;
    matching_[i] = open.back();
    matching_[open.back()] = i;
    open.pop_back();
  }
}

bool EditedStatement::IsWord(size_t i, std::string_view word) const {
  const Token& token = (*this)[i];
  return token.kind == TokenKind::kWord && SameWord(token.text, word);
}

bool EditedStatement::IsName(size_t i, std::string_view name) const {
  const Token& token = (*this)[i];
  if (token.kind == TokenKind::kWord) return SameWord(token.text, name);
  return token.kind == TokenKind::kName && token.text.size() == name.size() + 2 &&
         token.text.substr(1, name.size()) == name;
}

std::string EditedStatement::Text() const {
  std::string text;
  text.reserve(sql_.size() + 64);
  size_t copied = 0;
  for (const auto& [i, edit] : edits_) {
    const Token& token = (*this)[i];
    const auto begin = static_cast<size_t>(token.text.data() - sql_.data());
    text += sql_.substr(copied, begin - copied);
    std::for_each(edit.before.rbegin(), edit.before.rend(),
                  [&](const std::string& before) { text += before; });
    text += edit.text.has_value() ? std::string_view(*edit.text) : token.text;
    text += edit.after;
    copied = begin + token.text.size();
  }
  text += sql_.substr(copied);
  return text;
}

std::string Unquoted(const Token& token) {
  if (token.kind != TokenKind::kName && token.kind != TokenKind::kString) {
    return std::string(token.text);
  }
  if (token.text.size() < 2) return "";
  const char quote = token.text.back();
  std::string name;
  const std::string_view inside = token.text.substr(1, token.text.size() - 2);
  for (size_t i = 0; i < inside.size(); ++i) {
    name += inside[i];
    if (inside[i] == quote && quote != ']') ++i;
  }
  return name;
}

}  // namespace hexad::compute::sql

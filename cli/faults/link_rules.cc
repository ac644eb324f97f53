#include "cli/faults/link_rules.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace hexad::faults {
namespace {

using Words = std::vector<std::string>;

absl::Status NoSuchLine(const std::string& line) {
  return absl::InvalidArgumentError(absl::StrCat("not a line of a links file: '", line, "'"));
}

Words WordsOf(const std::string& line) { return absl::StrSplit(line, ' ', absl::SkipEmpty()); }

Words LinesOf(const std::string& text) { return absl::StrSplit(text, '\n', absl::SkipEmpty()); }

// False if the words are no rule.
bool TakeRule(const Words& words, LinkRules& rules) {
  if (words.size() == 2 && words[0] == "generation") {
    return absl::SimpleAtoi(words[1], &rules.generation);
  }
  if (words.size() == 3 && words[0] == "cut") {
    rules.rules[{words[1], words[2]}].cut = true;
    return true;
  }
  return words.size() == 4 && words[0] == "slow" &&
         absl::SimpleAtoi(words[3], &rules.rules[{words[1], words[2]}].delay_us);
}

}  // namespace

LinkRule LinkRules::Of(const std::string& from, const std::string& to) const {
  const auto found = rules.find({from, to});
  return found == rules.end() ? LinkRule() : found->second;
}

void LinkRules::Set(const Direction& direction, const LinkRule& rule) {
  if (rule == LinkRule()) {
    rules.erase(direction);
  } else {
    rules[direction] = rule;
  }
}

std::string FormatLinks(const std::vector<Link>& links) {
  std::string text;
  for (const Link& link : links) {
    absl::StrAppend(&text, "link ", link.from, " ", link.to, " ", link.listen, " ", link.target,
                    "\n");
  }
  return text;
}

std::string FormatRules(const LinkRules& rules) {
  std::string text = absl::StrCat("generation ", rules.generation, "\n");
  for (const auto& [direction, rule] : rules.rules) {
    const std::string ends = absl::StrCat(direction.first, " ", direction.second);
    if (rule.cut) absl::StrAppend(&text, "cut ", ends, "\n");
    if (rule.delay_us != 0) absl::StrAppend(&text, "slow ", ends, " ", rule.delay_us, "\n");
  }
  return text;
}

absl::StatusOr<std::vector<Link>> ParseLinks(const std::string& text) {
  std::vector<Link> links;
  for (const std::string& line : LinesOf(text)) {
    const Words words = WordsOf(line);
    if (words.size() != 5 || words[0] != "link") return NoSuchLine(line);
    links.push_back({.from = words[1], .to = words[2], .listen = words[3], .target = words[4]});
  }
  return links;
}

absl::StatusOr<LinkRules> ParseRules(const std::string& text) {
  LinkRules rules;
  for (const std::string& line : LinesOf(text)) {
    if (!TakeRule(WordsOf(line), rules)) return NoSuchLine(line);
  }
  return rules;
}

}  // namespace hexad::faults

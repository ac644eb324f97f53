// The links between the processes of a test cluster, and what is wrong with them now. Two small
// text files, written by the launcher and read by the relay (relay.h):
//
//   links    one link per line:   link n1 n3 127.7.0.1:7003 127.0.0.1:7003
//                                 (n1 reaches n3 by connecting to the first address)
//   rules    generation 7
//            cut n1 n3            nothing that n1 sends reaches n3, on whoever's connection
//            slow n3 n1 20000     what n3 sends to n1 arrives 20,000 us later
//
// A rule has a direction, so a one-way cut is one rule and a two-way cut two.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"

namespace hexad::faults {

struct Link {
  std::string from;    // the process that connects
  std::string to;      // the process that is connected to
  std::string listen;  // IPv4:PORT where the relay waits for `from`
  std::string target;  // IPv4:PORT of `to`
  friend bool operator==(const Link&, const Link&) = default;
};

struct LinkRule {
  bool cut = false;
  uint64_t delay_us = 0;
  friend bool operator==(const LinkRule&, const LinkRule&) = default;
};

// From whom to whom bytes travel.
using Direction = std::pair<std::string, std::string>;

struct LinkRules {
  uint64_t generation = 0;  // rises with every change: who applied it can be asked
  std::map<Direction, LinkRule> rules = {};

  LinkRule Of(const std::string& from, const std::string& to) const;
  // Forgets a direction that is neither cut nor slow.
  void Set(const Direction& direction, const LinkRule& rule);
};

std::string FormatLinks(const std::vector<Link>& links);
std::string FormatRules(const LinkRules& rules);
// INVALID_ARGUMENT names the line that is none.
absl::StatusOr<std::vector<Link>> ParseLinks(const std::string& text);
absl::StatusOr<LinkRules> ParseRules(const std::string& text);

}  // namespace hexad::faults

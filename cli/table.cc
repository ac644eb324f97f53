#include "cli/table.h"

#include <algorithm>

#include "quorum/base/check.h"

namespace hexad::cli {
namespace {

std::string Padded(const std::string& text, size_t width, Align align) {
  const std::string spaces(width - std::min(width, text.size()), ' ');
  return align == Align::kLeft ? text + spaces : spaces + text;
}

}  // namespace

std::string Paint(const std::string& text, Colour colour, bool enabled) {
  if (!enabled) return text;
  switch (colour) {
    case Colour::kNone:
      return text;
    case Colour::kGood:
      return "\033[32m" + text + "\033[0m";
    case Colour::kWarning:
      return "\033[33m" + text + "\033[0m";
    case Colour::kBad:
      return "\033[31m" + text + "\033[0m";
    case Colour::kDim:
      return "\033[2m" + text + "\033[0m";
  }
  return text;
}

void Table::AddRow(std::vector<Cell> row) {
  INVARIANT(row.size() == columns_.size());
  rows_.push_back(std::move(row));
}

void Table::Print(std::ostream& out, bool colour) const {
  std::vector<size_t> widths;
  for (size_t c = 0; c < columns_.size(); ++c) {
    size_t width = columns_[c].title.size();
    for (const auto& row : rows_) width = std::max(width, row[c].text.size());
    widths.push_back(width);
  }
  const auto print = [&](const auto& text_of, const auto& colour_of) {
    out << " ";
    for (size_t c = 0; c < columns_.size(); ++c) {
      std::string cell = Padded(text_of(c), widths[c], columns_[c].align);
      if (c + 1 == columns_.size()) cell.erase(cell.find_last_not_of(' ') + 1);
      if (cell.empty()) break;  // only the last one can be: lines end clean
      out << (c == 0 ? " " : "  ") << Paint(cell, colour_of(c), colour);
    }
    out << "\n";
  };
  print([&](size_t c) { return columns_[c].title; }, [](size_t) { return Colour::kDim; });
  for (const auto& row : rows_) {
    print([&](size_t c) { return row[c].text; }, [&](size_t c) { return row[c].colour; });
  }
}

}  // namespace hexad::cli

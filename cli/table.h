// A table for people: columns as wide as their widest cell, numbers to the right, colour only on a
// terminal.
#pragma once

#include <ostream>
#include <string>
#include <vector>

namespace hexad::cli {

enum class Align { kLeft, kRight };
enum class Colour { kNone, kGood, kWarning, kBad, kDim };

// "\033[31m" ... around the text if `enabled`.
std::string Paint(const std::string& text, Colour colour, bool enabled);

struct Cell {
  Cell(std::string text, Colour colour = Colour::kNone)  // NOLINT(google-explicit-constructor)
      : text(std::move(text)), colour(colour) {}
  Cell(const char* text) : text(text) {}  // NOLINT(google-explicit-constructor)
  std::string text;
  Colour colour = Colour::kNone;
};

struct Column {
  std::string title;
  Align align = Align::kLeft;
};

class Table {
 public:
  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}
  // REQUIRES: one cell per column.
  void AddRow(std::vector<Cell> row);
  bool empty() const { return rows_.empty(); }
  // Each line starts with two spaces and ends without any.
  void Print(std::ostream& out, bool colour) const;

 private:
  std::vector<Column> columns_;
  std::vector<std::vector<Cell>> rows_;
};

}  // namespace hexad::cli

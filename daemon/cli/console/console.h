#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace faultline::cli {

// How output for people looks. Plain, unless it goes to a terminal.
struct Style {
  size_t width = 80;    // columns
  bool colour = false;  // ANSI colours
};

// The width from $COLUMNS or the terminal on standard output; colours unless $NO_COLOR is set or
// standard output is not a terminal.
Style TerminalStyle();

enum class Colour : uint8_t { kRed, kYellow, kGreen, kDim, kBold };

// The text in the colour, if the style has colours.
std::string Paint(const Style& style, Colour colour, std::string_view text);

// Untrusted text, made safe for a terminal and on one line: unsafe characters (base/characters.h)
// are shown as escapes such as \x1b.
std::string Printable(std::string_view text);

// The columns that printable text takes on a terminal: 0 for combining marks, 2 for wide
// characters, 1 for others.
size_t DisplayWidth(std::string_view text);

// Printable text of at most `width` columns; longer text is cut and ends with "…".
std::string Cut(std::string_view text, size_t width);
// The same, padded with spaces to `width`.
std::string Fit(std::string_view text, size_t width);

// Printable text broken at spaces into lines of at most `width` columns, each after `indent` and
// with a line end.
std::string Wrap(std::string_view text, size_t width, std::string_view indent);

// 1234567 as "1 234 567".
std::string Grouped(uint64_t number);
// In about 4 digits; "-" for NaN.
std::string Short(double number);
// 1536 as "1.5 KiB".
std::string ShortBytes(uint64_t bytes);
// Nanoseconds since 1970 as "2026-01-31 12:34:56Z"; "-" for 0.
std::string TimeText(int64_t ns);

// One cell of a grid: printable text, and a short form for narrow columns.
struct Cell {
  Cell(std::string cell_text,  // NOLINT(google-explicit-constructor): a cell is text
       std::optional<Colour> cell_colour = std::nullopt)
      : text(std::move(cell_text)), colour(cell_colour) {}
  Cell(const char* cell_text) : text(cell_text) {}  // NOLINT(google-explicit-constructor)
  std::string text;
  std::optional<Colour> colour;
  std::string brief;  // empty: the text is cut
};

// TimeText, which a narrow column shows to the minute.
Cell TimeCell(int64_t ns);

// Rows of cells, each column as wide as its widest cell, two spaces between. If they do not fit the
// style's width, the last column gives way first, then the widest one, and at last the columns of
// cells that have a brief form, down to that and never below; the first `whole` columns never do.
class Grid {
 public:
  explicit Grid(std::vector<Cell> header, size_t whole = 0)
      : whole_(whole), rows_{std::move(header)} {}
  // As many cells as the header has.
  void Add(std::vector<Cell> cells) { rows_.push_back(std::move(cells)); }
  std::string Text(const Style& style) const;

 private:
  std::vector<size_t> Widths(size_t room) const;
  // The widest brief form of each column, 0 without any.
  std::vector<size_t> BriefWidths() const;

  size_t whole_;
  std::vector<std::vector<Cell>> rows_;
};

}  // namespace faultline::cli

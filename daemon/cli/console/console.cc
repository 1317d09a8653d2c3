#include "daemon/cli/console/console.h"

#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <ctime>

#include "base/characters.h"
#include "base/escape.h"

namespace faultline::cli {
namespace {

constexpr size_t kWidthMin = 40;
constexpr size_t kWidthMax = 200;
constexpr size_t kGap = 2;  // between the columns of a grid

struct CodeRange {
  uint32_t first;
  uint32_t last;
};

constexpr CodeRange kCombining[] = {{0x300, 0x36f},   {0x483, 0x489},   {0x591, 0x5bd},
                                    {0x610, 0x61a},   {0x64b, 0x65f},   {0x1ab0, 0x1aff},
                                    {0x1dc0, 0x1dff}, {0x200b, 0x200d}, {0x20d0, 0x20ff},
                                    {0xfe00, 0xfe0f}, {0xfe20, 0xfe2f}};
constexpr CodeRange kWide[] = {{0x1100, 0x115f},   {0x2e80, 0x303e},  {0x3041, 0xa4cf},
                               {0xac00, 0xd7a3},   {0xf900, 0xfaff},  {0xfe30, 0xfe4f},
                               {0xff00, 0xff60},   {0xffe0, 0xffe6},  {0x1f300, 0x1f64f},
                               {0x1f900, 0x1f9ff}, {0x20000, 0x3fffd}};

template <size_t kSize>
bool In(uint32_t code, const CodeRange (&ranges)[kSize]) {
  return std::any_of(std::begin(ranges), std::end(ranges),
                     [&](const CodeRange& r) { return r.first <= code && code <= r.last; });
}

size_t WidthOf(uint32_t code) {
  if (In(code, kCombining)) return 0;
  return In(code, kWide) ? 2 : 1;
}

const char* CodeOf(Colour colour) {
  switch (colour) {
    case Colour::kRed:
      return "\x1b[31m";
    case Colour::kYellow:
      return "\x1b[33m";
    case Colour::kGreen:
      return "\x1b[32m";
    case Colour::kDim:
      return "\x1b[2m";
    case Colour::kBold:
      return "\x1b[1m";
  }
  return "";
}

}  // namespace

Style TerminalStyle() {
  Style style;
  const bool terminal = isatty(STDOUT_FILENO) != 0;
  const char* no_colour = std::getenv("NO_COLOR");
  const char* kind = std::getenv("TERM");
  style.colour = terminal && (no_colour == nullptr || *no_colour == '\0') &&
                 (kind == nullptr || std::string_view(kind) != "dumb");
  size_t width = 0;
  if (const char* columns = std::getenv("COLUMNS"); columns != nullptr) {
    width = std::strtoul(columns, nullptr, 10);
  }
  winsize size{};
  if (width == 0 && terminal && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0) width = size.ws_col;
  if (width != 0) style.width = std::clamp(width, kWidthMin, kWidthMax);
  return style;
}

std::string Paint(const Style& style, Colour colour, std::string_view text) {
  if (!style.colour) return std::string(text);
  return CodeOf(colour) + std::string(text) + "\x1b[0m";
}

std::string Printable(std::string_view text) { return Escaped(text); }

size_t DisplayWidth(std::string_view text) {
  size_t width = 0;
  while (!text.empty()) {
    width += WidthOf(TakeCharacter(&text).code);
  }
  return width;
}

std::string Cut(std::string_view text, size_t width) {
  if (DisplayWidth(text) <= width) return std::string(text);
  if (width == 0) return "";
  std::string out;
  size_t used = 1;  // the ellipsis
  while (!text.empty()) {
    const Character character = TakeCharacter(&text);
    used += WidthOf(character.code);
    if (used > width) break;
    out += character.bytes;
  }
  return out + "…";
}

std::string Fit(std::string_view text, size_t width) {
  std::string out = Cut(text, width);
  out.append(width - std::min(width, DisplayWidth(out)), ' ');
  return out;
}

std::string Wrap(std::string_view text, size_t width, std::string_view indent) {
  const size_t room = width > indent.size() + 10 ? width - indent.size() : 10;
  std::string out;
  std::string line;
  const auto end_line = [&] {
    out += std::string(indent) + line + "\n";
    line.clear();
  };
  while (!text.empty()) {
    const size_t end = std::min(text.find(' '), text.size());
    const std::string_view word = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (word.empty()) continue;
    if (!line.empty() && DisplayWidth(line) + 1 + DisplayWidth(word) > room) end_line();
    if (!line.empty()) line += ' ';
    line += word;
  }
  if (!line.empty()) end_line();
  return out;
}

std::string Grouped(uint64_t number) {
  const std::string digits = absl::StrCat(number);
  std::string out;
  for (size_t i = 0; i < digits.size(); ++i) {
    if (i > 0 && (digits.size() - i) % 3 == 0) out += ' ';
    out += digits[i];
  }
  return out;
}

std::string Short(double number) {
  if (std::isnan(number)) return "-";
  return absl::StrFormat("%.4g", number);
}

std::string ShortBytes(uint64_t bytes) {
  constexpr std::array kUnits = {"B", "KiB", "MiB", "GiB", "TiB"};
  auto value = static_cast<double>(bytes);
  size_t unit = 0;
  while (value >= 1024 && unit + 1 < kUnits.size()) {
    value /= 1024;
    ++unit;
  }
  return absl::StrFormat("%.*f %s", unit == 0 ? 0 : 1, value, kUnits[unit]);
}

std::string TimeText(int64_t ns) {
  if (ns == 0) return "-";
  const time_t seconds = ns / 1'000'000'000 - (ns % 1'000'000'000 < 0 ? 1 : 0);
  tm utc{};
  gmtime_r(&seconds, &utc);
  return absl::StrFormat("%04d-%02d-%02d %02d:%02d:%02dZ", utc.tm_year + 1900, utc.tm_mon + 1,
                         utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec);
}

Cell TimeCell(int64_t ns) {
  Cell cell(TimeText(ns));
  constexpr size_t kToTheMinute = 16;  // "2026-01-31 12:34"
  if (ns != 0) cell.brief = cell.text.substr(0, kToTheMinute) + "Z";
  return cell;
}

std::vector<size_t> Grid::BriefWidths() const {
  std::vector<size_t> widths(rows_[0].size());
  for (const auto& row : rows_) {
    for (size_t i = 0; i < row.size(); ++i) {
      widths[i] = std::max(widths[i], DisplayWidth(row[i].brief));
    }
  }
  return widths;
}

std::vector<size_t> Grid::Widths(size_t room) const {
  constexpr size_t kWidthLast = 16;
  constexpr size_t kWidthLeast = 8;
  const std::vector<size_t> briefs = BriefWidths();
  std::vector<size_t> widths(briefs.size());
  for (const auto& row : rows_) {
    for (size_t i = 0; i < row.size(); ++i) {
      widths[i] = std::max(widths[i], DisplayWidth(row[i].text));
    }
  }
  size_t total = kGap * (widths.size() - 1);
  for (const size_t width : widths) total += width;
  const auto narrow = [&](size_t column, size_t least) {
    const size_t wanted = total - std::min(total, room);
    const size_t less = std::min(wanted, widths[column] - std::min(widths[column], least));
    widths[column] -= less;
    total -= less;
  };
  // By one at a time, so that columns of about the same width stay so.
  const auto narrow_widest = [&](bool briefly) {
    while (total > room) {
      size_t widest = widths.size();
      for (size_t i = whole_; i < widths.size(); ++i) {
        const size_t least = briefly ? briefs[i] : kWidthLeast;
        if ((briefs[i] > 0) != briefly || widths[i] <= least) continue;
        if (widest == widths.size() || widths[i] > widths[widest]) widest = i;
      }
      if (widest == widths.size()) return;
      narrow(widest, widths[widest] - 1);
    }
  };
  if (briefs.back() == 0) narrow(widths.size() - 1, kWidthLast);
  narrow_widest(false);
  narrow_widest(true);
  return widths;
}

std::string Grid::Text(const Style& style) const {
  const std::vector<size_t> widths = Widths(style.width);
  std::string out;
  for (size_t r = 0; r < rows_.size(); ++r) {
    std::string line;
    for (size_t i = 0; i < rows_[r].size(); ++i) {
      const Cell& cell = rows_[r][i];
      const bool last = i + 1 == rows_[r].size();
      const bool briefly = !cell.brief.empty() && DisplayWidth(cell.text) > widths[i];
      const std::string& whole = briefly ? cell.brief : cell.text;
      const std::string text =
          last ? Cut(whole, widths[i]) : Fit(whole, widths[i]) + std::string(kGap, ' ');
      if (r == 0) {
        line += Paint(style, Colour::kDim, text);
      } else {
        line += cell.colour ? Paint(style, *cell.colour, text) : text;
      }
    }
    while (!line.empty() && line.back() == ' ') line.pop_back();
    out += line + "\n";
  }
  return out;
}

}  // namespace faultline::cli

#include "daemon/cli/console/plot.h"

#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

namespace faultline::cli {
namespace {

constexpr std::array kBlocks = {" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
constexpr std::array kEighths = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
constexpr std::string_view kIndent = "    ";
constexpr size_t kSideWidth = 11;  // "reference  "
constexpr size_t kCategoriesMax = 8;
constexpr size_t kCategoriesMin = 3;
constexpr double kDifferenceMin = 0.01;  // of shares, to be shown beyond kCategoriesMin
constexpr size_t kPercentWidth = 7;
constexpr size_t kLabelWidth = 20;

std::string Percent(double share) { return absl::StrFormat("%5.1f %%", share * 100); }

std::string Line(std::string_view side, std::string_view rest) {
  return absl::StrCat(std::string(kIndent), Fit(side, kSideWidth), std::string(rest), "\n");
}

std::string BlocksLine(const char* side, const std::vector<double>& shares, const Style& style,
                       bool paint) {
  const double most = *std::max_element(shares.begin(), shares.end());
  const std::string blocks = Blocks(shares, most);
  return Line(side,
              "│" + (paint ? Paint(style, Colour::kYellow, blocks) : blocks) + "│" + Percent(most));
}

std::string AxisLine(const std::string& low, const std::string& high, const char* middle,
                     size_t columns) {
  if (columns == 1) return Line("", " " + low);
  const size_t used = DisplayWidth(low) + DisplayWidth(middle) + DisplayWidth(high);
  const size_t room = columns > used + 1 ? columns - used : 2;
  return Line("", " " + low + std::string(room / 2, ' ') + middle +
                      std::string(room - room / 2, ' ') + high);
}

std::string PlotBins(std::vector<NumberBin> bins, const Style& style) {
  constexpr size_t kColumnsMax = 60;
  const size_t room = style.width - kIndent.size() - kSideWidth - kPercentWidth - 2;
  const Histogram drawn = DrawHistogram(std::move(bins), std::min(kColumnsMax, room));
  return BlocksLine("reference", drawn.reference, style, false) +
         BlocksLine("window", drawn.window, style, true) +
         AxisLine((drawn.low_cut ? "≤ " : "") + Short(drawn.low),
                  (drawn.high_cut ? "≥ " : "") + Short(drawn.high), drawn.by_bin ? "(by bin)" : "",
                  drawn.reference.size());
}

std::string PlotBars(std::vector<ShareCell> cells, const Style& style) {
  SortByDifference(&cells);
  size_t shown = std::min(cells.size(), kCategoriesMax);
  while (shown > kCategoriesMin && cells[shown - 1].difference() < kDifferenceMin) --shown;
  const size_t left_out = cells.size() - shown;
  cells.resize(shown);
  const size_t width =
      std::min<size_t>(40, style.width - kIndent.size() - kLabelWidth - kSideWidth - 10);
  double most = 0;
  for (const ShareCell& cell : cells) most = std::max({most, cell.reference, cell.window});
  const auto line = [&](std::string_view label, std::string_view side, double share, bool paint) {
    const std::string bar = Bar(most > 0 ? share / most : 0, width);
    return absl::StrCat(std::string(kIndent), Fit(label, kLabelWidth), Fit(side, kSideWidth),
                        Percent(share), bar.empty() ? "" : " ",
                        paint ? Paint(style, Colour::kYellow, bar) : bar, "\n");
  };
  std::string out;
  for (const ShareCell& cell : cells) {
    out += line(Printable(cell.label), "reference", cell.reference, false);
    out += line("", "window", cell.window, true);
  }
  if (left_out > 0) {
    absl::StrAppend(&out, std::string(kIndent), "and ", left_out, " less changed ones\n");
  }
  return out;
}

std::string Heading(const SignalView& view, const Style& style) {
  const auto side = [](const char* name, uint64_t rows, const std::optional<double>& mean) {
    std::string text = absl::StrCat(name, " ", Grouped(rows), " rows");
    if (mean) absl::StrAppend(&text, ", mean ", Short(*mean));
    return text;
  };
  return absl::StrCat("  ",
                      Paint(style, Colour::kBold, Cut(Printable(view.signal), style.width - 4)),
                      "\n", std::string(kIndent),
                      Paint(style, Colour::kDim,
                            side("reference", view.reference_rows, view.reference_mean) + "; " +
                                side("window", view.window_rows, view.window_mean)),
                      "\n");
}

}  // namespace

std::string Blocks(std::span<const double> values, double most) {
  std::string out;
  for (const double value : values) {
    size_t level = 0;
    if (value > 0 && most > 0) {
      level = static_cast<size_t>(std::ceil(std::min(value / most, 1.0) * 8));
    }
    out += kBlocks[level];
  }
  return out;
}

std::string Bar(double share, size_t width) {
  if (!(share > 0)) return "";
  const double eighths = std::min(share, 1.0) * static_cast<double>(width) * 8;
  const auto whole = std::max<size_t>(static_cast<size_t>(std::lround(eighths)), 1);
  std::string out;
  for (size_t i = 0; i < whole / 8; ++i) out += "█";
  return out + kEighths[whole % 8];
}

std::string PlotSignal(const SignalView& view, const Style& style) {
  std::string out = Heading(view, style);
  if (!view.bins.empty()) {
    out += PlotBins(view.bins, style);
    return view.special.empty() ? out : out + PlotBars(view.special, style);
  }
  std::vector<ShareCell> cells = view.cells;
  cells.insert(cells.end(), view.special.begin(), view.special.end());
  return cells.empty() ? out : out + PlotBars(std::move(cells), style);
}

}  // namespace faultline::cli

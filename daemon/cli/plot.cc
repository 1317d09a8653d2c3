#include "daemon/cli/plot.h"

#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <string_view>
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

bool IsSpecial(const v1::DistributionCell& cell) {
  return cell.label().starts_with('(') && cell.label().ends_with(')');
}

double Difference(const v1::DistributionCell& cell) {
  return std::fabs(cell.window_share() - cell.reference_share());
}

std::string Percent(double share) { return absl::StrFormat("%5.1f %%", share * 100); }

// A histogram's cell with its place on the axis.
struct Bin {
  double low = 0;
  double high = 0;
  double reference = 0;
  double window = 0;
};

// "low .. high", or one value.
bool ReadBin(const v1::DistributionCell& cell, Bin* bin) {
  char* end = nullptr;
  bin->low = std::strtod(cell.label().c_str(), &end);
  if (end == cell.label().c_str()) return false;
  bin->high = bin->low;
  constexpr std::string_view kDots = " .. ";
  if (std::string_view(end).starts_with(kDots)) {
    bin->high = std::strtod(end + kDots.size(), &end);
  }
  bin->reference = cell.reference_share();
  bin->window = cell.window_share();
  return *end == '\0' && std::isfinite(bin->low) && std::isfinite(bin->high) &&
         bin->low <= bin->high;
}

// The part of the axis that is drawn. Bins in the tails that would take more than a quarter of it
// are left to its ends.
struct Axis {
  double low = 0;
  double high = 0;
  bool low_cut = false;
  bool high_cut = false;
};

Axis ChooseAxis(const std::vector<Bin>& bins) {
  size_t first = 0;
  size_t last = bins.size() - 1;
  const auto too_wide = [&](size_t bin) {
    return bins[bin].high - bins[bin].low > (bins[last].high - bins[first].low) / 4;
  };
  const size_t most = bins.size() / 6;
  while (first < most && too_wide(first)) ++first;
  while (bins.size() - 1 - last < most && too_wide(last)) --last;
  return {bins[first].low, bins[last].high, first > 0, last + 1 < bins.size()};
}

// Spreads each bin's share evenly over the columns that it covers.
std::vector<double> Spread(const std::vector<Bin>& bins, double Bin::*share, const Axis& axis,
                           size_t columns) {
  std::vector<double> out(columns);
  const double step = (axis.high - axis.low) / static_cast<double>(columns);
  const auto column_of = [&](double x) {
    const double at = step > 0 ? (x - axis.low) / step : 0;
    return std::clamp(at, 0.0, static_cast<double>(columns));
  };
  for (const Bin& bin : bins) {
    const double from = column_of(bin.low);
    const double to = column_of(bin.high);
    const auto first = std::min(static_cast<size_t>(from), columns - 1);
    if (to <= from) {
      out[first] += bin.*share;
      continue;
    }
    for (size_t i = first; i < columns && static_cast<double>(i) < to; ++i) {
      const double covered =
          std::min(to, static_cast<double>(i + 1)) - std::max(from, static_cast<double>(i));
      out[i] += bin.*share * covered / (to - from);
    }
  }
  return out;
}

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

std::string PlotBins(std::vector<Bin> bins, const Style& style) {
  constexpr size_t kColumnsMax = 60;
  // A reference with so much of itself in one column has no shape on a straight axis.
  constexpr double kSkewed = 0.4;
  constexpr size_t kBinsSkewed = 10;
  Axis axis = ChooseAxis(bins);
  const std::string low = (axis.low_cut ? "≤ " : "") + Short(axis.low);
  const std::string high = (axis.high_cut ? "≥ " : "") + Short(axis.high);
  const size_t room = style.width - kIndent.size() - kSideWidth - kPercentWidth - 2;
  size_t columns = axis.high > axis.low ? std::min(kColumnsMax, room) : 1;
  std::vector<double> reference = Spread(bins, &Bin::reference, axis, columns);
  const char* middle = "";
  if (bins.size() >= kBinsSkewed &&
      *std::max_element(reference.begin(), reference.end()) > kSkewed) {
    middle = "(by bin)";
    for (size_t i = 0; i < bins.size(); ++i) {
      bins[i].low = static_cast<double>(i);
      bins[i].high = static_cast<double>(i + 1);
    }
    axis = {0, static_cast<double>(bins.size()), false, false};
    columns = std::min(bins.size(), room);
    reference = Spread(bins, &Bin::reference, axis, columns);
  }
  return BlocksLine("reference", reference, style, false) +
         BlocksLine("window", Spread(bins, &Bin::window, axis, columns), style, true) +
         AxisLine(low, high, middle, columns);
}

std::string PlotBars(std::vector<const v1::DistributionCell*> cells, const Style& style) {
  std::stable_sort(cells.begin(), cells.end(),
                   [](const auto* a, const auto* b) { return Difference(*a) > Difference(*b); });
  size_t shown = std::min(cells.size(), kCategoriesMax);
  while (shown > kCategoriesMin && Difference(*cells[shown - 1]) < kDifferenceMin) --shown;
  const size_t left_out = cells.size() - shown;
  cells.resize(shown);
  const size_t width =
      std::min<size_t>(40, style.width - kIndent.size() - kLabelWidth - kSideWidth - 10);
  double most = 0;
  for (const auto* cell : cells) {
    most = std::max({most, cell->reference_share(), cell->window_share()});
  }
  const auto line = [&](std::string_view label, std::string_view side, double share, bool paint) {
    const std::string bar = Bar(most > 0 ? share / most : 0, width);
    return absl::StrCat(std::string(kIndent), Fit(label, kLabelWidth), Fit(side, kSideWidth),
                        Percent(share), bar.empty() ? "" : " ",
                        paint ? Paint(style, Colour::kYellow, bar) : bar, "\n");
  };
  std::string out;
  for (const auto* cell : cells) {
    out += line(Printable(cell->label()), "reference", cell->reference_share(), false);
    out += line("", "window", cell->window_share(), true);
  }
  if (left_out > 0) {
    absl::StrAppend(&out, std::string(kIndent), "and ", left_out, " less changed ones\n");
  }
  return out;
}

std::string Heading(const v1::SignalEvidence& evidence, const Style& style) {
  const auto side = [](const char* name, uint64_t rows, bool has_mean, double mean) {
    std::string text = absl::StrCat(name, " ", Grouped(rows), " rows");
    if (has_mean) absl::StrAppend(&text, ", mean ", Short(mean));
    return text;
  };
  return absl::StrCat(
      "  ", Paint(style, Colour::kBold, Cut(Printable(evidence.signal()), style.width - 4)), "\n",
      std::string(kIndent),
      Paint(style, Colour::kDim,
            side("reference", evidence.reference_rows(), evidence.has_reference_mean(),
                 evidence.reference_mean()) +
                "; " +
                side("window", evidence.window_rows(), evidence.has_window_mean(),
                     evidence.window_mean())),
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

std::string PlotEvidence(const v1::SignalEvidence& evidence, const Style& style) {
  std::vector<const v1::DistributionCell*> cells;
  std::vector<const v1::DistributionCell*> special;
  for (const v1::DistributionCell& cell : evidence.cells()) {
    if (!IsSpecial(cell)) {
      cells.push_back(&cell);
    } else if (cell.reference_share() > 0 || cell.window_share() > 0) {
      special.push_back(&cell);
    }
  }
  std::string out = Heading(evidence, style);
  std::vector<Bin> bins(cells.size());
  bool number = !cells.empty() && (evidence.has_reference_mean() || evidence.has_window_mean());
  for (size_t i = 0; i < bins.size(); ++i) {
    number = number && ReadBin(*cells[i], &bins[i]) && (i == 0 || bins[i].low >= bins[i - 1].low);
  }
  if (number) {
    out += PlotBins(bins, style);
    if (!special.empty()) out += PlotBars(special, style);
    return out;
  }
  cells.insert(cells.end(), special.begin(), special.end());
  return cells.empty() ? out : out + PlotBars(cells, style);
}

}  // namespace faultline::cli

#include "daemon/cli/plot.h"

#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <string_view>
#include <vector>

namespace faultline::cli {
namespace {

constexpr std::array kBlocks = {" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
constexpr std::array kEighths = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
constexpr std::string_view kIndent = "    ";
constexpr size_t kSideWidth = 11;  // "reference  "
constexpr size_t kCategoriesMax = 8;
constexpr size_t kLabelWidth = 20;

bool IsSpecial(const v1::DistributionCell& cell) {
  return cell.label().starts_with('(') && cell.label().ends_with(')');
}

double Difference(const v1::DistributionCell& cell) {
  return std::fabs(cell.window_share() - cell.reference_share());
}

std::string Percent(double share) { return absl::StrFormat("%5.1f %%", share * 100); }

// Sums neighbours until at most `columns` are left.
std::vector<double> Narrow(const std::vector<double>& values, size_t columns) {
  const size_t each = (values.size() + columns - 1) / columns;
  if (each <= 1) return values;
  std::vector<double> out((values.size() + each - 1) / each);
  for (size_t i = 0; i < values.size(); ++i) out[i / each] += values[i];
  return out;
}

std::string Line(std::string_view side, std::string_view rest) {
  return absl::StrCat(std::string(kIndent), Fit(side, kSideWidth), std::string(rest), "\n");
}

// "low" of "low .. high", or the "high".
std::string Edge(const std::string& label, bool low) {
  const size_t dots = label.find(" .. ");
  if (dots == std::string::npos) return label;
  return low ? label.substr(0, dots) : label.substr(dots + 4);
}

std::string PlotBins(const std::vector<const v1::DistributionCell*>& cells, const Style& style) {
  std::vector<double> reference;
  std::vector<double> window;
  for (const v1::DistributionCell* cell : cells) {
    reference.push_back(cell->reference_share());
    window.push_back(cell->window_share());
  }
  const size_t columns = style.width - kIndent.size() - kSideWidth - 2;
  reference = Narrow(reference, columns);
  window = Narrow(window, columns);
  const double most = std::max(*std::max_element(reference.begin(), reference.end()),
                               *std::max_element(window.begin(), window.end()));
  std::string out = Line("reference", "│" + Blocks(reference, most) + "│");
  out += Line("window", "│" + Paint(style, Colour::kYellow, Blocks(window, most)) + "│");
  const std::string low = Printable(Edge(cells.front()->label(), true));
  const std::string high = Printable(Edge(cells.back()->label(), false));
  const size_t used = DisplayWidth(low) + DisplayWidth(high);
  const size_t gap = reference.size() > used + 1 ? reference.size() - used : 1;
  if (cells.size() == 1) return out + Line("", " " + low);
  return out + Line("", " " + low + std::string(gap, ' ') + high);
}

std::string PlotBars(std::vector<const v1::DistributionCell*> cells, const Style& style) {
  std::stable_sort(cells.begin(), cells.end(),
                   [](const auto* a, const auto* b) { return Difference(*a) > Difference(*b); });
  const size_t left_out = cells.size() - std::min(cells.size(), kCategoriesMax);
  cells.resize(cells.size() - left_out);
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
  const bool number = evidence.has_reference_mean() || evidence.has_window_mean();
  if (number && !cells.empty()) {
    out += PlotBins(cells, style);
    if (!special.empty()) out += PlotBars(special, style);
    return out;
  }
  cells.insert(cells.end(), special.begin(), special.end());
  return cells.empty() ? out : out + PlotBars(cells, style);
}

}  // namespace faultline::cli

#include "daemon/edge/report/signal_view.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <string_view>
#include <utility>

namespace faultline {
namespace {

bool IsSpecial(std::string_view label) { return label.starts_with('(') && label.ends_with(')'); }

// "low .. high", or one value.
bool ReadRange(const std::string& label, NumberBin* bin) {
  char* end = nullptr;
  bin->low = std::strtod(label.c_str(), &end);
  if (end == label.c_str()) return false;
  bin->high = bin->low;
  constexpr std::string_view kDots = " .. ";
  if (std::string_view(end).starts_with(kDots)) {
    bin->high = std::strtod(end + kDots.size(), &end);
  }
  return *end == '\0';
}

bool IsRange(const NumberBin& bin) {
  return std::isfinite(bin.low) && std::isfinite(bin.high) && bin.low <= bin.high;
}

double Share(uint64_t count, uint64_t rows) {
  return rows == 0 ? 0 : static_cast<double>(count) / static_cast<double>(rows);
}

// Bins if all ordinary cells are ascending ranges, else cells.
void Sort(std::vector<ShareCell> all, std::vector<NumberBin> ranges, bool numbers,
          SignalView* view) {
  for (size_t i = 0; i < all.size(); ++i) {
    if (IsSpecial(all[i].label)) {
      if (all[i].reference > 0 || all[i].window > 0) view->special.push_back(std::move(all[i]));
      continue;
    }
    ranges[i].reference = all[i].reference;
    ranges[i].window = all[i].window;
    numbers = numbers && IsRange(ranges[i]) &&
              (view->bins.empty() || ranges[i].low >= view->bins.back().low);
    view->bins.push_back(ranges[i]);
    view->cells.push_back(std::move(all[i]));
  }
  if (numbers) {
    view->cells.clear();
  } else {
    view->bins.clear();
  }
}

struct Axis {
  double low = 0;
  double high = 0;
  bool low_cut = false;
  bool high_cut = false;
};

Axis ChooseAxis(const std::vector<NumberBin>& bins) {
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
std::vector<double> Spread(const std::vector<NumberBin>& bins, double NumberBin::*share,
                           const Axis& axis, size_t columns) {
  std::vector<double> out(columns);
  const double step = (axis.high - axis.low) / static_cast<double>(columns);
  const auto column_of = [&](double x) {
    const double at = step > 0 ? (x - axis.low) / step : 0;
    return std::clamp(at, 0.0, static_cast<double>(columns));
  };
  for (const NumberBin& bin : bins) {
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

}  // namespace

double ShareCell::difference() const { return std::fabs(window - reference); }

SignalView ViewOf(const v1::SignalEvidence& evidence) {
  SignalView view;
  view.signal = evidence.signal();
  view.reference_rows = evidence.reference_rows();
  view.window_rows = evidence.window_rows();
  if (evidence.has_reference_mean()) view.reference_mean = evidence.reference_mean();
  if (evidence.has_window_mean()) view.window_mean = evidence.window_mean();
  std::vector<ShareCell> cells;
  std::vector<NumberBin> ranges;
  bool numbers = evidence.has_reference_mean() || evidence.has_window_mean();
  for (const v1::DistributionCell& cell : evidence.cells()) {
    cells.push_back({cell.label(), cell.reference_share(), cell.window_share()});
    NumberBin range;
    if (!IsSpecial(cell.label())) numbers = ReadRange(cell.label(), &range) && numbers;
    ranges.push_back(range);
  }
  Sort(std::move(cells), std::move(ranges), numbers, &view);
  return view;
}

SignalView ViewOf(const std::string& signal, const v1::Distribution& reference,
                  const v1::Distribution& window) {
  SignalView view;
  view.signal = signal;
  view.reference_rows = reference.rows();
  view.window_rows = window.rows();
  if (reference.has_mean()) view.reference_mean = reference.mean();
  if (window.has_mean()) view.window_mean = window.mean();
  std::vector<ShareCell> cells;
  std::vector<NumberBin> ranges;
  bool numbers = true;
  for (int i = 0; i < std::max(reference.bins_size(), window.bins_size()); ++i) {
    const bool known = i < reference.bins_size();
    const v1::DistributionBin& bin = known ? reference.bins(i) : window.bins(i);
    cells.push_back({bin.label(), known ? Share(bin.count(), reference.rows()) : 0,
                     i < window.bins_size() ? Share(window.bins(i).count(), window.rows()) : 0});
    ranges.push_back({bin.low(), bin.high(), 0, 0});
    if (!IsSpecial(bin.label())) numbers = numbers && bin.has_low() && bin.has_high();
  }
  Sort(std::move(cells), std::move(ranges), numbers, &view);
  return view;
}

void SortByDifference(std::vector<ShareCell>* cells) {
  std::stable_sort(cells->begin(), cells->end(), [](const ShareCell& a, const ShareCell& b) {
    return a.difference() > b.difference();
  });
}

Histogram DrawHistogram(std::vector<NumberBin> bins, size_t columns_max) {
  constexpr double kSkewed = 0.4;
  constexpr size_t kBinsSkewed = 10;
  Axis axis = ChooseAxis(bins);
  size_t columns = axis.high > axis.low ? columns_max : 1;
  Histogram drawn{Spread(bins, &NumberBin::reference, axis, columns),
                  {},
                  axis.low,
                  axis.high,
                  axis.low_cut,
                  axis.high_cut,
                  false};
  if (bins.size() >= kBinsSkewed &&
      *std::max_element(drawn.reference.begin(), drawn.reference.end()) > kSkewed) {
    drawn.by_bin = true;
    for (size_t i = 0; i < bins.size(); ++i) {
      bins[i].low = static_cast<double>(i);
      bins[i].high = static_cast<double>(i + 1);
    }
    axis = {0, static_cast<double>(bins.size()), false, false};
    columns = std::min(bins.size(), columns_max);
    drawn.reference = Spread(bins, &NumberBin::reference, axis, columns);
  }
  drawn.window = Spread(bins, &NumberBin::window, axis, columns);
  return drawn;
}

}  // namespace faultline

#include "daemon/edge/report/report_figures.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <utility>
#include <vector>

#include "daemon/core/incident/incident_words.h"
#include "daemon/edge/report/report_parts.h"
#include "daemon/edge/report/report_plot.h"

namespace faultline {
namespace {

constexpr const char* kDash = "–";

const char* ColumnName(size_t i) {
  constexpr const char* kNames[] = {"reference", "when it opened", "at its worst", "at the end"};
  return kNames[i];
}

// The cells beyond the bins, and where they begin.
struct Outside {
  double low = 0;  // the reference's range
  double high = 0;
  double under = 0;  // values
  double over = 0;
  double all = 0;  // with those within the range
};

Outside OutsideOf(const v1::Distribution& distribution) {
  Outside outside;
  bool first = true;
  for (const v1::DistributionBin& bin : distribution.bins()) {
    const auto count = static_cast<double>(bin.count());
    if (bin.has_low() && bin.has_high()) {
      outside.low = first ? bin.low() : std::min(outside.low, bin.low());
      outside.high = first ? bin.high() : std::max(outside.high, bin.high());
      first = false;
    } else if (bin.label() == "(under)") {
      outside.under = count;
    } else if (bin.label() == "(over)") {
      outside.over = count;
    } else {
      continue;
    }
    outside.all += count;
  }
  return outside;
}

// A quantile that was only interpolated between the range and the farthest value, as if the values
// beyond the range were spread evenly.
bool Interpolated(double value, double from, double to, double share) {
  const double guess = from + (to - from) * share;
  return std::fabs(value - guess) <= 1e-9 * (std::fabs(from) + std::fabs(to));
}

}  // namespace

std::string QuantileText(const v1::Distribution& distribution, double probability) {
  const auto quantile =
      std::find_if(distribution.quantiles().begin(), distribution.quantiles().end(),
                   [&](const v1::Quantile& each) { return each.probability() == probability; });
  if (quantile == distribution.quantiles().end()) return kDash;
  const double value = quantile->value();
  const Outside outside = OutsideOf(distribution);
  const double rank = probability * outside.all;
  const double before_over = outside.all - outside.over;
  if (outside.under > 0 && rank <= outside.under &&
      Interpolated(value, distribution.least(), outside.low, rank / outside.under)) {
    return "below " + NumberText(outside.low);
  }
  if (outside.over > 0 && rank > before_over &&
      Interpolated(value, outside.high, distribution.largest(),
                   (rank - before_over) / outside.over)) {
    return "above " + NumberText(outside.high);
  }
  return NumberText(value);
}

std::string FiguresHtml(const v1::ContributingSignal& signal) {
  const v1::Distribution* all[] = {&signal.reference(), &signal.at_open(), &signal.at_peak(),
                                   &signal.latest()};
  std::vector<const v1::Distribution*> shown;
  std::vector<std::string> head = {""};
  for (size_t i = 0; i < std::size(all); ++i) {
    if (all[i]->rows() == 0) continue;
    shown.push_back(all[i]);
    head.push_back(std::string("#") + ColumnName(i));
  }
  if (shown.empty()) return "";
  std::vector<std::vector<std::string>> rows;
  const auto add = [&](const std::string& name, const auto& value) {
    std::vector<std::string> row = {name};
    bool any = false;
    for (const v1::Distribution* distribution : shown) {
      row.push_back(value(*distribution));
      any = any || row.back() != kDash;
    }
    if (any) rows.push_back(std::move(row));
  };
  const auto number = [](bool known, double value) {
    return known ? NumberText(value) : std::string(kDash);
  };
  add("rows", [](const v1::Distribution& d) { return absl::StrCat(d.rows()); });
  add("missing", [](const v1::Distribution& d) {
    return ShareWords(static_cast<double>(d.missing()) / static_cast<double>(d.rows()));
  });
  add("mean", [&](const v1::Distribution& d) { return number(d.has_mean(), d.mean()); });
  add("standard deviation", [&](const v1::Distribution& d) {
    return number(d.has_standard_deviation(), d.standard_deviation());
  });
  for (const double probability : {0.05, 0.5, 0.95}) {
    add(absl::StrCat("quantile ", probability),
        [&](const v1::Distribution& d) { return QuantileText(d, probability); });
  }
  return Table(head, rows);
}

}  // namespace faultline

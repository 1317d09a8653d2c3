#include "daemon/core/incident/change_time.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <vector>

#include "base/check.h"
#include "detectors/stats/elementary.h"

namespace faultline {
namespace {

constexpr double kHalf = 0.5;
constexpr std::array<double, 4> kWeights = {8, 64, 512, 4096};
constexpr double kCovered = 0.95;
// Posterior mass of the first two boundaries above which the change may precede them.
constexpr double kOlder = 0.002;

// Log marginal probability of the rows' cells.
double LogOfUnknown(std::span<const double> cells, double rows) {
  const double smooth = kHalf * static_cast<double>(cells.size());
  double sum = LogGamma(smooth) - LogGamma(rows + smooth);
  const double none = LogGamma(kHalf);
  for (const double count : cells) sum += count > 0 ? LogGamma(count + kHalf) - none : 0;
  return sum;
}

// The same with a prior around the shares of other rows.
double LogOfNear(std::span<const double> cells, double rows, std::span<const double> around,
                 double around_rows) {
  const double smooth = around_rows + kHalf * static_cast<double>(cells.size());
  std::array<double, kWeights.size()> logs;
  for (size_t w = 0; w < kWeights.size(); ++w) {
    logs[w] = LogGamma(kWeights[w]) - LogGamma(rows + kWeights[w]);
    for (size_t i = 0; i < cells.size(); ++i) {
      if (cells[i] == 0) continue;
      const double prior = kWeights[w] * (around[i] + kHalf) / smooth;
      logs[w] += LogGamma(cells[i] + prior) - LogGamma(prior);
    }
  }
  const double largest = *std::max_element(logs.begin(), logs.end());
  double sum = 0;
  for (const double log : logs) sum += Exp(log - largest);
  return largest + Log(sum / static_cast<double>(logs.size()));
}

// First and last boundary of the kCovered credible set.
struct Places {
  size_t first = 0;
  size_t last = 0;
  bool older = false;  // the change may precede the oldest pane
};
Places Covering(std::span<const double> logs, size_t best, double dispersion) {
  std::vector<double> shares(logs.size());
  double total = 0;
  for (size_t k = 0; k < logs.size(); ++k) {
    total += shares[k] = Exp((logs[k] - logs[best]) / dispersion);
  }
  std::vector<size_t> order(logs.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return shares[a] > shares[b]; });
  Places range = {best, best, false};
  double covered = 0;
  for (const size_t k : order) {
    range.first = std::min(range.first, k);
    range.last = std::max(range.last, k);
    covered += shares[k];
    if (covered >= kCovered * total) break;
  }
  const double oldest = shares[0] + (shares.size() > 1 ? shares[1] : 0);
  range.older = range.first <= 1 || oldest > kOlder * total;
  return range;
}

}  // namespace

std::optional<ChangeInterval> EstimateChange(const Summary& reference,
                                             std::span<const TimedPane> panes, double dispersion) {
  FAULTLINE_CHECK(dispersion >= 1, "rows tell at most as much as independent ones");
  const size_t cells = reference.cells().size();
  if (panes.empty() || reference.rows() == 0 || cells == 0) return std::nullopt;
  std::vector<double> before(reference.cells().begin(), reference.cells().end());
  auto before_rows = static_cast<double>(reference.rows());
  for (const TimedPane& pane : panes) {
    for (size_t i = 0; i < cells; ++i) before[i] += static_cast<double>(pane.summary.cells()[i]);
    before_rows += static_cast<double>(pane.summary.rows());
  }
  const double unchanged = LogOfUnknown(before, before_rows);
  // For a change at pane k.
  std::vector<double> logs(panes.size());
  std::vector<double> after(cells);
  double after_rows = 0;
  for (size_t k = panes.size(); k-- > 0;) {
    for (size_t i = 0; i < cells; ++i) {
      const auto count = static_cast<double>(panes[k].summary.cells()[i]);
      after[i] += count;
      before[i] -= count;
    }
    after_rows += static_cast<double>(panes[k].summary.rows());
    before_rows -= static_cast<double>(panes[k].summary.rows());
    logs[k] = LogOfUnknown(before, before_rows) + LogOfNear(after, after_rows, before, before_rows);
  }
  const auto best = static_cast<size_t>(std::max_element(logs.begin(), logs.end()) - logs.begin());
  if (!(logs[best] > unchanged)) return std::nullopt;
  const auto [first, last, older] = Covering(logs, best, dispersion);
  return ChangeInterval{.time_ns = panes[best].first_ns,
                        .earliest_ns = panes[first > 0 ? first - 1 : 0].first_ns,
                        .latest_ns = panes[last].last_ns,
                        .may_be_older = older};
}

}  // namespace faultline

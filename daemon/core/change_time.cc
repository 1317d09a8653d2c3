#include "daemon/core/change_time.h"

#include <algorithm>
#include <vector>

#include "detectors/stats/elementary.h"

namespace faultline {
namespace {

// Log likelihood ratio below the best that still counts as possible.
constexpr double kDrop = 2;

}  // namespace

std::optional<ChangeTime> EstimateChange(const Summary& reference,
                                         std::span<const TimedPane> panes) {
  const size_t cells = reference.cells().size();
  if (panes.empty() || reference.rows() == 0 || cells == 0) return std::nullopt;
  const double half = 0.5;
  const double smooth = half * static_cast<double>(cells);
  std::vector<double> log_shares(cells);
  for (size_t i = 0; i < cells; ++i) {
    log_shares[i] = Log((static_cast<double>(reference.cells()[i]) + half) /
                        (static_cast<double>(reference.rows()) + smooth));
  }
  // ratios[k]: of a change with pane k.
  std::vector<double> ratios(panes.size());
  std::vector<uint64_t> after(cells);
  uint64_t rows = 0;
  size_t best = panes.size();
  for (size_t k = panes.size(); k-- > 0;) {
    for (size_t i = 0; i < cells; ++i) after[i] += panes[k].summary.cells()[i];
    rows += panes[k].summary.rows();
    double ratio = 0;
    for (size_t i = 0; i < cells; ++i) {
      if (after[i] == 0) continue;
      const auto count = static_cast<double>(after[i]);
      ratio += count * (Log((count + half) / (static_cast<double>(rows) + smooth)) - log_shares[i]);
    }
    ratios[k] = ratio;
    if (ratio > 0 && (best == panes.size() || ratio > ratios[best])) best = k;
  }
  if (best == panes.size()) return std::nullopt;
  ChangeTime change = {panes[best].first_ns, panes[best].first_ns, panes[best].last_ns};
  for (size_t k = 0; k < panes.size(); ++k) {
    if (ratios[k] < ratios[best] - kDrop) continue;
    // The change lies anywhere in the pane before the first unlike one, or in that one.
    if (k <= best && k > 0)
      change.earliest_ns = std::min(change.earliest_ns, panes[k - 1].first_ns);
    if (k <= best) change.earliest_ns = std::min(change.earliest_ns, panes[k].first_ns);
    if (k >= best) change.latest_ns = std::max(change.latest_ns, panes[k].last_ns);
  }
  return change;
}

}  // namespace faultline

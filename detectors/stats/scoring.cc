#include "detectors/stats/scoring.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace faultline {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

double D(uint64_t n) { return static_cast<double>(n); }

// 1 long before, 0 at the end of a window, -1 long after it; in lengths of the window.
double ScaledSigmoid(double position) {
  if (position > 3) return -1;
  return 2 / (1 + std::exp(5 * position)) - 1;
}

uint64_t Distance(uint64_t a, uint64_t b) { return a > b ? a - b : b - a; }

std::vector<uint64_t> WithZero(std::span<const uint64_t> rows) {
  std::vector<uint64_t> all(rows.begin(), rows.end());
  all.push_back(0);
  std::sort(all.begin(), all.end());
  all.erase(std::unique(all.begin(), all.end()), all.end());
  return all;
}

// How many of `truth` match one of `found` each; in order, each takes the nearest unmatched one.
uint64_t Matched(const std::vector<uint64_t>& truth, std::vector<uint64_t> found, uint64_t margin) {
  uint64_t matched = 0;
  for (const uint64_t row : truth) {
    const auto nearest = std::min_element(found.begin(), found.end(), [&](uint64_t a, uint64_t b) {
      return Distance(a, row) < Distance(b, row);
    });
    if (nearest == found.end() || Distance(*nearest, row) > margin) continue;
    found.erase(nearest);
    ++matched;
  }
  return matched;
}

std::vector<RowSpan> Segments(std::span<const uint64_t> changes, uint64_t rows) {
  std::vector<RowSpan> segments;
  uint64_t begin = 0;
  for (const uint64_t change : WithZero(changes)) {
    if (change == 0 || change >= rows) continue;
    segments.push_back({begin, change});
    begin = change;
  }
  segments.push_back({begin, rows});
  return segments;
}

double Jaccard(RowSpan a, RowSpan b) {
  const uint64_t from = std::max(a.begin, b.begin);
  const uint64_t to = std::min(a.end, b.end);
  const uint64_t both = to > from ? to - from : 0;
  return D(both) / D(a.end - a.begin + b.end - b.begin - both);
}

}  // namespace

uint64_t NabProbation(uint64_t rows) { return std::min<uint64_t>(rows * 15 / 100, 750); }

double NabPoints(std::span<const uint64_t> alarms, std::span<const RowSpan> windows, uint64_t rows,
                 const NabProfile& profile) {
  const uint64_t probation = NabProbation(rows);
  double points = 0;
  size_t next = 0;  // window that has not ended
  size_t found = 0;
  bool found_next = false;
  for (const uint64_t alarm : alarms) {
    while (next < windows.size() && windows[next].end <= alarm) {
      ++next;
      found_next = false;
    }
    if (alarm < probation || alarm >= rows) continue;
    if (next < windows.size() && windows[next].begin <= alarm) {
      if (found_next) continue;
      found_next = true;
      ++found;
      const RowSpan window = windows[next];
      points += profile.hit / ScaledSigmoid(-1) *
                ScaledSigmoid(-D(window.end - alarm) / D(window.end - window.begin));
    } else if (next == 0) {
      points -= profile.false_alarm;
    } else {
      const RowSpan before = windows[next - 1];
      // In lengths after its last row; a window of one row has no length.
      const double length = D(before.end - before.begin - 1);
      const double behind = D(alarm + 1 - before.end);
      points += profile.false_alarm * ScaledSigmoid(length > 0 ? behind / length : 4);
    }
  }
  return points - profile.miss * D(windows.size() - found);
}

double NabScore(double points, uint64_t windows, const NabProfile& profile) {
  if (windows == 0) return kNan;
  const double worst = -profile.miss * D(windows);
  return 100 * (points - worst) / (profile.hit * D(windows) - worst);
}

double ChangePointF1(Annotations annotators, std::span<const uint64_t> found, uint64_t margin) {
  if (annotators.empty()) return kNan;
  const std::vector<uint64_t> given = WithZero(found);
  std::vector<uint64_t> all;
  double recall = 0;
  for (const std::vector<uint64_t>& one : annotators) {
    const std::vector<uint64_t> truth = WithZero(one);
    all.insert(all.end(), truth.begin(), truth.end());
    recall += D(Matched(truth, given, margin)) / D(truth.size()) / D(annotators.size());
  }
  const double precision = D(Matched(WithZero(all), given, margin)) / D(given.size());
  return 2 * precision * recall / (precision + recall);  // both count row 0
}

double ChangePointCover(Annotations annotators, std::span<const uint64_t> found, uint64_t rows) {
  if (annotators.empty() || rows == 0) return kNan;
  const std::vector<RowSpan> given = Segments(found, rows);
  double sum = 0;
  for (const std::vector<uint64_t>& one : annotators) {
    for (const RowSpan segment : Segments(one, rows)) {
      double best = 0;
      for (const RowSpan other : given) best = std::max(best, Jaccard(segment, other));
      sum += D(segment.end - segment.begin) * best;
    }
  }
  return sum / D(rows) / D(annotators.size());
}

void PointCounts::Add(bool anomalous, bool alarmed) {
  if (anomalous) {
    ++(alarmed ? true_alarms : missed);
  } else {
    ++(alarmed ? false_alarms : quiet);
  }
}

double PointCounts::f1() const {
  return D(true_alarms) / (D(true_alarms) + (D(false_alarms) + D(missed)) / 2);
}
double PointCounts::false_alarm_rate() const {
  return D(false_alarms) / (D(false_alarms) + D(quiet));
}
double PointCounts::missed_rate() const { return D(missed) / (D(missed) + D(true_alarms)); }

double MeanTimeRatio(double mean_time_between_false_alarms, double mean_delay, double found) {
  if (found <= 0) return 0;
  return mean_time_between_false_alarms / mean_delay * found;
}

}  // namespace faultline

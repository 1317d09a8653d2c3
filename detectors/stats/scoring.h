#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace faultline {

// Scores of alarms as the benchmarks of this field define them, so that their tables can be
// reproduced. Rows are numbered from 0; alarms, changes and windows ascend.

// Rows [begin, end).
struct RowSpan {
  uint64_t begin = 0;
  uint64_t end = 0;
};

// --- Numenta Anomaly Benchmark (Lavin and Ahmad 2015; scorer of version 1.1) ---

struct NabProfile {
  double hit = 1;
  double miss = 1;
  double false_alarm = 0.11;
};
inline constexpr NabProfile kNabStandard{};
inline constexpr NabProfile kNabRewardLowFalseAlarms{.hit = 1, .miss = 1, .false_alarm = 0.22};
inline constexpr NabProfile kNabRewardLowMisses{.hit = 1, .miss = 2, .false_alarm = 0.11};

// Rows at the beginning that are not scored: 15 %, at most 750.
uint64_t NabProbation(uint64_t rows);
// Points of one stream. The earliest alarm in a window counts, the earlier the more; an alarm
// outside costs less the closer it follows a window. Windows do not overlap.
double NabPoints(std::span<const uint64_t> alarms, std::span<const RowSpan> windows, uint64_t rows,
                 const NabProfile& profile = kNabStandard);
// Points of streams with so many windows, scaled so that never alarming is 0 and alarming exactly
// at the first row of every window is 100. NaN without windows.
double NabScore(double points, uint64_t windows, const NabProfile& profile = kNabStandard);

// --- Turing Change Point Dataset (van den Burg and Williams 2020) ---

// One list of changes per annotator: first rows of new segments.
using Annotations = std::span<const std::vector<uint64_t>>;

// Precision against all annotators together, recall as their mean; a change is found if one of
// `found`, each used once, is at most `margin` rows away. Row 0 counts as a change for every
// annotator.
double ChangePointF1(Annotations annotators, std::span<const uint64_t> found, uint64_t margin = 5);
// Mean over annotators of the covering of their segments: the best Jaccard index of each segment,
// weighted by its rows. NaN without annotators or rows.
double ChangePointCover(Annotations annotators, std::span<const uint64_t> found, uint64_t rows);

// --- Skoltech Anomaly Benchmark: row by row, over all streams together ---

struct PointCounts {
  uint64_t true_alarms = 0;
  uint64_t false_alarms = 0;
  uint64_t missed = 0;
  uint64_t quiet = 0;

  void Add(bool anomalous, bool alarmed);
  double f1() const;                // 0 to 1
  double false_alarm_rate() const;  // of rows that are not anomalous, 0 to 1
  double missed_rate() const;       // of those that are
};

// --- Mean time ratio (Bifet 2017) ---

// Mean rows between false alarms over the mean delay in rows, times the share of changes found
// (0 to 1). Infinite without false alarms or without delay, 0 if nothing is found.
double MeanTimeRatio(double mean_time_between_false_alarms, double mean_delay, double found);

}  // namespace faultline

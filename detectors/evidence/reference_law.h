#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "base/codec.h"
#include "detectors/contract/season.h"
#include "detectors/summary/summary.h"

namespace faultline {

// A bet that grows by exp(rate * sum of a statistic - rows * cost). It is an e-value if the cost is
// at least the logarithm of the mean of exp(rate * statistic): the exponential tilt, which is the
// likelihood ratio of every exponential family. A bet with infinite cost is not used.
struct TiltedBet {
  double rate = 0;
  double cost = 0;
};

// The null hypothesis for a signal: how unchanged traffic behaves, learnt from the reference rows
// in their order, with allowance for the reference's own sampling error. Evidence counts against
// it.
//
// Costs include that error: the mean of exp(rate * value) over the reference plus kReferenceErrors
// of its standard errors, as if the most extreme value had occurred twice more. Bets whose mean is
// not known to within a quarter of itself (heavy tails) are not used. The smallest rate grows with
// the error as well.
//
// Dispersions state how much more the rows vary than independent rows: the variance of a sum over
// consecutive rows divided by that of as many independent ones. At least 1; the largest over block
// lengths, and 1 unless significantly above it. Rows divided by it are effective rows.
struct ReferenceLaw {
  static constexpr uint32_t kMeanRates = 8;   // in each direction, up first
  static constexpr uint32_t kScaleRates = 5;  // likewise
  static constexpr double kReferenceErrors = 2;

  struct Hour {
    uint32_t rows = 0;
    float mean = 0;       // in standard deviations of the reference, from its mean
    float deviation = 1;  // likewise
  };

  uint64_t rows = 0;
  bool ordered = false;  // every row had its own time

  // Numbers only. mean_bets are on z = (x - mean) / deviation, with mean and deviation of the
  // reference or, with a season, of the hour; scale_bets are on z^2 - 1.
  std::array<TiltedBet, 2 * kMeanRates> mean_bets{};
  std::array<TiltedBet, 2 * kScaleRates> scale_bets{};
  double mean_dispersion = 1;
  double scale_dispersion = 1;
  double repeats = 0;  // upper limit of the share of values followed by the same value
  // All types.
  double cell_dispersion = 1;     // of FewCells
  double missing_dispersion = 1;  // of the indicator
  double invalid_dispersion = 1;

  Season season = Season::kNone;
  std::vector<Hour> hours;  // of the day, or of the week from Thursday 0:00 UTC; empty: no season

  // The hour of a time in seconds since 1970, as an index into hours; only with a season.
  size_t HourOf(double time_s) const;
  size_t memory_bytes() const { return hours.capacity() * sizeof(Hour); }

  void Encode(Encoder* out) const;
  // False if the bytes are not a law.
  [[nodiscard]] bool Decode(Decoder* in);
};

// Learns the law of a numeric signal. reference: the summary of these rows. values: NaN where
// missing or invalid; nulls tells the two apart (bit set = missing; nullptr = no row is missing).
// hours: hour of the week (0 to 167, from Thursday 0:00 UTC) of each row; empty: unknown. A season
// is accepted if the rows span it twice and each of its hours has at least kHourRowsMin rows.
inline constexpr uint32_t kHourRowsMin = 12;
// With fewer reference values there are no bets on squares.
inline constexpr uint32_t kScaleRowsMin = 200;
struct RowTimesOfLaw {
  std::span<const uint8_t> hours;  // by row; empty: unknown
  double span_s = 0;               // from the first to the last row
};
ReferenceLaw LearnNumericLaw(const Summary& reference, std::span<const double> values,
                             const uint64_t* nulls, const RowTimesOfLaw& times);

// Learns the law of a categorical signal: codes into the dictionary of `map`.
ReferenceLaw LearnCategoricalLaw(const Summary& reference, std::span<const uint32_t> codes,
                                 const CategoryMap& map, const uint64_t* nulls, bool ordered);

// The law for a reference made from panes, whose rows are no longer available. Standardised values
// are assumed to be distributed as before or as the cells show, whichever costs more; dispersions,
// repeats and season are those of `before`. Fewer rows than before drop the smallest bets.
ReferenceLaw CarryLaw(const ReferenceLaw& before, const Summary& reference);

// Sets the rates of bets on sums of standardised values, without costs: kMeanRates rates upwards
// from `lowest` to 2, then as many downwards.
void SetMeanRates(double lowest, std::span<TiltedBet> bets);

}  // namespace faultline

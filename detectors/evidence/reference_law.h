#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "base/codec.h"
#include "detectors/contract/season.h"
#include "detectors/summary/summary.h"

namespace faultline {

// A bet that grows by exp(rate * sum of a statistic - rows * cost). With the cost at least the
// logarithm of the statistic's mean exp(rate * value) it is an e-value: the exponential tilt, which
// is the likelihood ratio of every exponential family. An infinite cost: not to be used.
struct TiltedBet {
  double rate = 0;
  double cost = 0;
};

// What unchanged traffic of a signal is taken to do: learnt from its reference rows in their order,
// with what the reference cannot know added. Evidence is counted against this.
//
// Costs hold the reference's own sampling error: the mean of exp(rate * value) over the reference
// plus kReferenceErrors of its standard errors, as if its most extreme value had come twice more.
// Bets whose mean is not known to a quarter of itself (heavy tails) are not used. The smallest rate
// grows with that error too.
//
// Dispersions say how much more than independent rows the rows vary: the variance of a sum over
// consecutive rows, over the variance of as many independent ones; 1 or more, the largest over
// block lengths, taken for 1 unless plainly above it. Rows divided by it are the effective rows.
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
  bool ordered = false;  // the rows had times of their own

  // Numbers only. Statistic of the first: (x - mean) / deviation of the reference, or, with a
  // season, of its hour; of the second: its square - 1.
  std::array<TiltedBet, 2 * kMeanRates> mean_bets{};
  std::array<TiltedBet, 2 * kScaleRates> scale_bets{};
  double mean_dispersion = 1;
  double scale_dispersion = 1;
  double repeats = 0;  // upper limit of the share of values that are followed by their like
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
  // False if the bytes are no law.
  [[nodiscard]] bool Decode(Decoder* in);
};

// Learns the law of a numeric signal. reference: of these rows, with its shape. values: NaN where
// missing or invalid is told apart by nulls (bit set = missing; nullptr = none). hours: hour of the
// week (0 to 167, from Thursday 0:00 UTC) of each row; empty: not known. A season is taken for one
// if the rows span it twice and each hour has kHourRowsMin rows.
inline constexpr uint32_t kHourRowsMin = 12;
// Squares are not bet on with fewer reference values.
inline constexpr uint32_t kScaleRowsMin = 200;
struct RowTimesOfLaw {
  std::span<const uint8_t> hours;  // by row; empty: unknown
  double span_s = 0;               // from the first to the last row
};
ReferenceLaw LearnNumericLaw(const Summary& reference, std::span<const double> values,
                             const uint64_t* nulls, const RowTimesOfLaw& times);

// Of a categorical signal: codes into the dictionary that `map` was assigned from.
ReferenceLaw LearnCategoricalLaw(const Summary& reference, std::span<const uint32_t> codes,
                                 const CategoryMap& map, const uint64_t* nulls, bool ordered);

// The law for a reference made of the panes of an earlier one, where the rows are not at hand: the
// standardised values are taken to be distributed as before, or as the cells say, whichever costs
// more; dispersions, repeats and season are taken over. Fewer rows than before leave out small
// bets.
ReferenceLaw CarryLaw(const ReferenceLaw& before, const Summary& reference);

// The bets on sums of standardised values, before their costs are known: kMeanRates rates upwards
// from `lowest` to 2, then as many downwards.
void SetMeanRates(double lowest, std::span<TiltedBet> bets);

}  // namespace faultline

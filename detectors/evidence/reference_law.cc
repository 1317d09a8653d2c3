#include "detectors/evidence/reference_law.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/check.h"
#include "detectors/evidence/confidence.h"
#include "detectors/evidence/dispersion.h"
#include "detectors/evidence/few_cells.h"
#include "detectors/stats/elementary.h"
#include "detectors/summary/binning.h"

namespace faultline {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kHour = 3'600;
constexpr double kLowestRate = 0.1;
constexpr double kHighestRate = 2;
constexpr double kRelativeErrorMax = 0.25;
constexpr std::array<double, ReferenceLaw::kScaleRates> kScaleUp = {0.03, 0.08, 0.16, 0.27, 0.38};
constexpr std::array<double, ReferenceLaw::kScaleRates> kScaleDown = {0.05, 0.15, 0.4, 1, 2.2};
constexpr double kUnseenExtremes = 2;
// Occurrences from which on a value's repeats are counted separately.
constexpr double kOftenMin = 50;
// Normal quantile of a one-sided probability of 1 in 1000.
constexpr double kRare = 3.09;

// With tails no heavier than exponential, the largest of n values is near ln n. If it is far above,
// the mean that bets on sums need does not exist, whatever the sample mean is.
bool TailsAreHeavy(std::span<const double> standard) {
  double largest = 0;
  for (const double value : standard) largest = std::max(largest, std::fabs(value));
  return largest > 4 + 1.5 * Log(static_cast<double>(standard.size()));
}

// The mean of exp(rate * statistic) over values with optional weights, and its relative error. Rare
// values may be missing from the sample, so the most extreme value counts twice more.
class TiltedMean {
 public:
  explicit TiltedMean(double rate) : rate_(rate) {}

  void Add(double statistic, double weight = 1) {
    const double term = Exp(std::min(rate_ * statistic, 300.0));
    sum_ += weight * term;
    sum_of_squares_ += weight * term * term;
    largest_ = std::max(largest_, term);
    n_ += weight;
  }
  double error(double dispersion) const {
    const double squares = sum_of_squares_ + kUnseenExtremes * largest_ * largest_;
    const double variance = std::max(0.0, squares / n_ - mean() * mean());
    return std::sqrt(variance * dispersion / n_) / mean();
  }
  double cost(double dispersion) const {
    const double relative = error(dispersion);
    if (!(relative <= kRelativeErrorMax)) return kInfinity;
    return Log(mean()) + Log(1 + ReferenceLaw::kReferenceErrors * relative);
  }

 private:
  double mean() const { return (sum_ + kUnseenExtremes * largest_) / n_; }

  double rate_;
  double sum_ = 0;
  double sum_of_squares_ = 0;
  double largest_ = 0;
  double n_ = 0;
};

// The cost of a bet, from the values of its statistic.
double CostOf(double rate, std::span<const double> statistic, double dispersion) {
  TiltedMean tilted(rate);
  for (const double value : statistic) tilted.Add(value);
  return tilted.cost(dispersion);
}

void LearnCosts(std::span<const double> statistic, double dispersion, std::span<TiltedBet> bets) {
  for (TiltedBet& bet : bets) bet.cost = CostOf(bet.rate, statistic, dispersion);
}

// The usable values as the summary counts them: in reference deviations from its mean.
std::vector<double> Standardise(const Summary& reference, std::span<const double> values,
                                const uint64_t* nulls, std::vector<uint32_t>* rows) {
  const Shape& shape = reference.shape();
  const double mean = reference.moments().mean();
  const double deviation = std::sqrt(reference.moments().variance());
  std::vector<double> standard;
  for (uint32_t row = 0; row < values.size(); ++row) {
    const bool missing = nulls != nullptr && (nulls[row / 64] >> (row % 64) & 1) != 0;
    if (missing || !std::isfinite(values[row])) continue;
    const double fixed = FixedPoint(values[row], shape.center, shape.scale) / kUnit;
    standard.push_back((fixed - mean) / deviation);
    rows->push_back(row);
  }
  return standard;
}

// Values reconstructed from the cells and standardised like the moments: kPointsPerBin in each bin,
// evenly spaced, then shifted and scaled to the known mean and variance.
struct WeightedPoint {
  double value;
  double weight;  // rows
};
std::vector<WeightedPoint> PointsOf(const Summary& reference) {
  constexpr uint32_t kPointsPerBin = 8;
  const Shape& shape = reference.shape();
  std::vector<WeightedPoint> points;
  double mean = 0;
  double square = 0;
  const double rows = static_cast<double>(reference.values());
  for (uint32_t bin = 0; bin < shape.bins(); ++bin) {
    if (reference.cells()[bin] == 0) continue;
    const double low = FixedPoint(shape.boundaries[bin], shape.center, shape.scale) / kUnit;
    const double high = FixedPoint(shape.boundaries[bin + 1], shape.center, shape.scale) / kUnit;
    const double weight = static_cast<double>(reference.cells()[bin]) / kPointsPerBin;
    for (uint32_t i = 0; i < kPointsPerBin; ++i) {
      const double value = low + (high - low) * (i + 0.5) / kPointsPerBin;
      points.push_back({value, weight});
      mean += value * weight / rows;
      square += value * value * weight / rows;
    }
  }
  const double deviation = std::sqrt(std::max(square - mean * mean, 1e-300));
  for (WeightedPoint& point : points) point.value = (point.value - mean) / deviation;
  return points;
}

// Upper limit of the share of values followed by the same value: the largest over the frequent
// values, and over all others together.
double RepeatsOf(std::span<const double> standard) {
  if (standard.size() < 2) return 0;
  std::vector<std::pair<double, bool>> left;  // value, whether a different one followed
  for (size_t i = 1; i < standard.size(); ++i) {
    left.emplace_back(standard[i - 1], standard[i] != standard[i - 1]);
  }
  std::sort(left.begin(), left.end());
  const auto limit = [](double count, double changes) {
    return count > 0 ? std::max(0.0, 1 - PoissonLower(changes, kRare) / count) : 0;
  };
  double share = 0;
  double rare = 0;
  double rare_changes = 0;
  for (size_t begin = 0, end = 0; begin < left.size(); begin = end) {
    double changes = 0;
    for (; end < left.size() && left[end].first == left[begin].first; ++end) {
      changes += left[end].second ? 1 : 0;
    }
    const auto count = static_cast<double>(end - begin);
    if (count >= kOftenMin) {
      share = std::max(share, limit(count, changes));
    } else {
      rare += count;
      rare_changes += changes;
    }
  }
  return std::max(share, limit(rare, rare_changes));
}

// Sets the season, if there is one, and removes it from the values.
void LearnSeason(const RowTimesOfLaw& times, std::span<const uint32_t> rows,
                 std::span<double> standard, ReferenceLaw* law) {
  if (times.hours.empty()) return;
  for (const Season season : {Season::kWeek, Season::kDay}) {
    const auto count = static_cast<size_t>(season);
    if (times.span_s < 2 * static_cast<double>(count) * kHour) continue;
    std::vector<Moments> sums(count);
    std::vector<double> mean(count), square(count);
    std::vector<uint32_t> n(count);
    for (size_t i = 0; i < standard.size(); ++i) {
      const size_t hour = times.hours[rows[i]] % count;
      ++n[hour];
      mean[hour] += standard[i];
      square[hour] += standard[i] * standard[i];
    }
    if (*std::min_element(n.begin(), n.end()) < kHourRowsMin) continue;
    law->season = season;
    law->hours.resize(count);
    for (size_t hour = 0; hour < count; ++hour) {
      mean[hour] /= n[hour];
      const double variance = square[hour] / n[hour] - mean[hour] * mean[hour];
      law->hours[hour] = {n[hour], static_cast<float>(mean[hour]),
                          static_cast<float>(std::sqrt(std::max(variance, 1e-6)))};
    }
    for (size_t i = 0; i < standard.size(); ++i) {
      const ReferenceLaw::Hour& hour = law->hours[times.hours[rows[i]] % count];
      standard[i] = (standard[i] - hour.mean) / hour.deviation;
    }
    return;
  }
}

std::vector<double> Squares(std::span<const double> standard) {
  std::vector<double> squares(standard.begin(), standard.end());
  for (double& value : squares) value = value * value - 1;
  return squares;
}

void SetScaleRates(std::span<TiltedBet> bets) {
  for (uint32_t k = 0; k < ReferenceLaw::kScaleRates; ++k) {
    bets[k].rate = kScaleUp[k];
    bets[ReferenceLaw::kScaleRates + k].rate = -kScaleDown[k];
  }
}

void NeverUse(std::span<TiltedBet> bets) {
  for (TiltedBet& bet : bets) bet.cost = kInfinity;
}

}  // namespace

void SetMeanRates(double lowest, std::span<TiltedBet> bets) {
  const size_t count = bets.size() / 2;
  const double from = std::min(lowest, kHighestRate);
  for (size_t k = 0; k < count; ++k) {
    const double along = static_cast<double>(k) / static_cast<double>(count - 1);
    bets[k].rate = from * Exp(along * Log(kHighestRate / from));
    bets[count + k].rate = -bets[k].rate;
  }
}

size_t ReferenceLaw::HourOf(double time_s) const {
  const double hour = std::floor(time_s / kHour);
  const double count = static_cast<double>(hours.size());
  return static_cast<size_t>(hour - count * std::floor(hour / count));
}

ReferenceLaw LearnNumericLaw(const Summary& reference, std::span<const double> values,
                             const uint64_t* nulls, const RowTimesOfLaw& times) {
  ReferenceLaw law;
  law.rows = reference.rows();
  law.ordered = !times.hours.empty();
  SetScaleRates(law.scale_bets);
  NeverUse(law.scale_bets);
  NeverUse(law.mean_bets);
  LearnCellDispersions(reference, values, nulls, &law);
  if (!(reference.moments().variance() > 0)) return law;
  std::vector<uint32_t> rows;
  std::vector<double> standard = Standardise(reference, values, nulls, &rows);
  law.repeats = RepeatsOf(standard);
  LearnSeason(times, rows, standard, &law);
  law.mean_dispersion = DispersionOfMeans(standard);
  const double n = static_cast<double>(standard.size()) / law.mean_dispersion;
  if (TailsAreHeavy(standard)) return law;
  SetMeanRates(std::max(kLowestRate, 3 / std::sqrt(n)), law.mean_bets);
  LearnCosts(standard, law.mean_dispersion, law.mean_bets);
  if (standard.size() < kScaleRowsMin) return law;
  const std::vector<double> squares = Squares(standard);
  law.scale_dispersion = DispersionOfMeans(squares);
  LearnCosts(squares, law.scale_dispersion, law.scale_bets);
  return law;
}

ReferenceLaw CarryLaw(const ReferenceLaw& before, const Summary& reference) {
  ReferenceLaw law = before;
  law.rows = reference.rows();
  if (reference.shape().type == SignalType::kCategorical) return law;
  if (!(reference.moments().variance() > 0)) {
    NeverUse(law.mean_bets);
    NeverUse(law.scale_bets);
    return law;
  }
  const std::vector<WeightedPoint> points = PointsOf(reference);
  // Cells carry no hours: with a season, only the error of fewer rows is added.
  const bool seasonal = law.season != Season::kNone;
  const auto carry = [&](TiltedBet* bet, double dispersion, bool squared) {
    TiltedMean tilted(bet->rate);
    for (const WeightedPoint& point : points) {
      const double statistic = squared ? point.value * point.value - 1 : point.value;
      tilted.Add(statistic, point.weight);
    }
    const double cost = tilted.cost(dispersion);
    bet->cost = !std::isfinite(cost) ? kInfinity
                : seasonal
                    ? bet->cost + Log(1 + ReferenceLaw::kReferenceErrors * tilted.error(dispersion))
                    : std::max(bet->cost, cost);
  };
  const double n = static_cast<double>(reference.values()) / law.mean_dispersion;
  const double lowest = std::max(kLowestRate, 3 / std::sqrt(n));
  for (TiltedBet& bet : law.mean_bets) {
    carry(&bet, law.mean_dispersion, false);
    if (std::fabs(bet.rate) < lowest * (1 - 1e-9)) bet.cost = kInfinity;
  }
  for (TiltedBet& bet : law.scale_bets) carry(&bet, law.scale_dispersion, true);
  return law;
}

ReferenceLaw LearnCategoricalLaw(const Summary& reference, std::span<const uint32_t> codes,
                                 const CategoryMap& map, const uint64_t* nulls, bool ordered) {
  ReferenceLaw law;
  law.rows = reference.rows();
  law.ordered = ordered;
  NeverUse(law.mean_bets);
  NeverUse(law.scale_bets);
  LearnCellDispersions(reference, codes, map, nulls, &law);
  return law;
}

void ReferenceLaw::Encode(Encoder* out) const {
  out->Varint(rows);
  out->Fixed8(ordered ? 1 : 0);
  for (const TiltedBet& bet : mean_bets) out->Double(bet.rate), out->Double(bet.cost);
  for (const TiltedBet& bet : scale_bets) out->Double(bet.rate), out->Double(bet.cost);
  for (const double number : {mean_dispersion, scale_dispersion, repeats, cell_dispersion,
                              missing_dispersion, invalid_dispersion}) {
    out->Double(number);
  }
  out->Fixed8(static_cast<uint8_t>(season));
  for (const Hour& hour : hours) {
    out->Varint(hour.rows);
    out->Fixed32(std::bit_cast<uint32_t>(hour.mean));
    out->Fixed32(std::bit_cast<uint32_t>(hour.deviation));
  }
}

bool ReferenceLaw::Decode(Decoder* in) {
  ReferenceLaw read;
  read.rows = in->Varint();
  read.ordered = in->Fixed8() != 0;
  for (TiltedBet& bet : read.mean_bets) bet = {in->Double(), in->Double()};
  for (TiltedBet& bet : read.scale_bets) bet = {in->Double(), in->Double()};
  for (double* number :
       {&read.mean_dispersion, &read.scale_dispersion, &read.repeats, &read.cell_dispersion,
        &read.missing_dispersion, &read.invalid_dispersion}) {
    *number = in->Double();
    if (!(*number >= 0)) return false;
  }
  const uint8_t count = in->Fixed8();
  if (!in->ok() || (count != 0 && count != 24 && count != 168)) return false;
  read.season = static_cast<Season>(count);
  for (uint8_t i = 0; i < count; ++i) {
    Hour hour;
    hour.rows = static_cast<uint32_t>(in->Varint());
    hour.mean = std::bit_cast<float>(in->Fixed32());
    hour.deviation = std::bit_cast<float>(in->Fixed32());
    if (!(hour.deviation > 0) || !std::isfinite(hour.mean)) return false;
    read.hours.push_back(hour);
  }
  if (!in->ok()) return false;
  *this = std::move(read);
  return true;
}

}  // namespace faultline

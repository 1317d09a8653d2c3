// Detects a lasting change of the correlation of two numeric columns: of the mean product of their
// standardised values. Blind to dependence that keeps this mean; reacts too when one column shifts
// by itself. Values are clipped at three robust standard deviations, so that an outlier is not a
// change and bets on the product are safe.
#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "detectors/change/mean_follow.h"
#include "detectors/contract/judgement.h"
#include "detectors/evidence/sums.h"
#include "detectors/kinds.h"
#include "faultline/v1/detector.pb.h"

namespace faultline {
namespace {

constexpr char kName[] = "correlation_change";
constexpr std::string_view kBetween = " ~ ";
constexpr uint32_t kTag = 0x636f'0001;
constexpr size_t kNameMax = 62;  // two of them and " ~ " make a signal's name
constexpr uint32_t kRowsMin = 40;
constexpr uint32_t kPairsDefault = 4;
constexpr uint32_t kPairsMax = 16;
constexpr size_t kColumnsMax = 64;  // among which pairs are searched
constexpr uint32_t kSoughtRows = 20'000;
// Pairs with weaker correlation are not used.
constexpr double kStrongMin = 0.2;
constexpr double kCut = 3;

// Location and scale of a column in the reference.
struct Place {
  double mean = 0;
  double deviation = 0;  // 0: constant

  double Standard(double value) const {
    return std::clamp((value - mean) / deviation, -kCut, kCut);
  }
};
struct Fitted {
  uint64_t tag;
  Place places[2];
};

// Mean and standard deviation of the values within three robust deviations of the median, so that a
// few outliers do not count.
Place PlaceOf(const RowColumn& column, uint32_t rows) {
  std::vector<double> values;
  for (uint32_t row = 0; row < rows; ++row) {
    const double value = column.Number(row);
    if (!std::isnan(value)) values.push_back(value);
  }
  if (values.size() < kRowsMin) return {};
  std::sort(values.begin(), values.end());
  const double low = values[values.size() / 4];
  const double high = values[values.size() - 1 - values.size() / 4];
  // 2.22 interquartile ranges are three normal deviations; ties may leave no range.
  const double reach = high > low ? 2.22 * (high - low) : INFINITY;
  const double middle = values[values.size() / 2];
  double n = 0, sum = 0, squares = 0;
  for (const double value : values) {
    const double off = value - middle;
    if (!(std::fabs(off) <= reach)) continue;
    n += 1;
    sum += off;
    squares += off * off;
  }
  const double variance = squares / n - (sum / n) * (sum / n);
  const Place place = {middle + sum / n, std::sqrt(std::max(0.0, variance))};
  return std::isfinite(place.mean) && std::isfinite(place.deviation) ? place : Place{};
}

double Product(const RowColumn& a, const Place& at_a, const RowColumn& b, const Place& at_b,
               uint32_t row) {
  return at_a.Standard(a.Number(row)) * at_b.Standard(b.Number(row));
}

// Mean product; 0 if too few rows have both values.
double Correlation(const RowColumn& a, const Place& at_a, const RowColumn& b, const Place& at_b,
                   uint32_t rows) {
  double sum = 0;
  double n = 0;
  for (uint32_t row = 0; row < rows; ++row) {
    const double product = Product(a, at_a, b, at_b, row);
    if (std::isnan(product)) continue;
    sum += product;
    n += 1;
  }
  return n < kRowsMin ? 0 : sum / n;
}

struct Pair {
  double strength;
  uint32_t first;
  uint32_t second;
};

class RowProducts final : public Transform {
 public:
  RowProducts(std::string first, std::string second, uint32_t pairs_max)
      : Transform({.name = kName,
                   .owned = true,
                   .options = first.empty() ? absl::StrCat("pairs_max ", pairs_max)
                                            : NameOf(first, second)}),
        first_(std::move(first)),
        second_(std::move(second)),
        pairs_max_(pairs_max) {}

  bool Takes(const ColumnOffer& column) const override {
    if (column.values != ColumnValues::kNumbers) return false;
    return first_.empty() ? column.chosen : column.signal == first_ || column.signal == second_;
  }
  bool Makes(std::string_view signal) const override {
    if (first_.empty()) return signal.find(kBetween) != std::string_view::npos;
    return signal == NameOf(first_, second_);
  }

  absl::Status Fit(std::span<const RowColumn> columns, uint32_t rows,
                   std::vector<MadeSignal>* signals) const override {
    if (rows < kRowsMin) {
      return absl::FailedPreconditionError(
          absl::StrCat("correlation_change needs ", kRowsMin - rows, " more reference rows"));
    }
    std::vector<Place> places;
    for (const RowColumn& column : columns.first(std::min(columns.size(), kColumnsMax))) {
      places.push_back(PlaceOf(column, rows));
    }
    std::vector<Pair> pairs = first_.empty() ? Strongest(columns, places, rows) : Declared(columns);
    for (const Pair& pair : pairs) {
      const Fitted fitted = {kTag, {places[pair.first], places[pair.second]}};
      if (!(fitted.places[0].deviation > 0 && fitted.places[1].deviation > 0)) continue;
      MadeSignal& made = signals->emplace_back();
      made.name = NameOf(columns[pair.first].signal, columns[pair.second].signal);
      made.columns = {pair.first, pair.second};
      made.fitted.assign(reinterpret_cast<const char*>(&fitted), sizeof fitted);
    }
    if (!signals->empty()) return absl::OkStatus();
    return absl::FailedPreconditionError(
        first_.empty() ? "correlation_change: no two features are correlated in the reference"
                       : absl::StrCat("correlation_change: ", first_, " and ", second_,
                                      " must be numeric, vary, and have the same reference rows"));
  }

  void Derive(std::string_view fitted, std::span<const RowColumn> columns, RowRange range,
              std::span<std::byte> /*memory*/, std::span<double> values) const override {
    Fitted from{};
    if (fitted.size() == sizeof from) std::memcpy(&from, fitted.data(), sizeof from);
    const bool ours = from.tag == kTag && columns.size() == 2;
    for (uint32_t row = range.begin; row < range.end; ++row) {
      values[row] =
          ours ? Product(columns[0], from.places[0], columns[1], from.places[1], row) : kUnset;
    }
  }

 private:
  static std::string NameOf(std::string_view first, std::string_view second) {
    return std::string(first).append(kBetween).append(second);
  }

  std::vector<Pair> Declared(std::span<const RowColumn> columns) const {
    if (columns.size() != 2) return {};
    const uint32_t first = columns[0].signal == first_ ? 0 : 1;
    return {{1, first, 1 - first}};
  }

  std::vector<Pair> Strongest(std::span<const RowColumn> columns, const std::vector<Place>& places,
                              uint32_t rows) const {
    std::vector<Pair> pairs;
    for (uint32_t i = 0; i < places.size(); ++i) {
      for (uint32_t k = 0; k < i; ++k) {
        if (!(places[i].deviation > 0 && places[k].deviation > 0)) continue;
        if (columns[i].signal.size() > kNameMax || columns[k].signal.size() > kNameMax) continue;
        const double strength = std::fabs(
            Correlation(columns[k], places[k], columns[i], places[i], std::min(rows, kSoughtRows)));
        if (strength >= kStrongMin) pairs.push_back({strength, k, i});
      }
    }
    std::stable_sort(pairs.begin(), pairs.end(),
                     [](const Pair& a, const Pair& b) { return a.strength > b.strength; });
    pairs.resize(std::min<size_t>(pairs.size(), pairs_max_));
    return pairs;
  }

  std::string first_;
  std::string second_;
  uint32_t pairs_max_;
};

std::string Describe(const FollowInput& input, double effect) {
  const double before = input.reference.mean();
  const double now = before + effect * std::sqrt(input.reference.variance());
  return absl::StrFormat("correlation about %.2f, %.2f in the reference", now, before);
}

}  // namespace

absl::StatusOr<Detector> MakeCorrelationChange(const v1::DetectorSpec& spec) {
  const v1::CorrelationChangeOptions& options = spec.correlation_change();
  const auto tolerance = ReadTolerance(kName, options);
  if (!tolerance.ok()) return tolerance.status();
  const bool one = options.first().empty() != options.second().empty();
  const bool same = !options.first().empty() && options.first() == options.second();
  if (one || same || options.second().size() > kNameMax) {
    return OptionError(kName, "second",
                       "the name of another column, at most 62 bytes, set together with first");
  }
  if (options.first().size() > kNameMax) {
    return OptionError(kName, "first", "a column name of at most 62 bytes");
  }
  const uint32_t pairs_max = options.has_pairs_max() ? options.pairs_max() : kPairsDefault;
  if (pairs_max < 1 || pairs_max > kPairsMax) return OptionError(kName, "pairs_max", "1 to 16");
  return Detector{
      .name = kName,
      .follow = FollowMean(kTag, *tolerance, Describe),
      .transform = std::make_shared<RowProducts>(options.first(), options.second(), pairs_max)};
}

}  // namespace faultline

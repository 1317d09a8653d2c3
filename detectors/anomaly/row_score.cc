#include <absl/status/status.h>
#include <absl/strings/str_cat.h>

#include <Eigen/Cholesky>
#include <Eigen/Core>
#include <algorithm>
#include <array>
#include <cmath>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/codec.h"
#include "detectors/contract/judgement.h"
#include "detectors/kinds.h"
#include "faultline/v1/detector.pb.h"

namespace faultline {
namespace {

constexpr char kName[] = "row_score";  // of the kind and of its signal
constexpr uint32_t kColumnsMax = 64;
constexpr uint32_t kColumnsMin = 2;
constexpr size_t kFitRowsMin = 100;
constexpr uint32_t kTag = 0x01637372;  // version 1 of "rsc"
// Limits of deviations: tight for the correlations, so that outliers do not dominate them; wide for
// the scores, to keep the arithmetic finite.
constexpr double kWinsor = 2.5;
constexpr double kDeviationMax = 1e6;
// 1 / (normal quantile of 3/4): scales the median deviation to the standard one for normal values.
constexpr double kMadToDeviation = 1.482602218505602;
constexpr double kShrinkageMin = 1e-3;
constexpr uint32_t kBlockRows = 64;

// All of one length; missing is NaN.
using Numbers = std::span<const double>;

struct Fitted {
  uint32_t columns = 0;
  uint32_t used = 0;  // columns that vary
  std::array<double, kColumnsMax> center{};
  std::array<double, kColumnsMax> scale{};  // 0: constant, not used
  // Rows of the inverse of the Cholesky factor, packed: row i has i + 1 elements.
  std::array<double, kColumnsMax*(kColumnsMax + 1) / 2> whiten{};
};

double Median(std::vector<double>& values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  if (values.size() % 2 == 1) return *middle;
  return *std::max_element(values.begin(), middle) / 2 + *middle / 2;
}

// Median and scaled median deviation; the mean deviation where more than half the values tie; 0 for
// a constant.
void FitColumn(Numbers column, double* center, double* scale) {
  std::vector<double> values;
  for (const double value : column) {
    if (std::isfinite(value)) values.push_back(value);
  }
  *center = 0;
  *scale = 0;
  if (values.empty()) return;
  *center = Median(values);
  double mean = 0;
  for (double& value : values) value = std::min(std::fabs(value - *center), 1e300);
  std::sort(values.begin(), values.end());  // so that the sum does not depend on the order of rows
  for (const double value : values) mean += value / static_cast<double>(values.size());
  const double median = Median(values);
  *scale = median > 0 ? median * kMadToDeviation : mean;
}

double Deviation(double value, double center, double scale, double limit) {
  if (scale == 0 || std::isnan(value)) return 0;
  return std::clamp((value - center) / scale, -limit, limit);
}

// Correlations of the winsorised deviations around their means.
Eigen::MatrixXd Correlations(std::span<const Numbers> columns, const Fitted& fitted) {
  const size_t rows = columns[0].size();
  Eigen::MatrixXd cut(rows, fitted.used);
  Eigen::Index at = 0;
  for (uint32_t k = 0; k < fitted.columns; ++k) {
    if (fitted.scale[k] == 0) continue;
    for (size_t row = 0; row < rows; ++row) {
      cut(static_cast<Eigen::Index>(row), at) =
          Deviation(columns[k][row], fitted.center[k], fitted.scale[k], kWinsor);
    }
    cut.col(at).array() -= cut.col(at).mean();
    const double length = cut.col(at).norm();
    if (length > 0) cut.col(at) /= length;
    ++at;
  }
  return cut.transpose() * cut;
}

// Schaefer and Strimmer (2005): the weight of the identity with the least expected loss, from the
// variance of the correlations. The floor keeps the matrix invertible with copies of a column.
double Shrinkage(const Eigen::MatrixXd& correlations, size_t rows) {
  double variances = 0;
  double squares = 0;
  for (Eigen::Index i = 0; i < correlations.rows(); ++i) {
    for (Eigen::Index k = 0; k < i; ++k) {
      const double square = correlations(i, k) * correlations(i, k);
      variances += (1 - square) * (1 - square) / (static_cast<double>(rows) - 1);
      squares += square;
    }
  }
  if (!(squares > 0)) return 1;
  return std::clamp(variances / squares, kShrinkageMin, 1.0);
}

void Whiten(std::span<const Numbers> columns, Fitted* fitted) {
  const Eigen::MatrixXd raw = Correlations(columns, *fitted);
  const double share = Shrinkage(raw, columns[0].size());
  Eigen::MatrixXd shrunk = (1 - share) * raw;
  shrunk.diagonal().setOnes();
  const Eigen::LLT<Eigen::MatrixXd> factor(shrunk);
  const Eigen::MatrixXd inverse =
      factor.matrixL().solve(Eigen::MatrixXd::Identity(fitted->used, fitted->used));
  size_t at = 0;
  for (Eigen::Index i = 0; i < inverse.rows(); ++i) {
    for (Eigen::Index k = 0; k <= i; ++k) fitted->whiten[at++] = inverse(i, k);
  }
}

void Encode(const Fitted& fitted, std::string* out) {
  out->clear();
  Encoder encoder(out);
  encoder.Fixed32(kTag);
  encoder.Fixed32(fitted.columns);
  for (uint32_t k = 0; k < fitted.columns; ++k) {
    encoder.Double(fitted.center[k]);
    encoder.Double(fitted.scale[k]);
  }
  const size_t packed = size_t{fitted.used} * (fitted.used + 1) / 2;
  for (size_t i = 0; i < packed; ++i) encoder.Double(fitted.whiten[i]);
}

bool Decode(std::string_view bytes, size_t columns, Fitted* fitted) {
  Decoder decoder(bytes);
  if (decoder.Fixed32() != kTag) return false;
  fitted->columns = decoder.Fixed32();
  if (!decoder.ok() || fitted->columns != columns || columns > kColumnsMax) return false;
  for (uint32_t k = 0; k < fitted->columns; ++k) {
    fitted->center[k] = decoder.Double();
    fitted->scale[k] = decoder.Double();
    if (!std::isfinite(fitted->center[k]) || !(fitted->scale[k] >= 0)) return false;
    fitted->used += fitted->scale[k] > 0;
  }
  const size_t packed = size_t{fitted->used} * (fitted->used + 1) / 2;
  for (size_t i = 0; i < packed; ++i) fitted->whiten[i] = decoder.Double();
  return decoder.Done() && fitted->used > 0;
}

// Also infinite ones; NaN where missing.
double ValueOf(const RowColumn& column, uint32_t row) {
  if (column.numbers.empty() || column.IsMissing(row)) return kUnset;
  return column.numbers[row];
}

// Column by column over a block of rows, so that the inner loops run over adjacent memory.
void ScoreBlock(const Fitted& fitted, std::span<const RowColumn> columns, RowRange block,
                std::span<double> scores) {
  std::array<std::array<double, kBlockRows>, kColumnsMax> deviations;
  std::array<uint32_t, kBlockRows> present{};
  const uint32_t rows = block.end - block.begin;
  uint32_t used = 0;
  for (uint32_t k = 0; k < fitted.columns; ++k) {
    if (fitted.scale[k] == 0) continue;
    for (uint32_t i = 0; i < rows; ++i) {
      const double value = ValueOf(columns[k], block.begin + i);
      present[i] += std::isnan(value) ? 0 : 1;
      deviations[used][i] = Deviation(value, fitted.center[k], fitted.scale[k], kDeviationMax);
    }
    // Fill the block: loops of a fixed length become vector instructions.
    std::fill(deviations[used].begin() + rows, deviations[used].end(), 0.0);
    ++used;
  }
  std::array<double, kBlockRows> squares{};
  const double* weights = fitted.whiten.data();
  for (uint32_t i = 0; i < used; ++i) {
    std::array<double, kBlockRows> whitened{};
    for (uint32_t k = 0; k <= i; ++k, ++weights) {
      const double* from = deviations[k].data();
      for (uint32_t row = 0; row < kBlockRows; ++row) whitened[row] += *weights * from[row];
    }
    for (uint32_t row = 0; row < kBlockRows; ++row) squares[row] += whitened[row] * whitened[row];
  }
  for (uint32_t i = 0; i < rows; ++i) {
    scores[block.begin + i] = present[i] == 0 ? kUnset : std::sqrt(squares[i] / used);
  }
}

// The numbers of reference rows, NaN where missing.
std::vector<double> ValuesOf(const RowColumn& column, uint32_t rows) {
  std::vector<double> values(rows);
  for (uint32_t row = 0; row < rows; ++row) values[row] = ValueOf(column, row);
  return values;
}

class RowScores final : public Transform {
 public:
  explicit RowScores(uint32_t columns_max)
      : Transform({.name = kName}), columns_max_(columns_max) {}

  bool Takes(const ColumnOffer& column) const override {
    return column.values == ColumnValues::kNumbers && column.feature && column.chosen &&
           !column.derived;
  }
  bool Makes(std::string_view signal) const override { return signal == kName; }

  absl::Status Fit(std::span<const RowColumn> columns, uint32_t rows,
                   std::vector<MadeSignal>* signals) const override {
    if (columns.size() < kColumnsMin) {
      return absl::FailedPreconditionError(absl::StrCat(
          "row_score needs ", kColumnsMin, " to ", columns_max_, " columns, got ", columns.size()));
    }
    if (rows < kFitRowsMin) {
      return absl::FailedPreconditionError(
          absl::StrCat("row_score needs ", kFitRowsMin - rows, " more reference rows"));
    }
    Fitted made;
    made.columns = static_cast<uint32_t>(std::min<size_t>(columns.size(), columns_max_));
    std::vector<std::vector<double>> numbers;
    MadeSignal signal = {.name = kName};
    for (uint32_t k = 0; k < made.columns; ++k) {
      numbers.push_back(ValuesOf(columns[k], rows));
      signal.columns.push_back(k);
      FitColumn(numbers.back(), &made.center[k], &made.scale[k]);
      made.used += made.scale[k] > 0;
    }
    if (made.used == 0) {
      return absl::FailedPreconditionError("row_score: no column varies in the reference rows");
    }
    Whiten(std::vector<Numbers>(numbers.begin(), numbers.end()), &made);
    Encode(made, &signal.fitted);
    signals->push_back(std::move(signal));
    return absl::OkStatus();
  }

  void Derive(std::string_view fitted, std::span<const RowColumn> columns, RowRange range,
              std::span<std::byte> /*memory*/, std::span<double> scores) const override {
    Fitted from;
    if (!Decode(fitted, columns.size(), &from)) {
      std::fill(scores.begin() + range.begin, scores.begin() + range.end, kUnset);
      return;
    }
    for (uint32_t begin = range.begin; begin < range.end; begin += kBlockRows) {
      ScoreBlock(from, columns, {begin, std::min(begin + kBlockRows, range.end)}, scores);
    }
  }

 private:
  uint32_t columns_max_;
};

class RowScore final : public CompareDetector {
 public:
  RowScore(FixedRule rule, double quantile) : rule_(rule), quantile_(quantile) {}

  bool Judges(SignalType type) const override { return type == SignalType::kNumeric; }

  Verdict Compare(const Summary& reference, const Summary& window) const override {
    Verdict verdict;
    const bool enough = HasRows(reference.values(), window.values(), rule_, &verdict);
    if (!HasShape(reference, &verdict) || !enough) return verdict;
    const Shape& shape = reference.shape();
    // Counts are known at boundaries only: take the lowest boundary with at most 1 - quantile of
    // the reference above it, at worst the largest reference score.
    uint64_t above = reference.over();
    uint64_t window_above = window.over();
    uint32_t boundary = shape.bins();
    const double most = (1 - quantile_) * static_cast<double>(reference.values());
    while (boundary > 1) {
      const uint64_t next = above + reference.cells()[boundary - 1];
      if (static_cast<double>(next) > most) break;
      above = next;
      window_above += window.cells()[--boundary];
    }
    const double before = static_cast<double>(above) / static_cast<double>(reference.values());
    verdict.score = static_cast<double>(window_above) / static_cast<double>(window.values());
    verdict.effect_size = verdict.score - before;
    verdict.noise_floor =
        (static_cast<double>(above) + 1) / (static_cast<double>(reference.values()) + 1);
    Decide(&verdict);
    if (verdict.state == VerdictState::kAlarm) {
      verdict.detail = absl::StrCat(RowsInWords(window_above), " above row score ",
                                    NumberInWords(shape.boundaries[boundary]));
    }
    return verdict;
  }

 private:
  FixedRule rule_;
  double quantile_;
};

}  // namespace

absl::StatusOr<Detector> MakeRowScore(const v1::DetectorSpec& spec) {
  const v1::RowScoreOptions& options = spec.row_score();
  const auto rule = ReadFixedRule("row_score", options, 1, 100);
  if (!rule.ok()) return rule.status();
  const uint32_t columns_max = options.has_features_max() ? options.features_max() : 32;
  const double quantile = options.has_quantile() ? options.quantile() : 0.999;
  if (columns_max < kColumnsMin || columns_max > kColumnsMax) {
    return OptionError("row_score", "features_max", "2 to 64");
  }
  if (!(quantile >= 0.5 && quantile <= 1)) {
    return OptionError("row_score", "quantile", "0.5 to 1");
  }
  return Detector{.name = kName,
                  .compare = std::make_shared<RowScore>(*rule, quantile),
                  .transform = std::make_shared<RowScores>(columns_max)};
}

}  // namespace faultline

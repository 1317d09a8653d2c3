#include "daemon/cli/backtest/backtest_windows.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <set>

#include "base/check.h"
#include "detectors/stats/conventions.h"
#include "detectors/stats/kolmogorov_law.h"

namespace faultline::cli {
namespace {

constexpr std::array<std::string_view, 5> kRules = {"evidently", "nannyml", "sagemaker", "psi_0.2",
                                                    "ks_0.05"};
constexpr double kPsiLimit = 0.2;
constexpr double kLevel = 0.05;
constexpr double kComparisonThreshold = 0.1;  // of SageMaker Model Monitor

// Values in any order.
double KolmogorovSmirnovPValueOf(std::span<const double> reference,
                                 std::span<const double> window) {
  std::vector<double> p(reference.begin(), reference.end());
  std::vector<double> q(window.begin(), window.end());
  std::sort(p.begin(), p.end());
  std::sort(q.begin(), q.end());
  return KolmogorovSmirnovTest(p, q).p_value;
}

bool FailsEvidently(bool categorical, uint64_t distinct, std::span<const double> reference,
                    std::span<const double> window) {
  const evidently::DefaultRule rule = evidently::RuleFor(categorical, reference.size(), distinct);
  double score = 0;
  if (rule.name == "ks") {
    score = KolmogorovSmirnovPValueOf(reference, window);
  } else if (rule.name == "wasserstein") {
    score = evidently::WassersteinNormed(reference, window);
  } else if (rule.name == "chisquare") {
    score = evidently::ChiSquarePValue(reference, window);
  } else if (rule.name == "z") {
    score = evidently::ProportionsPValue(reference, window);
  } else {
    FAULTLINE_CHECK(rule.name == "jensenshannon", "the rules are Evidently's five");
    score = evidently::JensenShannon(reference, window);
  }
  return rule.p_value ? score < rule.threshold : score >= rule.threshold;
}

double NannyMlScore(bool categorical, std::span<const double> reference,
                    std::span<const double> chunk) {
  return categorical ? nannyml::JensenShannonOfCategories(reference, chunk)
                     : nannyml::JensenShannon(reference, chunk);
}

}  // namespace

bool WindowTrial::Knows(std::string_view rule) {
  return std::find(kRules.begin(), kRules.end(), rule) != kRules.end();
}

std::vector<std::string> WindowTrial::Names() { return {kRules.begin(), kRules.end()}; }

WindowTrial::WindowTrial(const std::vector<std::string>& rules, uint32_t window_rows)
    : window_rows_(window_rows) {
  FAULTLINE_CHECK(window_rows >= 2, "the caller checks the flag");
  for (const std::string& rule : rules) {
    FAULTLINE_CHECK(Knows(rule), "the caller asks Knows");
    rules_.push_back(
        {.run = "windows", .name = rule, .unbudgeted = true, .armed = true, .alarms = {}});
  }
}

void WindowTrial::Append(const Column& column, uint32_t row, Values* values,
                         std::vector<double>* to) {
  if (column.IsNull(row)) return;
  if (column.type == ColumnType::kNumber) {
    to->push_back(column.numbers[row]);
    return;
  }
  values->categorical = true;
  const auto next = static_cast<double>(values->codes.size());
  to->push_back(values->codes.emplace(column.dictionary[column.codes[row]], next).first->second);
}

void WindowTrial::Learn(const EventBatch& batch) {
  for (const Column& column : batch.columns) {
    if (column.type == ColumnType::kEmbedding) continue;
    Values& values = columns_[column.name];
    for (uint32_t row = 0; row < batch.rows; ++row) Append(column, row, &values, &values.reference);
  }
}

void WindowTrial::Take(const EventBatch& batch, uint64_t row) {
  if (columns_.empty()) return;
  for (uint32_t i = 0; i < batch.rows; ++i) {
    for (const Column& column : batch.columns) {
      const auto found = columns_.find(column.name);
      if (found != columns_.end()) Append(column, i, &found->second, &found->second.window);
    }
    if (++rows_ == window_rows_) CloseWindow(row + i);
  }
}

void WindowTrial::Prepare(Values* values) const {
  values->ready = true;
  const std::span<const double> reference = values->reference;
  values->distinct = std::set<double>(reference.begin(), reference.end()).size();
  std::vector<double> metrics;
  for (size_t at = 0; at + window_rows_ <= reference.size(); at += window_rows_) {
    metrics.push_back(
        NannyMlScore(values->categorical, reference, reference.subspan(at, window_rows_)));
  }
  const nannyml::Limits limits = nannyml::LimitsOf(metrics);
  values->lower = limits.lower;
  values->upper = limits.upper;
}

bool WindowTrial::Fails(std::string_view rule, const Values& values) const {
  const std::span<const double> reference = values.reference, window = values.window;
  if (rule == "psi_0.2") return evidently::Psi(reference, window) > kPsiLimit;
  if (rule == "evidently") {
    return FailsEvidently(values.categorical, values.distinct, reference, window);
  }
  if (rule == "nannyml") {
    const double score = NannyMlScore(values.categorical, reference, window);
    return score > values.upper || score < values.lower;
  }
  if (values.categorical) return false;
  if (rule == "ks_0.05") return KolmogorovSmirnovPValueOf(reference, window) <= kLevel;
  return sagemaker::Robust(reference, window) > kComparisonThreshold;
}

void WindowTrial::CloseWindow(uint64_t row) {
  rows_ = 0;
  for (auto& [name, values] : columns_) {
    if (!values.ready) Prepare(&values);
    if (!values.reference.empty() && !values.window.empty()) {
      for (BacktestRule& rule : rules_) {
        if (Fails(rule.name, values)) rule.alarms.push_back({row, name, 0});
      }
    }
    values.window.clear();
  }
}

std::vector<BacktestRule> WindowTrial::rules() const {
  return columns_.empty() ? std::vector<BacktestRule>() : rules_;
}

}  // namespace faultline::cli

#include "daemon/cli/migrate/config_import.h"

#include <absl/strings/str_format.h>

#include <algorithm>
#include <cmath>

#include "daemon/cli/migrate/config_yaml.h"
#include "detectors/stats/conventions.h"
#include "detectors/stats/elementary.h"
#include "detectors/stats/samples.h"

namespace faultline::cli {
namespace {

constexpr double kLevel = 0.05;

uint64_t Distinct(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return static_cast<uint64_t>(std::unique(values.begin(), values.end()) - values.begin());
}

// The chi-square that `level` of all tables exceed, by bisection.
double ChiSquareQuantile(double level, double freedom) {
  double low = 0;
  double high = 100 + 10 * freedom;
  for (int i = 0; i < 100; ++i) {
    const double middle = (low + high) / 2;
    (GammaQ(freedom / 2, middle / 2) > level ? low : high) = middle;
  }
  return high;
}

// p < level of a chi-square test as Cramer's V of a table of two rows.
double CramersV(double level, double freedom, double rows) {
  return std::sqrt(ChiSquareQuantile(level, freedom) / rows);
}

// p < level of the exact Kolmogorov-Smirnov test as a distance.
double KolmogorovSmirnovDistance(double level, uint64_t n, uint64_t m) {
  const double cells = static_cast<double>(n) * static_cast<double>(m);
  return static_cast<double>(KolmogorovSmirnovCriticalSteps(level, n, m)) / cells;
}

}  // namespace

std::string ConfigOfEvidently(std::span<const ReferenceColumn> columns,
                              const ImportedModel& model) {
  ConfigYaml yaml("Evidently's default rules", model);
  for (const ReferenceColumn& column : columns) {
    const uint64_t rows = column.values.size();
    const uint64_t distinct = Distinct(column.values);
    if (rows == 0) {
      yaml.Remark(column.name, "no values in the reference: no rule");
      continue;
    }
    const evidently::DefaultRule rule = evidently::RuleFor(column.categorical, rows, distinct);
    const auto both = static_cast<double>(rows + model.window_rows);
    const std::string said = absl::StrFormat("%s %s %g", std::string(rule.name),
                                             rule.p_value ? "p <" : ">=", rule.threshold);
    if (rule.name == "ks") {
      yaml.Add(column.name, "kolmogorov_smirnov",
               KolmogorovSmirnovDistance(kLevel, rows, model.window_rows), said);
    } else if (rule.name == "wasserstein") {
      yaml.Add(column.name, "wasserstein", rule.threshold, said + " deviations");
    } else if (rule.name == "jensenshannon") {
      // Theirs is in nats, ours in bits.
      yaml.Add(column.name, "jensen_shannon", rule.threshold / std::sqrt(std::log(2.0)), said);
    } else {
      const double freedom = rule.name == "z" ? 1 : static_cast<double>(distinct - 1);
      yaml.Add(column.name, "chi_square", CramersV(kLevel, freedom, both), said);
    }
  }
  return yaml.Text();
}

std::string ConfigOfNannyMl(std::span<const ReferenceColumn> columns, const ImportedModel& model) {
  constexpr size_t kChunks = 10;
  ConfigYaml yaml("NannyML's default rule", model);
  for (const ReferenceColumn& column : columns) {
    const std::span<const double> all = column.values;
    if (all.size() < kChunks) {
      yaml.Remark(column.name, "fewer than 10 values in the reference: no rule");
      continue;
    }
    std::vector<double> metrics;
    for (size_t i = 0; i < kChunks; ++i) {
      const size_t begin = all.size() * i / kChunks;
      const auto chunk = all.subspan(begin, all.size() * (i + 1) / kChunks - begin);
      metrics.push_back(column.categorical ? nannyml::JensenShannonOfCategories(all, chunk)
                                           : nannyml::JensenShannon(all, chunk));
    }
    yaml.Add(column.name, "jensen_shannon", nannyml::LimitsOf(metrics).upper,
             "mean + 3 deviations of ten chunks");
  }
  return yaml.Text();
}

}  // namespace faultline::cli

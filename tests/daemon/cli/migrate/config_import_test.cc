#include "daemon/cli/migrate/config_import.h"

#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "daemon/config/config_file.h"
#include "daemon/core/settings/settings.h"
#include "tests/support/streams.h"

namespace faultline::cli {
namespace {

// What the daemon makes of it: it must take it, whatever the names are.
v1::ModelConfig Taken(const std::string& yaml) {
  const absl::StatusOr<ParsedConfig> parsed = ParseConfig(yaml, "import");
  EXPECT_TRUE(parsed.ok()) << parsed.status() << "\n" << yaml;
  if (!parsed.ok()) return {};
  const auto settings = Settings::Make(parsed->config, 1);
  EXPECT_TRUE(settings.ok()) << settings.status() << "\n" << yaml;
  EXPECT_EQ(parsed->config.models_size(), 1);
  return parsed->config.models(0);
}

const v1::DetectorSpec& Of(const v1::ModelConfig& model, const std::string& signal,
                           v1::DetectorSpec::KindCase kind) {
  for (const v1::DetectorSpec& spec : model.detectors()) {
    if (spec.signals_size() == 1 && spec.signals(0) == signal && spec.kind_case() == kind) {
      return spec;
    }
  }
  ADD_FAILURE() << "no such detector of " << signal << "\n" << model.ShortDebugString();
  static const v1::DetectorSpec none;
  return none;
}

constexpr char kConstraints[] = R"({
  "version": 0.0,
  "features": [
    {"name": "income", "inferred_type": "Fractional", "completeness": 0.98,
     "num_constraints": {"is_non_negative": true}},
    {"name": "region", "inferred_type": "String", "completeness": 1.0,
     "string_constraints": {"domains": ["north", "south"]}},
    {"name": "age \"in\": years #1", "inferred_type": "Integral", "completeness": 1.0,
     "monitoringConfigOverrides": {"datatype_check_threshold": 0.9,
       "distribution_constraints": {"comparison_method": "Simple", "comparison_threshold": 0.3}}},
    {"name": "blob", "inferred_type": "Unknown", "completeness": 1.0}],
  "monitoring_config": {
    "evaluate_constraints": "Enabled", "emit_metrics": "Enabled",
    "datatype_check_threshold": 1.0, "domain_content_threshold": 0.95,
    "distribution_constraints": {"perform_comparison": "Enabled", "comparison_threshold": 0.1,
      "comparison_method": "Robust", "categorical_drift_method": "LInfinity"}}})";

TEST(SageMaker, ConstraintsBecomeDetectors) {
  const std::string statistics = R"({"dataset": {"item_count": 10000}, "features": [
    {"name": "income", "numerical_statistics": {"common": {"num_present": 9900,
                                                           "num_missing": 100}}}]})";
  const auto yaml = ConfigOfSageMaker(kConstraints, statistics, {"credit", 1'000});
  ASSERT_TRUE(yaml.ok()) << yaml.status();
  const v1::ModelConfig model = Taken(*yaml);
  EXPECT_EQ(model.name(), "credit");
  EXPECT_EQ(model.pane().rows() * model.window_panes(), 1'000u);
  using Kind = v1::DetectorSpec;
  // 2 % may be missing, 1 % was.
  EXPECT_NEAR(Of(model, "income", Kind::kMissingRate).missing_rate().threshold(), 0.01, 1e-6);
  EXPECT_NEAR(Of(model, "income", Kind::kKolmogorovSmirnov).kolmogorov_smirnov().threshold(),
              0.1 + 1.8 * std::sqrt(1e-3 + 1e-4), 1e-5);
  EXPECT_NEAR(Of(model, "region", Kind::kUnseenCategory).unseen_category().threshold(), 0.05, 1e-6);
  EXPECT_GT(Of(model, "region", Kind::kMissingRate).missing_rate().threshold(), 0) << "any";
  const std::string odd = "age \"in\": years #1";
  EXPECT_NEAR(Of(model, odd, Kind::kInvalidRate).invalid_rate().threshold(), 0.1, 1e-6);
  EXPECT_NEAR(Of(model, odd, Kind::kKolmogorovSmirnov).kolmogorov_smirnov().threshold(), 0.3, 1e-6);
  for (const char* said : {"# income: is_non_negative", "# region: LInfinity 0.1",
                           "# blob: inferred_type Unknown has no rules"}) {
    EXPECT_NE(yaml->find(said), std::string::npos) << said << "\n" << *yaml;
  }
}

TEST(SageMaker, RefusesWhatIsNone) {
  for (const char* text : {"", "{", "[]", "{}", R"({"features": 7})", R"({"features": [7]})",
                           R"({"features": [{"inferred_type": "String"}]})"}) {
    const auto yaml = ConfigOfSageMaker(text, "", {});
    EXPECT_EQ(yaml.status().code(), absl::StatusCode::kInvalidArgument) << text;
  }
  EXPECT_FALSE(ConfigOfSageMaker(kConstraints, "[1]", {}).ok());
  EXPECT_FALSE(ConfigOfSageMaker(std::string(100'000, '['), "", {}).ok());
}

TEST(SageMaker, HostileValuesGiveAConfigurationThatHolds) {
  const auto yaml = ConfigOfSageMaker(
      R"({"features": [{"name": "a\nb\u0007", "inferred_type": "Integral", "completeness": -1e308},
          {"name": "c", "inferred_type": "String", "completeness": 1e308,
           "string_constraints": {"domains": 3}},
          {"name": "d", "inferred_type": 5, "completeness": "much"}],
          "monitoring_config": {"datatype_check_threshold": -7, "domain_content_threshold": 9}})",
      "", {"*", 100});
  ASSERT_TRUE(yaml.ok()) << yaml.status();
  Taken(*yaml);
}

std::vector<double> Categories(size_t rows, uint64_t kinds) {
  testing::Random random(3);
  std::vector<double> values;
  for (size_t i = 0; i < rows; ++i) values.push_back(static_cast<double>(random.Below(kinds)));
  return values;
}

TEST(Evidently, TakesTheRuleForTheRowsAndKinds) {
  const std::vector<ReferenceColumn> few = {{"x", false, testing::Normals(1, 1'000)},
                                            {"two", true, Categories(1'000, 2)},
                                            {"five", true, Categories(1'000, 5)},
                                            {"none", true, {}}};
  const std::string yaml = ConfigOfEvidently(few, {"*", 1'000});
  const v1::ModelConfig model = Taken(yaml);
  using Kind = v1::DetectorSpec;
  // The limit law's 5 % point 1.358 sqrt(1/n + 1/m), and scipy 1.17: chi2.isf(0.05, 1), (0.05, 4).
  EXPECT_NEAR(Of(model, "x", Kind::kKolmogorovSmirnov).kolmogorov_smirnov().threshold(),
              1.3581 * std::sqrt(2e-3), 1e-3);
  EXPECT_NEAR(Of(model, "two", Kind::kChiSquare).chi_square().threshold(),
              std::sqrt(3.841458820694124 / 2'000), 1e-6);
  EXPECT_NEAR(Of(model, "five", Kind::kChiSquare).chi_square().threshold(),
              std::sqrt(9.487729036781154 / 2'000), 1e-6);
  EXPECT_NE(yaml.find("# none: no values"), std::string::npos);
  const std::vector<ReferenceColumn> many = {{"x", false, testing::Normals(1, 1'001)},
                                             {"two", true, Categories(1'001, 2)}};
  const v1::ModelConfig large = Taken(ConfigOfEvidently(many, {"*", 1'000}));
  EXPECT_NEAR(Of(large, "x", Kind::kWasserstein).wasserstein().threshold(), 0.1, 1e-9);
  EXPECT_NEAR(Of(large, "two", Kind::kJensenShannon).jensen_shannon().threshold(), 0.120112, 1e-6);
}

TEST(NannyMl, TakesTheLimitOfTenChunks) {
  const std::vector<ReferenceColumn> columns = {{"x", false, testing::Normals(1, 5'000)},
                                                {"same", false, std::vector<double>(100, 4)},
                                                {"kind", true, Categories(5'000, 4)},
                                                {"few", false, {1, 2, 3}}};
  const std::string yaml = ConfigOfNannyMl(columns, {"*", 500});
  const v1::ModelConfig model = Taken(yaml);
  using Kind = v1::DetectorSpec;
  const double x = Of(model, "x", Kind::kJensenShannon).jensen_shannon().threshold();
  EXPECT_GT(x, 0.02);
  EXPECT_LT(x, 0.2);
  EXPECT_LT(Of(model, "kind", Kind::kJensenShannon).jensen_shannon().threshold(), 0.1);
  EXPECT_NE(yaml.find("# few: fewer than 10"), std::string::npos);
}

}  // namespace
}  // namespace faultline::cli

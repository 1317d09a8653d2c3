#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "daemon/cli/demo/demo_acts.h"
#include "daemon/cli/demo/demo_traffic.h"
#include "daemon/core/incident/failure_mode.h"
#include "detectors/catalog.h"

namespace faultline::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr uint32_t kRows = 20'000;

// One batch by column: numbers without missing ones, words by how often they occur.
class Sample {
 public:
  explicit Sample(const CreditBehaviour& behaviour, uint64_t seed = 7)
      : batch_(CreditTraffic(seed).Next(kRows, behaviour)) {}

  std::vector<double> Numbers(const std::string& name) const {
    const v1::Column& column = Column(name);
    std::vector<double> numbers;
    for (int i = 0; i < column.doubles().values_size(); ++i) {
      if (!Missing(column, i)) numbers.push_back(column.doubles().values(i));
    }
    return numbers;
  }
  double Mean(const std::string& name) const {
    const std::vector<double> numbers = Numbers(name);
    double sum = 0;
    for (const double number : numbers) sum += number;
    return sum / static_cast<double>(numbers.size());
  }
  double Deviation(const std::string& name) const {
    const double mean = Mean(name);
    double sum = 0;
    for (const double number : Numbers(name)) sum += (number - mean) * (number - mean);
    return std::sqrt(sum / kRows);
  }
  double Correlation(const std::string& a, const std::string& b) const {
    const double mean_a = Mean(a);
    const double mean_b = Mean(b);
    const auto& x = Column(a).doubles().values();
    const auto& y = Column(b).doubles().values();
    double sum = 0;
    int rows = 0;
    for (int i = 0; i < x.size(); ++i) {
      if (Missing(Column(a), i) || Missing(Column(b), i)) continue;
      sum += (x[i] - mean_a) * (y[i] - mean_b);
      ++rows;
    }
    return sum / rows / Deviation(a) / Deviation(b);
  }
  double Share(const std::string& name, const std::string& word) const {
    const v1::StringValues& strings = Column(name).strings();
    int rows = 0;
    for (const uint32_t code : strings.codes()) {
      rows += strings.dictionary(static_cast<int>(code)) == word;
    }
    return static_cast<double>(rows) / kRows;
  }
  const v1::InferenceBatch& batch() const { return batch_; }

 private:
  const v1::Column& Column(const std::string& name) const {
    int i = 0;
    while (i + 1 < batch_.columns_size() && batch_.columns(i).name() != name) ++i;
    EXPECT_EQ(batch_.columns(i).name(), name);
    return batch_.columns(i);
  }
  static bool Missing(const v1::Column& column, int row) {
    const std::string& nulls = column.null_bitmap();
    return !nulls.empty() && ((nulls[static_cast<size_t>(row) / 8] >> (row % 8)) & 1) != 0;
  }

  v1::InferenceBatch batch_;
};

TEST(CreditTraffic, BehavesAsItSays) {
  const Sample calm({});
  // Standard errors of 20 000 rows: a mean is within 5 of them, a share within 0.018.
  EXPECT_NEAR(calm.Mean("age"), 44, 5 * 9 / std::sqrt(kRows));
  EXPECT_NEAR(calm.Mean("income"), 58'000, 5 * 11'000 / std::sqrt(kRows));
  EXPECT_NEAR(calm.Deviation("income"), 11'000, 400);
  EXPECT_NEAR(static_cast<double>(calm.Numbers("income").size()) / kRows, 0.99, 0.005);
  EXPECT_NEAR(calm.Correlation("income", "loan_amount"), 0.9, 0.02);
  EXPECT_NEAR(calm.Correlation("age", "employment_years"), 0.85, 0.02);
  EXPECT_NEAR(calm.Correlation("age", "income"), 0, 0.04);
  EXPECT_NEAR(calm.Share("channel", "web"), 0.5, 0.018);
  EXPECT_EQ(calm.Share("channel", "partner_api"), 0);
  EXPECT_EQ(calm.Share("status", "timeout"), 0);
  // The score's law: mean 0.4, variance 0.8^2 + 0.8^2 + 0.7^2, above 0 with 0.621.
  EXPECT_NEAR(calm.Share("prediction", "approve"), 0.621, 0.018);
  EXPECT_NEAR(calm.Mean("latency_seconds"), 0.04, 0.001);
}

TEST(CreditTraffic, FailsAsItSays) {
  const std::map<std::string_view, CreditBehaviour> acts = [] {
    std::map<std::string_view, CreditBehaviour> by_name;
    for (const DemoAct& act : DemoActs()) by_name[act.name] = act.behaviour;
    return by_name;
  }();
  EXPECT_NEAR(static_cast<double>(Sample(acts.at("missing")).Numbers("income").size()) / kRows,
              0.67, 0.02);
  EXPECT_NEAR(Sample(acts.at("unit")).Mean("income"), 5'800'000, 50'000);
  EXPECT_NEAR(Sample(acts.at("drift")).Mean("age"), 44 - 1.2 * 9, 0.4);
  EXPECT_NEAR(Sample(acts.at("category")).Share("channel", "partner_api"), 0.25, 0.018);
  EXPECT_NEAR(Sample(acts.at("prediction")).Share("prediction", "approve"), 0.199, 0.018);
  EXPECT_NEAR(Sample(acts.at("latency")).Mean("latency_seconds"), 0.2, 0.005);
  EXPECT_NEAR(Sample(acts.at("latency")).Share("status", "timeout"), 0.15, 0.018);
  const Sample unusual(acts.at("unusual"));
  const Sample calm({});
  EXPECT_NEAR(unusual.Correlation("income", "loan_amount"), -0.9, 0.02);
  for (const char* name : {"age", "income", "employment_years", "loan_amount"}) {
    EXPECT_NEAR(unusual.Mean(name), calm.Mean(name), calm.Deviation(name) / 20) << name;
  }
}

TEST(CreditTraffic, DependsOnSeedAndRowsAlone) {
  const std::string whole = CreditTraffic(3).Next(300, {}).columns(1).SerializeAsString();
  CreditTraffic parts(3);
  v1::Column joined = parts.Next(100, {}).columns(1);
  const v1::Column rest = parts.Next(200, {}).columns(1);
  joined.mutable_doubles()->MergeFrom(rest.doubles());
  v1::Column expected;
  ASSERT_TRUE(expected.ParseFromString(whole));
  EXPECT_EQ(joined.doubles().SerializeAsString(), expected.doubles().SerializeAsString());
  EXPECT_NE(CreditTraffic(4).Next(300, {}).columns(1).SerializeAsString(), whole);
  // As a second implementation of the generator has them: 102 draws a row, the first 12 the age.
  EXPECT_THAT(CreditTraffic(3).Next(3, {}).columns(0).doubles().values(),
              ElementsAre(45.49422729279911, 42.24665959052574, 39.83067121163404));
}

TEST(CreditTraffic, BatchesKeepTheContract) {
  for (const DemoAct& act : DemoActs()) {
    CreditTraffic traffic(1);
    std::set<std::string> ids;
    for (const uint32_t rows : {1u, 7u, 100u}) {
      const v1::InferenceBatch batch = traffic.Next(rows, act.behaviour);
      EXPECT_EQ(batch.rows(), rows);
      for (const v1::Column& column : batch.columns()) {
        const int values =
            column.has_doubles() ? column.doubles().values_size() : column.strings().codes_size();
        EXPECT_EQ(values, static_cast<int>(rows)) << column.name();
        EXPECT_TRUE(column.null_bitmap().empty() || column.null_bitmap().size() == (rows + 7) / 8);
      }
      ids.insert(batch.prediction_ids().begin(), batch.prediction_ids().end());
    }
    EXPECT_EQ(ids.size(), 108u);
  }
}

v1::Incident Expected(const DemoAct& act) {
  v1::Incident incident;
  incident.set_id("i");
  incident.set_state(v1::INCIDENT_STATE_RESOLVED);
  incident.set_failure_mode(act.failure_mode);
  for (const std::string_view signal : act.signals) {
    v1::Alert* alert = incident.add_alerts();
    alert->set_signal(std::string(signal));
    alert->set_detector(std::string(act.detector));
  }
  return incident;
}

TEST(JudgeAct, TakesExactlyTheExpectedIncident) {
  for (const DemoAct& act : DemoActs()) {
    const v1::Incident good = Expected(act);
    EXPECT_THAT(JudgeAct(act, {&good, 1}), IsEmpty()) << act.name;
    EXPECT_THAT(JudgeAct(act, {}), ElementsAre("no incident opened"));

    const std::vector<v1::Incident> twice(2, good);
    EXPECT_THAT(JudgeAct(act, twice), ElementsAre(HasSubstr("2 incidents")));

    v1::Incident other = good;
    other.set_failure_mode(v1::FAILURE_MODE_UNSPECIFIED);
    EXPECT_THAT(JudgeAct(act, {&other, 1}), ElementsAre(HasSubstr("failure mode UNSPECIFIED")));

    v1::Incident open = good;
    open.set_state(v1::INCIDENT_STATE_OPEN);
    EXPECT_THAT(JudgeAct(act, {&open, 1}), ElementsAre("incident i did not resolve"));

    v1::Incident unnamed = good;
    unnamed.mutable_alerts(0)->set_signal("other");
    EXPECT_THAT(JudgeAct(act, {&unnamed, 1}), ElementsAre(HasSubstr("no alert on ")));

    v1::Incident unseen = good;
    for (v1::Alert& alert : *unseen.mutable_alerts()) alert.set_detector("other");
    EXPECT_THAT(JudgeAct(act, {&unseen, 1}), ElementsAre(HasSubstr("no alert of ")));
  }
}

// Those that an alert can point to by itself; the others take a look at all alerts together.
TEST(DemoActs, ShowEveryFailureMode) {
  std::set<int> shown;
  for (const DemoAct& act : DemoActs()) shown.insert(act.failure_mode);
  for (int role = 0; role <= v1::ColumnRole_MAX; ++role) {
    for (const CatalogEntry& entry : Catalog()) {
      const v1::FailureMode mode =
          FailureModeOf(entry.failure_mode, static_cast<v1::ColumnRole>(role));
      EXPECT_TRUE(mode == 0 || shown.contains(mode)) << v1::FailureMode_Name(mode);
    }
  }
}

}  // namespace
}  // namespace faultline::cli

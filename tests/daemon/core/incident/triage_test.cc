#include "daemon/core/incident/triage.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>
#include <string>

#include "daemon/core/incident/triage_rules.h"
#include "detectors/catalog.h"
#include "tests/daemon/core/core_run.h"

namespace faultline {
namespace {

using testing::BatchMaker;
using testing::CoreRun;
using testing::MakeSettings;
using testing::Numbers;

SignalFinding Finding(const std::string& name, v1::ColumnRole role = v1::COLUMN_ROLE_FEATURE) {
  SignalFinding finding;
  finding.name = name;
  finding.role = role;
  finding.strength = 2;
  finding.finding = "has mean 2 (reference 1)";
  return finding;
}

SignalFinding Shifted(const std::string& name, v1::ColumnRole role = v1::COLUMN_ROLE_FEATURE) {
  SignalFinding finding = Finding(name, role);
  finding.shift = true;
  return finding;
}

TriageFacts Facts(std::vector<SignalFinding> signals) {
  TriageFacts facts;
  facts.inputs = 8;
  for (const SignalFinding& signal : signals) {
    if (signal.role == v1::COLUMN_ROLE_PREDICTION) ++facts.outputs_moved;
    if (signal.role == v1::COLUMN_ROLE_FEATURE || signal.role == v1::COLUMN_ROLE_TAG) {
      ++facts.inputs_moved;
    }
  }
  facts.signals = std::move(signals);
  return facts;
}

v1::Cause Leading(const TriageFacts& facts) {
  const v1::Triage triage = RankCauses(facts);
  return triage.hypotheses().empty() ? v1::CAUSE_UNSPECIFIED : triage.hypotheses(0).cause();
}

TEST(TriageTest, NamesEveryCauseFromWhatSpeaksForIt) {
  SignalFinding missing = Finding("income");
  missing.quality = true;
  missing.missing_is = 0.3;
  EXPECT_EQ(Leading(Facts({missing})), v1::CAUSE_MISSING_VALUES);
  SignalFinding invalid = Finding("income");
  invalid.invalid_is = 0.1;
  EXPECT_EQ(Leading(Facts({invalid})), v1::CAUSE_INVALID_VALUES);
  SignalFinding stuck = Shifted("income");
  stuck.stuck_at = "7";
  EXPECT_EQ(Leading(Facts({stuck})), v1::CAUSE_STUCK_VALUE);
  SignalFinding unit = Shifted("income");
  unit.factor = 100;
  EXPECT_EQ(Leading(Facts({unit})), v1::CAUSE_UNIT_CHANGE);
  SignalFinding gone = Finding("income");
  gone.sent = false;
  EXPECT_EQ(Leading(Facts({gone})), v1::CAUSE_SCHEMA_CHANGE);
  SignalFinding written = Shifted("region");
  written.numeric = false;
  written.written_was = "north";
  written.written_is = "NORTH";
  EXPECT_EQ(Leading(Facts({written})), v1::CAUSE_SCHEMA_CHANGE);
  EXPECT_EQ(Leading(Facts({Shifted("tenant", v1::COLUMN_ROLE_TAG), Shifted("income")})),
            v1::CAUSE_TRAFFIC_MIX);
  EXPECT_EQ(Leading(Facts({Shifted("income")})), v1::CAUSE_COVARIATE_SHIFT);
  SignalFinding unusual = Finding("row_score", v1::COLUMN_ROLE_UNSPECIFIED);
  unusual.anomaly = true;
  EXPECT_EQ(Leading(Facts({unusual})), v1::CAUSE_UNUSUAL_INPUT);
  EXPECT_EQ(Leading(Facts({Shifted("answer", v1::COLUMN_ROLE_PREDICTION)})),
            v1::CAUSE_PREDICTION_SHIFT);
  EXPECT_EQ(Leading(Facts({Shifted("latency", v1::COLUMN_ROLE_LATENCY)})), v1::CAUSE_OPERATIONAL);
  TriageFacts lost = Facts({});
  lost.late_share = 0.5;
  EXPECT_EQ(Leading(lost), v1::CAUSE_MONITOR_BLIND);
  TriageFacts deployed = Facts({Shifted("answer", v1::COLUMN_ROLE_PREDICTION)});
  deployed.deployed = true;
  deployed.deployed_before_ns = 60'000'000'000;
  bool named = false;
  const v1::Triage triage = RankCauses(deployed);
  for (const v1::Hypothesis& each : triage.hypotheses()) {
    named = named || each.cause() == v1::CAUSE_DEPLOYMENT;
  }
  EXPECT_TRUE(named);
}

TEST(TriageTest, ABrokenInputExplainsWhatFollowsFromIt) {
  SignalFinding unit = Shifted("income");
  unit.factor = 100;
  SignalFinding answer = Shifted("answer", v1::COLUMN_ROLE_PREDICTION);
  answer.stuck_at = "\"approve\"";
  EXPECT_EQ(Leading(Facts({answer, unit})), v1::CAUSE_UNIT_CHANGE);
  SignalFinding slow = Shifted("latency", v1::COLUMN_ROLE_LATENCY);
  slow.factor = 3;
  EXPECT_EQ(Leading(Facts({slow})), v1::CAUSE_OPERATIONAL);
}

// A pane in which only some rows are in another unit: its middle and spread fit no factor.
TEST(TriageTest, WhatUnitChangeSaysCountsToo) {
  SignalFinding amount = Shifted("amount");
  amount.causes = {{v1::CAUSE_UNIT_CHANGE, "amount: values look like the reference's times 100"}};
  const v1::Triage triage = RankCauses(Facts({amount}));
  EXPECT_EQ(triage.hypotheses(0).cause(), v1::CAUSE_UNIT_CHANGE);
  EXPECT_EQ(triage.hypotheses(0).arguments_for(0).text(),
            "amount: values look like the reference's times 100");
}

TEST(TriageTest, AUnitThatChangesWithinAPaneIsNamed) {
  CoreRun run(MakeSettings(R"(
    defaults {
      pane { rows: 200 } reference { learn_rows: 2000 }
      alarm_budget { false_alarms: 1 per: "1000000 rows" }
    })"));
  Numbers numbers(4);
  std::vector<double> amount(4'000), age(4'000);
  for (size_t i = 0; i < amount.size(); ++i) {
    amount[i] = std::exp(3 + numbers.Normal() / 2) * (i < 3'100 ? 1 : 100);
    age[i] = 40 + 9 * numbers.Normal();
  }
  const BatchMaker rows = BatchMaker(4'000).Number("amount", amount).Number("age", age);
  for (uint32_t row = 0; row < 4'000; row += 200) run.Apply(rows.Rows(row, row + 200));
  run.TakeCheckpoint();
  ASSERT_EQ(run.incidents().size(), 1u);
  const v1::Triage& triage = run.incidents().begin()->second.triage();
  ASSERT_GE(triage.hypotheses_size(), 1) << triage.sentence();
  EXPECT_EQ(triage.hypotheses(0).cause(), v1::CAUSE_UNIT_CHANGE) << triage.sentence();
}

// The middle grew by 1.9, the spread by 2.4, in panes that tell them apart.
TEST(TriageTest, AMiddleAndASpreadThatGrowApartAreNoUnit) {
  for (const double spread : {1.9, 2.4}) {
    CoreRun run(MakeSettings(R"(
      defaults {
        pane { rows: 1000 } reference { learn_rows: 2000 }
        alarm_budget { false_alarms: 1 per: "1000000 rows" }
      })"));
    Numbers numbers(4);
    std::vector<double> weight(6'000);
    for (size_t i = 0; i < weight.size(); ++i) {
      weight[i] = i < 4'000 ? 10 + numbers.Normal() : 19 + spread * numbers.Normal();
    }
    const BatchMaker rows = BatchMaker(6'000).Number("weight", weight);
    for (uint32_t row = 0; row < 6'000; row += 500) run.Apply(rows.Rows(row, row + 500));
    run.TakeCheckpoint();
    ASSERT_EQ(run.incidents().size(), 1u);
    const v1::Triage& triage = run.incidents().begin()->second.triage();
    ASSERT_GE(triage.hypotheses_size(), 1) << triage.sentence();
    EXPECT_EQ(triage.hypotheses(0).cause() == v1::CAUSE_UNIT_CHANGE, spread < 2)
        << triage.sentence();
  }
}

TEST(TriageTest, NewCategoriesExplainWhatTheyMove) {
  SignalFinding channel = Shifted("channel");
  channel.numeric = false;
  channel.unseen_is = 0.1;
  const v1::Triage triage = RankCauses(Facts({channel}));
  ASSERT_EQ(triage.hypotheses_size(), 1);
  EXPECT_EQ(triage.hypotheses(0).cause(), v1::CAUSE_SCHEMA_CHANGE);
  EXPECT_EQ(triage.certainty(), v1::CERTAINTY_HIGH);
}

TEST(TriageTest, KindsThatSeeACauseNameIt) {
  SignalFinding silent = Shifted("row_rate", v1::COLUMN_ROLE_STATUS);
  silent.causes = {{v1::CAUSE_TRAFFIC_STOPPED, "no row for 90 seconds"}};
  EXPECT_EQ(Leading(Facts({silent})), v1::CAUSE_TRAFFIC_STOPPED);
  SignalFinding repeats = Finding("repeats");
  repeats.quality = true;
  repeats.causes = {{v1::CAUSE_REPEATED_ROWS, "repeats: rows that came before: 40 %"}};
  EXPECT_EQ(Leading(Facts({repeats, Shifted("income")})), v1::CAUSE_REPEATED_ROWS);
  SignalFinding relation = Finding("zip decides city");
  relation.quality = true;
  relation.causes = {{v1::CAUSE_RELATION_BROKEN, "zip decides city: broken in 12 % of rows"}};
  const v1::Triage triage = RankCauses(Facts({relation}));
  EXPECT_EQ(triage.hypotheses(0).cause(), v1::CAUSE_RELATION_BROKEN);
  EXPECT_EQ(triage.hypotheses(0).arguments_for(0).text(),
            "zip decides city: broken in 12 % of rows");
}

// The first pane of the change has a fifth of its rows behind it.
TEST(TriageTest, AnIncidentIsSeenAgainWithMoreRows) {
  std::vector<std::string> said;
  for (const bool restart : {false, true}) {
    CoreRun run(MakeSettings(R"(
      defaults {
        pane { rows: 300 } window_panes: 20 reference { learn_rows: 2000 }
        alarm_budget { false_alarms: 1 per: "1000000 rows" } detectors { missing_change {} }
      })"));
    Numbers numbers(4);
    std::vector<double> income(9'000);
    std::vector<uint32_t> missing;
    for (uint32_t i = 0; i < income.size(); ++i) {
      income[i] = numbers.Normal();
      if (i >= 6'240) missing.push_back(i);
    }
    const BatchMaker rows = BatchMaker(9'000).Number("income", income).Missing(missing);
    for (uint32_t row = 0; row < 9'000; row += 100) {
      run.Apply(rows.Rows(row, row + 100));
      if (restart) run.Restart();
    }
    run.TakeCheckpoint();
    ASSERT_EQ(run.incidents().size(), 1u);
    const v1::Incident& incident = run.incidents().begin()->second;
    said.push_back(incident.triage().sentence());
    EXPECT_TRUE(said.back().starts_with(incident.summary())) << incident.summary();
    const size_t at = said.back().find("is missing in ");
    ASSERT_NE(at, std::string::npos) << said.back();
    EXPECT_GE(std::stod(said.back().substr(at + 14)), 85) << said.back();
  }
  EXPECT_EQ(said[0], said[1]);
}

// As with features that changed places: one of them looks as if it were in another unit.
TEST(TriageTest, AFactorAmongManyThatMovedIsNoUnit) {
  SignalFinding scaled = Shifted("f11");
  scaled.factor = 2.2;
  EXPECT_EQ(Leading(Facts({Shifted("f0"), scaled})), v1::CAUSE_UNIT_CHANGE);
  EXPECT_EQ(Leading(Facts({Shifted("f0"), Shifted("f1"), Shifted("f2"), scaled})),
            v1::CAUSE_COVARIATE_SHIFT);
}

TEST(TriageTest, TheSentenceSaysWhatHowSureAndWhatNext) {
  SignalFinding missing = Finding("income");
  missing.quality = true;
  missing.missing_is = 0.34;
  missing.missing_was = 0.01;
  const v1::Triage triage = RankCauses(Facts({missing}));
  EXPECT_EQ(triage.certainty(), v1::CERTAINTY_HIGH);
  const std::string sentence =
      TriageSentence("income of credit 1 changed since 2026-11-26 02:50:47 UTC", {}, triage);
  EXPECT_TRUE(sentence.starts_with("income of credit 1 changed since 2026-11-26"));
  EXPECT_NE(sentence.find("Very likely values are missing"), std::string::npos) << sentence;
  EXPECT_NE(sentence.find("Next: "), std::string::npos);
  ASSERT_EQ(triage.hypotheses(0).arguments_for_size(), 1);
  EXPECT_EQ(triage.hypotheses(0).arguments_for(0).signal(), "income");
  double shares = 0;
  for (const v1::Hypothesis& each : triage.hypotheses()) shares += each.share();
  EXPECT_NEAR(shares, 1, 1e-12);
}

TEST(TriageTest, EveryCauseHasWordsAndSomethingThatSpeaksForIt) {
  std::set<v1::Cause> spoken_for;
  for (const CauseRow& row : CauseTable()) {
    EXPECT_STRNE(row.title, "");
    EXPECT_STRNE(row.next_step, "");
    EXPECT_NE(row.failure_mode, v1::FAILURE_MODE_UNSPECIFIED) << row.title;
    for (const TriageRule& rule : row.rules) {
      EXPECT_GT(rule.weight, 0);
      if (rule.speaks_for) spoken_for.insert(row.cause);
    }
  }
  for (const CatalogEntry& entry : Catalog()) {
    if (entry.cause == nullptr) continue;
    const auto cause = static_cast<v1::Cause>(entry.cause->cause);
    EXPECT_TRUE(v1::Cause_IsValid(cause)) << entry.name;
    if (entry.cause->title == nullptr) {
      EXPECT_TRUE(spoken_for.contains(cause)) << entry.name << ": triage has no rules for it";
      continue;
    }
    EXPECT_GT(entry.cause->weight, 0) << entry.name;
    EXPECT_NE(entry.cause->next_step, nullptr) << entry.name;
    EXPECT_NE(entry.cause->failure_mode, FailureMode::kUnspecified) << entry.name;
    spoken_for.insert(cause);
  }
  for (int cause = v1::Cause_MIN + 1; cause <= v1::Cause_MAX; ++cause) {
    EXPECT_TRUE(spoken_for.contains(static_cast<v1::Cause>(cause))) << cause;
  }
}

}  // namespace
}  // namespace faultline

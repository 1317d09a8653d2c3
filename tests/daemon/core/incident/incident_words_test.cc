#include "daemon/core/incident/incident_words.h"

#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <vector>

#include "daemon/core/signal/signal_evidence.h"

namespace faultline {
namespace {

struct Cell {
  const char* label;
  double reference;
  double window;
};

v1::SignalEvidence Evidence(const std::string& signal, const std::vector<Cell>& cells) {
  v1::SignalEvidence evidence;
  evidence.set_signal(signal);
  for (const Cell& cell : cells) {
    v1::DistributionCell* added = evidence.add_cells();
    added->set_label(cell.label);
    added->set_reference_share(cell.reference);
    added->set_window_share(cell.window);
  }
  return evidence;
}

void AddAlert(const std::string& detector, const std::string& signal, double score,
              v1::Incident* incident) {
  v1::Alert* alert = incident->add_alerts();
  alert->set_signal(signal);
  alert->set_detector(detector);
  alert->set_state(v1::ALERT_STATE_FIRING);
  alert->mutable_peak()->set_score(score);
  alert->mutable_peak()->set_threshold(0.25);
  incident->set_alerts_total(incident->alerts_total() + 1);
}

v1::Incident CreditIncident() {
  v1::Incident incident;
  incident.set_model("credit");
  incident.set_version("7");
  incident.set_failure_mode(v1::FAILURE_MODE_DATA_QUALITY);
  incident.mutable_start_time()->set_seconds(1'790'000'000);
  return incident;
}

TEST(SummarySentence, SaysWhenTheChangeBeganNotTheAlert) {
  v1::Incident incident = CreditIncident();
  AddAlert("psi", "income", 0.5, &incident);
  incident.mutable_change_time()->mutable_time()->set_seconds(1'790'000'000 - 80);
  EXPECT_TRUE(SummarySentence(incident).ends_with("since 2026-09-21 14:12:00 UTC"))
      << SummarySentence(incident);
}

TEST(SummarySentence, OneSignal) {
  v1::Incident incident = CreditIncident();
  AddAlert("missing_rate", "income", 0.33, &incident);
  *incident.add_evidence() =
      Evidence("income", {{"0 .. 1", 0.99, 0.66}, {"(missing)", 0.01, 0.34}});
  EXPECT_EQ(SummarySentence(incident),
            "income of credit 7 is missing in 34 % of rows (reference 1 %) "
            "since 2026-09-21 14:13:20 UTC");
}

TEST(SummarySentence, SomeSignals) {
  v1::Incident incident = CreditIncident();
  // The strongest alert is not about quality: the sentence begins with the failure mode's signal.
  AddAlert("psi", "age", 3, &incident);
  AddAlert("missing_rate", "income", 0.33, &incident);
  AddAlert("psi", "city", 0.3, &incident);
  *incident.add_evidence() = Evidence("income", {{"(missing)", 0.01, 0.34}});
  EXPECT_EQ(SummarySentence(incident),
            "3 signals of credit 7: income is missing in 34 % of rows (reference 1 %) "
            "since 2026-09-21 14:13:20 UTC; also age, city");
}

TEST(SummarySentence, ManySignalsWithoutAVersion) {
  v1::Incident incident = CreditIncident();
  incident.clear_version();
  incident.set_failure_mode(v1::FAILURE_MODE_INPUT_DRIFT);
  for (const char* signal : {"a", "b", "c", "d", "e", "f"}) {
    AddAlert("psi", signal, 0.5, &incident);
  }
  EXPECT_EQ(SummarySentence(incident),
            "6 signals of credit: a has psi 0.5 (threshold 0.25) since 2026-09-21 14:13:20 UTC; "
            "also b, c, d and 2 more");
}

std::string FindingOf(const char* detector, const v1::SignalEvidence& evidence) {
  v1::Incident incident;
  AddAlert(detector, "x", 0.5, &incident);
  return Finding(incident.alerts(0), &evidence);
}

TEST(Finding, NamesWhatWentWrong) {
  EXPECT_EQ(FindingOf("out_of_range", Evidence("x", {{"5", 1, 0.25},
                                                     {"(under)", 0, 0.5},
                                                     {"(over)", 0, 0.25},
                                                     {"(missing)", 0, 0}})),
            "left its constant 5 in 75 % of rows");
  EXPECT_EQ(FindingOf("out_of_range",
                      Evidence("x", {{"0 .. 1", 1, 0.98}, {"(under)", 0, 0}, {"(over)", 0, 0.02}})),
            "is above its reference range in 2 % of rows (reference 0 %)");
  EXPECT_EQ(FindingOf("unseen_category", Evidence("x", {{"Rome", 1, 0.5}, {"(unseen)", 0, 0.5}})),
            "has categories that the reference does not have in 50 % of rows (reference 0 %)");
  EXPECT_EQ(FindingOf("invalid_rate", Evidence("x", {{"0 .. 1", 1, 0.9}, {"(invalid)", 0, 0.1}})),
            "is NaN or infinite in 10 % of rows (reference 0 %)");
  v1::SignalEvidence shifted = Evidence("x", {{"0 .. 1", 0.5, 0.1}, {"1 .. 2", 0.5, 0.9}});
  EXPECT_EQ(FindingOf("psi", shifted), "is 0 .. 1 in 10 % of rows (reference 50 %)");
  shifted.set_reference_mean(1);
  shifted.set_window_mean(1.4);
  EXPECT_EQ(FindingOf("psi", shifted), "has mean 1.4 (reference 1)");
  shifted.set_window_mean(1.01);
  EXPECT_EQ(FindingOf("psi", shifted), "is 0 .. 1 in 10 % of rows (reference 50 %)");
  EXPECT_EQ(FindingOf("psi", Evidence("x", {{"Rome", 0.02, 0.4}, {"Oslo", 0.98, 0.6}})),
            "is Rome in 40 % of rows (reference 2 %)");
  EXPECT_EQ(FindingOf("psi", Evidence("x", {})), "has psi 0.5 (threshold 0.25)");
}

TEST(ShareWords, RoundsHonestly) {
  EXPECT_EQ(ShareWords(0), "0 %");
  EXPECT_EQ(ShareWords(1e-9), "under 0.1 %");
  EXPECT_EQ(ShareWords(0.001), "0.1 %");
  EXPECT_EQ(ShareWords(0.015), "1.5 %");
  EXPECT_EQ(ShareWords(0.344), "34 %");
  EXPECT_EQ(ShareWords(0.9999), "over 99 %");
  EXPECT_EQ(ShareWords(1), "100 %");
}

std::vector<std::string> Labels(const v1::SignalEvidence& evidence) {
  std::vector<std::string> labels;
  for (const v1::DistributionCell& cell : evidence.cells()) labels.push_back(cell.label());
  return labels;
}

TEST(MakeEvidence, Numbers) {
  Shape shape;
  shape.boundaries = {0, 1, 1.0000001, 5};
  shape.high = 5;
  Summary reference(&shape);
  Summary window(&shape);
  reference.CountNumbers(std::vector<double>{0, 0.5, 1, 4}, nullptr, {0, 4});
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const uint64_t nulls = 1;
  window.CountNumbers(std::vector<double>{0, -1, 6, nan, 2}, &nulls, {0, 5});
  const v1::SignalEvidence evidence = MakeEvidence("x", reference, window);
  EXPECT_EQ(Labels(evidence),
            (std::vector<std::string>{"0 .. 1", "1 .. 1.0000001", "1 .. 5", "(under)", "(over)",
                                      "(missing)", "(invalid)"}));
  EXPECT_EQ(evidence.reference_rows(), 4u);
  EXPECT_EQ(evidence.window_rows(), 5u);
  EXPECT_EQ(evidence.cells(0).reference_share(), 0.5);
  for (int cell = 2; cell < 7; ++cell) EXPECT_EQ(evidence.cells(cell).window_share(), 0.2);
  EXPECT_NEAR(evidence.reference_mean(), 1.375, 1e-3);
  EXPECT_TRUE(evidence.has_window_mean());
}

TEST(MakeEvidence, NothingYet) {
  Shape shape;
  shape.boundaries = {5, 5};
  shape.low = shape.high = 5;
  const Summary empty(&shape);
  const v1::SignalEvidence evidence = MakeEvidence("x", empty, empty);
  EXPECT_EQ(evidence.cells(0).label(), "5");
  EXPECT_EQ(evidence.cells(0).window_share(), 0);
  EXPECT_FALSE(evidence.has_window_mean());
}

TEST(MakeEvidence, ManyCategoriesKeepTheLargest) {
  std::vector<std::string> dictionary;
  std::vector<uint32_t> codes;
  for (uint32_t i = 0; i < 100; ++i) {
    dictionary.push_back("c" + std::to_string(100 + i));
    codes.push_back(i);
  }
  const Shape shape =
      MakeCategoricalShape(dictionary, std::vector<uint64_t>(100, 1), /*version=*/1, {});
  dictionary.push_back("new\n");
  CategoryMap map;
  map.Assign(shape, dictionary);
  Summary reference(&shape);
  reference.CountCategories(codes, map, nullptr, {0, 100});
  // The last category and a new one fill the window.
  codes.assign(3, 99);
  codes.push_back(100);
  Summary window(&shape);
  window.CountCategories(codes, map, nullptr, {0, 4});
  const v1::SignalEvidence evidence = MakeEvidence("x", reference, window);
  ASSERT_EQ(evidence.cells_size(), kEvidenceCellsMax);
  EXPECT_EQ(evidence.cells(59).label(), "c159");
  EXPECT_EQ(evidence.cells(60).label(), "c199");
  EXPECT_EQ(evidence.cells(60).window_share(), 0.75);
  EXPECT_EQ(evidence.cells(61).label(), "(other)");
  EXPECT_NEAR(evidence.cells(61).reference_share(), 0.39, 1e-12);
  EXPECT_EQ(evidence.cells(62).label(), "(unseen)");
  EXPECT_EQ(evidence.cells(62).window_share(), 0.25);
  EXPECT_EQ(evidence.cells(63).label(), "(missing)");
  EXPECT_FALSE(evidence.has_reference_mean());
}

}  // namespace
}  // namespace faultline

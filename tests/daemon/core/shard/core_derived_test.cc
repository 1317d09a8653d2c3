// Signals derived from rows, and the rate of the rows themselves.
#include <gtest/gtest.h>

#include <algorithm>
#include <iterator>

#include "detectors/stats/conventions.h"
#include "storage/tables/keys.h"
#include "tests/daemon/core/core_run.h"

namespace faultline::testing {
namespace {

constexpr char kRate[] = R"(
  defaults {
    pane { length: "10s" } window_panes: 5 idle_close: "20s" reference { learn_rows: 100 }
    alarm_budget { false_alarms: 1 per: "30d" }
    detectors { row_rate_drop {} }
  })";

constexpr char kRows[] = R"(
  defaults {
    pane { rows: 100 } window_panes: 5 reference { learn_rows: 2000 }
    alarm_budget { false_alarms: 1 per: "1000000 rows" }
    detectors { repeat_change {} }
    detectors { dependency_change { from: "zip" to: "region" } }
    detectors { correlation_change { pairs_max: 2 } }
    detectors { mean_change {} }
  })";

// Ten rows a second.
void SendSeconds(int64_t begin_s, int64_t end_s, CoreRun* run) {
  Numbers numbers(static_cast<uint64_t>(begin_s) + 1);
  for (int64_t s = begin_s; s < end_s; s += 5) {
    std::vector<double> values(50);
    for (double& value : values) value = numbers.Normal();
    BatchMaker maker(50, kStart + s * kSecond, kSecond / 10);
    run->Apply(maker.Number("amount", values).Make());
    run->Tick(kStart + (s + 5) * kSecond);
  }
  run->TakeCheckpoint();
}

const DetectorReading& Only(const SignalReading& signal) {
  EXPECT_EQ(signal.readings.size(), 1u);
  return signal.readings.front();
}

TEST(CoreRowRateTest, SilenceIsSeenWhileNoRowComesAndEndsWithThem) {
  CoreRun run(MakeSettings(kRate));
  SendSeconds(0, 600, &run);
  EXPECT_EQ(run.Signal("row_rate").state, VerdictState::kQuiet) << run.Signal("row_rate").missing;
  const uint64_t panes = run.Snapshot()->totals.panes_closed;
  int64_t now_s = 600;
  while (now_s < 900 && run.Signal("row_rate").state == VerdictState::kQuiet) {
    run.Tick(kStart + ++now_s * kSecond);
    run.TakeCheckpoint();
  }
  EXPECT_LT(now_s, 760);
  const SignalReading signal = run.Signal("row_rate");
  EXPECT_EQ(Only(signal).verdict.detail.find("no rows for "), 0u) << Only(signal).verdict.detail;
  EXPECT_LE(run.Snapshot()->totals.panes_closed, panes + 2) << "silent panes do not count";
  EXPECT_LE(run.Snapshot()->totals.mean_false_alarms_max, 760 / (30 * 86'400.0));
  ASSERT_EQ(run.incidents().size(), 1u);
  const v1::Incident& incident = run.incidents().begin()->second;
  EXPECT_EQ(incident.failure_mode(), v1::FAILURE_MODE_OPERATIONAL);
  ASSERT_GE(incident.triage().hypotheses_size(), 1);
  EXPECT_EQ(incident.triage().hypotheses(0).cause(), v1::CAUSE_TRAFFIC_STOPPED);
  EXPECT_NE(incident.triage().sentence().find("no rows for "), std::string::npos)
      << incident.triage().sentence();

  // Rows of the silent panes that were held back are not late.
  BatchMaker held(10, kStart + 612 * kSecond);
  EXPECT_EQ(run.Apply(held.Number("amount", std::vector<double>(10, 0.0)).Make()).late_rows, 0u);
  SendSeconds(now_s, now_s + 300, &run);
  EXPECT_EQ(run.Signal("row_rate").state, VerdictState::kQuiet);
}

TEST(CoreRowRateTest, ARestartInTheSilenceChangesNoAlarm) {
  CoreRun run(MakeSettings(kRate));
  SendSeconds(0, 600, &run);
  for (int64_t s = 601; s < 900; ++s) {
    run.Tick(kStart + s * kSecond);
    if (s % 50 == 0) run.Restart();
  }
  run.TakeCheckpoint();
  EXPECT_EQ(run.Signal("row_rate").state, VerdictState::kAlarm);
  EXPECT_EQ(run.incidents().size(), 1u);
}

TEST(CoreRowRateTest, TimeThatNobodyWatchedIsNoSilence) {
  CoreRun run(MakeSettings(kRate));
  SendSeconds(0, 600, &run);
  // Stopped for a quarter of an hour, and producers take a while to come back.
  run.Resume();
  for (int64_t s = 1'500; s < 1'520; ++s) run.Tick(kStart + s * kSecond);
  SendSeconds(1'520, 1'820, &run);
  EXPECT_EQ(run.Signal("row_rate").state, VerdictState::kQuiet) << run.Signal("row_rate").missing;
  EXPECT_TRUE(run.incidents().empty());
}

TEST(CoreRowRateTest, AFileThatWasReplayedEndsWithoutAlarm) {
  CoreRun run(MakeSettings(kRate));
  std::vector<double> values(6'000, 1.0);
  for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<double>(i % 7);
  const BatchMaker rows = BatchMaker(6'000, kStart - 86'400 * 7 * kSecond, kSecond / 10)
                              .Number("amount", values)
                              .ReceivedAt(kStart);
  for (uint32_t row = 0; row < 6'000; row += 500) run.Apply(rows.Rows(row, row + 500));
  for (int64_t s = 1; s < 600; s += 10) run.Tick(kStart + s * kSecond);
  run.TakeCheckpoint();
  EXPECT_EQ(run.Signal("row_rate").state, VerdictState::kQuiet) << run.Signal("row_rate").missing;
  EXPECT_TRUE(run.incidents().empty());
}

TEST(CoreRowRateTest, PanesByRowsHaveNone) {
  CoreRun run(MakeSettings(
      R"(defaults { pane { rows: 50 } reference { learn_rows: 100 }
                    alarm_budget {} detectors { row_rate_drop {} } })"));
  SendSeconds(0, 100, &run);
  EXPECT_EQ(run.Snapshot()->signals->signals.size(), 1u);
}

// Rows of a shop: the region follows from the zip, the weight goes with the amount.
BatchMaker Shop(uint32_t rows, int64_t first_s, uint64_t seed, double broken) {
  Numbers numbers(seed);
  std::vector<double> amount, weight;
  std::vector<std::string> zip, region;
  for (uint32_t row = 0; row < rows; ++row) {
    amount.push_back(numbers.Normal());
    weight.push_back(amount.back() + 0.5 * numbers.Normal());
    const uint64_t place = numbers.Next(40);
    zip.push_back("z" + std::to_string(place));
    const bool wrong = numbers.Uniform() < broken;
    region.push_back("r" + std::to_string(place % 5 + (wrong ? 1 : 0)));
  }
  return BatchMaker(rows, kStart + first_s * kSecond)
      .Number("amount", amount)
      .Number("weight", weight)
      .String("zip", zip)
      .String("region", region);
}

void Send(const BatchMaker& rows, uint32_t count, uint32_t step, bool restart, CoreRun* run) {
  for (uint32_t row = 0; row < count; row += step) {
    run->Apply(rows.Rows(row, std::min(count, row + step)));
    if (restart) run->Restart();
  }
  run->TakeCheckpoint();
}

TEST(CoreDerivedTest, EachSeesWhatItIsForAndNothingElse) {
  CoreRun run(MakeSettings(kRows));
  const BatchMaker shop = Shop(5'000, 0, 1, 0);
  Send(shop, 5'000, 70, false, &run);
  for (const char* name : {"row_repeats", "zip -> region", "amount ~ weight"}) {
    EXPECT_EQ(run.Signal(name).state, VerdictState::kQuiet) << run.Signal(name).missing;
    EXPECT_EQ(run.Signal(name).readings.size(), 1u) << "others do not look at it";
  }
  Send(Shop(1'000, 5'000, 2, 0.2), 1'000, 70, false, &run);
  EXPECT_EQ(run.Signal("zip -> region").state, VerdictState::kAlarm);
  EXPECT_EQ(run.Signal("row_repeats").state, VerdictState::kQuiet);
  EXPECT_EQ(run.Signal("amount ~ weight").state, VerdictState::kQuiet);
  Send(Shop(300, 6'000, 2, 0.2), 300, 70, false, &run);  // rows that were there
  EXPECT_EQ(run.Signal("row_repeats").state, VerdictState::kAlarm);
}

TEST(CoreDerivedTest, RestartsAndSplitBatchesChangeNoByte) {
  std::vector<std::map<std::string, std::string>> stored;
  for (const bool restart : {false, true}) {
    CoreRun run(MakeSettings(kRows));
    Send(Shop(4'000, 0, 3, 0.01), 4'000, restart ? 333 : 1'000, restart, &run);
    Send(Shop(600, 4'000, 4, 0.3), 600, restart ? 77 : 600, restart, &run);
    EXPECT_EQ(CountKeys(run.stored(), 'f'), 4u) << "three fitted, one memory";
    stored.push_back(run.stored());
    for (auto entry = stored.back().begin(); entry != stored.back().end();) {
      entry = CountsInStateDigest(*ParseKey(entry->first)) ? std::next(entry)
                                                           : stored.back().erase(entry);
    }
  }
  EXPECT_TRUE(stored[0] == stored[1]);
}

TEST(CoreDerivedTest, AnImportedReferenceIsFittedToAndRelearningForgets) {
  CoreRun run(MakeSettings(kRows));
  InstallReference install{"credit", "1", {}};
  install.rows.push_back(Shop(3'000, 0, 5, 0).Make());
  ASSERT_TRUE(run.Run(std::move(install)).status.ok());
  Send(Shop(1'500, 0, 6, 0), 1'500, 500, false, &run);
  EXPECT_EQ(run.Signal("zip -> region").state, VerdictState::kQuiet);
  EXPECT_EQ(run.Signal("zip -> region").reference_rows, 3'000u);
  run.Run(RelearnReference{"credit", "1"});
  run.TakeCheckpoint();
  EXPECT_EQ(CountKeys(run.stored(), 'f'), 0u);
  Send(Shop(3'000, 2'000, 7, 0), 3'000, 500, true, &run);
  EXPECT_EQ(run.Signal("zip -> region").state, VerdictState::kQuiet);
}

// Imports a reference in which every region is another one, and takes it back.
TEST(CoreDerivedTest, WhatWasFittedToAReferenceGoesWithIt) {
  CoreRun run(MakeSettings(kRows));
  Send(Shop(3'000, 0, 8, 0), 3'000, 500, false, &run);
  EXPECT_EQ(run.Signal("zip -> region").state, VerdictState::kQuiet);
  InstallReference install{"credit", "1", {}};
  install.rows.push_back(Shop(3'000, 0, 9, 1).Make());
  ASSERT_TRUE(run.Run(std::move(install)).status.ok());
  ASSERT_TRUE(run.Run(RollbackReference{"credit", "1", ""}).status.ok());
  run.Restart();
  Send(Shop(1'000, 3'000, 10, 0), 1'000, 100, true, &run);
  EXPECT_EQ(run.Signal("zip -> region").state, VerdictState::kCannotTell);
  EXPECT_EQ(run.Signal("amount").state, VerdictState::kQuiet);
  EXPECT_EQ(CountKeys(run.stored(), 'f'), 0u);
  ASSERT_TRUE(run.Run(RollbackReference{"credit", "1", ""}).status.ok());
  run.Restart();
  EXPECT_EQ(run.Signal("zip -> region").state, VerdictState::kCannotTell);
}

TEST(CoreDerivedTest, RawWindowsShowWhatTheToolWouldSay) {
  CoreRun run(MakeSettings(R"(
    defaults {
      pane { rows: 100 } reference { learn_rows: 1000 }
      detectors { raw_window { rows: 200 threshold: 0.2 } signals: "amount" }
      detectors { raw_window { score: RAW_SCORE_SAGEMAKER_SIMPLE rows: 64 } signals: "w*" }
    })"));
  Numbers numbers(11);
  std::vector<double> reference(1'000), live(200), weight(1'200, 2.0);
  for (double& value : reference) value = numbers.Normal();
  for (double& value : live) value = numbers.Normal() + 1;
  std::vector<double> amount = reference;
  amount.insert(amount.end(), live.begin(), live.end());
  const BatchMaker rows = BatchMaker(1'200).Number("amount", amount).Number("weight", weight);
  Send(rows, 1'100, 70, true, &run);
  EXPECT_EQ(run.Signal("evidently_psi of amount").state, VerdictState::kCannotTell);
  EXPECT_EQ(run.Signal("evidently_psi of amount").missing, "no window of 200 rows is full yet");
  run.Apply(rows.Rows(1'100, 1'200));
  run.TakeCheckpoint();
  const Verdict verdict = Only(run.Signal("evidently_psi of amount")).verdict;
  EXPECT_EQ(verdict.score, evidently::Psi(reference, live));
  EXPECT_EQ(verdict.state, VerdictState::kAlarm);
  EXPECT_GT(verdict.noise_floor, 0);
  EXPECT_LT(verdict.noise_floor, verdict.score / 2);
  // Another score, of the column that its pattern names.
  EXPECT_EQ(Only(run.Signal("sagemaker_simple of weight")).verdict.score, 0);
  EXPECT_EQ(run.Snapshot()->signals->signals.size(), 4u);
}

TEST(CoreDerivedTest, WhatCannotBeFittedIsSaidAndHarmsNothing) {
  CoreRun run(MakeSettings(kRows));
  const BatchMaker one =
      BatchMaker(3'000).Number("amount", std::vector<double>(3'000, 1.0)).Model("credit");
  Send(one, 3'000, 500, false, &run);
  EXPECT_EQ(std::count_if(
                run.notes().begin(), run.notes().end(),
                [](const Note& note) {
                  return note.text.find("dependency_change: zip and region") != std::string::npos ||
                         note.text.find("correlation_change: no two") != std::string::npos;
                }),
            2);
  EXPECT_EQ(run.Signal("row_repeats").state, VerdictState::kCannotTell);
}

}  // namespace
}  // namespace faultline::testing

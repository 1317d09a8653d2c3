#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "tests/daemon/core/core_run.h"

// What an incident says of itself is a function of the rows, not of batches and restarts.

namespace faultline {
namespace {

using testing::BatchMaker;
using testing::CoreRun;
using testing::kSecond;
using testing::kStart;
using testing::MakeSettings;
using testing::Numbers;

// Ten rows a second. From the 1500th on values are others, and every third row comes a minute late.
BatchMaker LateRows() {
  constexpr uint32_t kRows = 3'000;
  Numbers numbers(3);
  std::vector<double> values(kRows);
  std::vector<int64_t> times(kRows);
  for (uint32_t row = 0; row < kRows; ++row) {
    const bool after = row >= 1'500;
    values[row] = numbers.Normal() + (after ? 4 : 0);
    times[row] = kStart + row * kSecond / 10 - (after && row % 3 == 0 ? 60 * kSecond : 0);
  }
  BatchMaker maker(kRows);
  maker.Number("x", values).Times(times).ReceivedAt(kStart + 300 * kSecond);
  return maker;
}

TEST(TriageRestartTest, LostRowsAreCountedWhereTheyCame) {
  std::vector<std::string> said;
  for (const uint32_t batch : {500u, 37u}) {
    CoreRun run(MakeSettings(R"(defaults {
      pane { length: "10s" } window_panes: 3 reference { learn_rows: 500 }
      alert { fire_panes: 2 } detectors { psi { threshold: 0.3 } }
    })"));
    const BatchMaker rows = LateRows();
    for (uint32_t row = 0; row < 3'000; row += batch) {
      run.Apply(rows.Rows(row, std::min(row + batch, 3'000u)));
      // Small batches with a restart after each, against large ones without.
      if (batch < 100) run.Restart();
    }
    run.TakeCheckpoint();
    ASSERT_EQ(run.incidents().size(), 1u);
    said.push_back(run.incidents().begin()->second.triage().sentence());
  }
  EXPECT_EQ(said[0], said[1]);
  EXPECT_NE(said[0].find("% of rows arrived too late to be judged"), std::string::npos) << said[0];
}

TEST(TriageRestartTest, AnAlertOfAnOlderIncidentIsNotTheOpenOnes) {
  std::vector<std::string> said;
  for (const bool restart : {false, true}) {
    CoreRun run(MakeSettings(R"(defaults {
      pane { rows: 200 } window_panes: 1 reference { learn_rows: 1000 }
      alert { fire_panes: 1 } detectors { psi { threshold: 0.3 } }
    })"));
    Numbers numbers(5);
    uint32_t sent = 0;
    const auto send = [&](uint32_t rows, double a_shift, double b_shift) {
      std::vector<double> a(rows), b(rows);
      for (double& value : a) value = numbers.Normal() + a_shift;
      for (double& value : b) value = numbers.Normal() + b_shift;
      run.Apply(BatchMaker(rows, kStart + sent * kSecond).Number("a", a).Number("b", b).Make());
      sent += rows;
      run.TakeCheckpoint();
    };
    send(2'000, 0, 0);
    send(600, 1.5, 0);
    ASSERT_EQ(run.incidents().size(), 1u);
    const uint64_t older = run.incidents().begin()->first;
    ASSERT_TRUE(run.Run(ResolveIncident{older, ""}).status.ok());
    send(2'000, 1.5, 9);
    ASSERT_EQ(run.incidents().size(), 2u);
    const uint64_t open = run.incidents().rbegin()->first;
    // Only a rises, which still belongs to the older one.
    const std::string before = run.incidents().at(older).alerts(0).ShortDebugString();
    send(600, 9, 9);
    EXPECT_NE(run.incidents().at(older).alerts(0).ShortDebugString(), before);
    if (restart) run.Restart();
    ASSERT_TRUE(run.Run(CommentIncident{open, "hm"}).status.ok());
    run.TakeCheckpoint();
    said.push_back(run.incidents().at(open).triage().ShortDebugString());
  }
  EXPECT_EQ(said[0], said[1]);
}

}  // namespace
}  // namespace faultline

#include <gtest/gtest.h>

#include <set>

#include "daemon/core/stream/pane_clock.h"
#include "storage/tables/keys.h"
#include "tests/daemon/core/core_run.h"

namespace faultline::testing {
namespace {

// Panes of ten seconds; the reference is learnt from 20 rows.
constexpr const char* kByTime = R"(
  defaults {
    pane { length: '10s' } window_panes: 3 reference { learn_rows: 20 } idle_close: '30s'
    detectors { out_of_range { threshold: 0.5 rows_min: 1 } }
  })";
constexpr int64_t kPane = 10 * kSecond;

// Where model credit/1 has a boundary between panes of a length, after kStart.
int64_t PaneBegin(int64_t length) {
  const int64_t offset = static_cast<int64_t>(ModelHash("credit", "1") % length);
  return ((kStart - offset) / length + 1) * length + offset;
}
int64_t Boundary() { return PaneBegin(kPane); }

std::unique_ptr<EventBatch> At(std::vector<int64_t> times_ns) {
  const uint32_t rows = static_cast<uint32_t>(times_ns.size());
  return BatchMaker(rows)
      .Number("age", std::vector<double>(rows, 1))
      .Times(std::move(times_ns))
      .ReceivedAt(kStart + 1'000'000 * kSecond)
      .Make();
}

class CorePanesTest : public ::testing::Test {
 protected:
  CorePanesTest() : run_(MakeSettings(kByTime)) {
    run_.Apply(At(std::vector<int64_t>(20, Boundary() - kPane)));
    run_.TakeCheckpoint();
  }
  uint64_t Closed() {
    run_.TakeCheckpoint();
    return run_.Snapshot()->totals.panes_closed;
  }

  CoreRun run_;
  const int64_t t_ = Boundary();
};

TEST_F(CorePanesTest, RowTwoPanesAheadClosesTheOldest) {
  run_.Apply(At({t_, t_ + kPane - 1}));
  run_.Apply(At({t_ + kPane}));
  EXPECT_EQ(Closed(), 0u);
  run_.Apply(At({t_ + 2 * kPane}));
  EXPECT_EQ(Closed(), 1u);
  EXPECT_EQ(run_.Signal("age").window_rows, 2u);
  EXPECT_EQ(run_.Snapshot()->signals->evaluated_ns, t_ + kPane);
}

TEST_F(CorePanesTest, RowsOfThePaneBeforeStillCountOlderOnesAreLate) {
  run_.Apply(At({t_ + 5 * kPane}));
  EXPECT_EQ(run_.Apply(At({t_ + 5 * kPane - 1})).applied_rows, 1u);
  const BatchResult late = run_.Apply(At({t_ + 4 * kPane - 1, t_ + 5 * kPane, t_}));
  EXPECT_EQ(late.late_rows, 2u);
  EXPECT_EQ(late.applied_rows, 1u);
  run_.TakeCheckpoint();
  EXPECT_EQ(run_.Snapshot()->totals.late_rows, 2u);
}

TEST_F(CorePanesTest, ClockThatGoesBackReopensNothing) {
  run_.Apply(At({t_, t_ + 9 * kPane, t_ + kPane, t_ + 8 * kPane}));
  EXPECT_EQ(Closed(), 1u);  // of t_
  run_.Restart();
  EXPECT_EQ(run_.Apply(At({t_, t_ + 7 * kPane})).late_rows, 2u);
  EXPECT_EQ(Closed(), 1u);
}

TEST_F(CorePanesTest, PanesWithoutRowsAreNotClosed) {
  for (int i = 0; i < 4; ++i) run_.Apply(At({t_ + i * 100 * kPane}));
  EXPECT_EQ(Closed(), 3u);
  EXPECT_EQ(run_.Signal("age").window_rows, 3u);
}

TEST_F(CorePanesTest, WindowHoldsTheLastPanes) {
  for (int i = 0; i < 20; ++i) {
    run_.Apply(At(std::vector<int64_t>(static_cast<size_t>(i + 1), t_ + i * kPane)));
  }
  EXPECT_EQ(Closed(), 18u);
  EXPECT_EQ(run_.Signal("age").window_rows, 16u + 17u + 18u);
}

TEST_F(CorePanesTest, IdlePanesClose) {
  run_.Apply(At({t_, t_ + kPane}));
  const int64_t received = kStart + 1'000'000 * kSecond;
  run_.Tick(received + 29 * kSecond);
  EXPECT_EQ(Closed(), 0u);
  run_.Tick(received + 30 * kSecond);
  EXPECT_EQ(Closed(), 2u);
  EXPECT_EQ(CountKeys(run_.stored(), 'o'), 0u);
  EXPECT_EQ(run_.Apply(At({t_ + kPane})).late_rows, 1u) << "a closed pane never changes";
}

TEST_F(CorePanesTest, IdleClockStartsAnewAfterARestart) {
  run_.Apply(At({t_}));
  run_.Restart();
  run_.Tick(kStart + 2'000'000 * kSecond);
  EXPECT_EQ(Closed(), 0u);
  run_.Tick(kStart + 2'000'030 * kSecond);
  EXPECT_EQ(Closed(), 1u);
}

// A pause within a pane does not make the rest of its rows late.
TEST_F(CorePanesTest, IdlePanesStayOpenUntilTheirTimeHasPassed) {
  CoreRun run(MakeSettings(R"(
    defaults { pane { length: '1h' } reference { learn_rows: 20 } idle_close: '30s' })"));
  constexpr int64_t kHour = 3'600 * kSecond;
  const int64_t begin = PaneBegin(kHour);
  const auto rows_at = [&](uint32_t rows, int64_t at) {
    return BatchMaker(rows, at, 0)
        .Number("age", std::vector<double>(rows, 1))
        .ReceivedAt(at)
        .Make();
  };
  run.Apply(rows_at(30, begin));
  run.Tick(begin + 40 * kSecond);
  run.Tick(begin + kHour - 1);
  EXPECT_EQ(run.Apply(rows_at(1, begin + kHour - 1)).applied_rows, 1u);
  run.Tick(begin + kHour + 30 * kSecond);
  run.TakeCheckpoint();
  EXPECT_EQ(run.Snapshot()->totals.panes_closed, 1u);
}

TEST(CorePanesByRowsTest, PanesFillInOrderOfArrivalAndNothingIsLate) {
  CoreRun run(MakeSettings(R"(
    defaults { pane { rows: 10 } window_panes: 3 reference { learn_rows: 20 }
               idle_close: '1s' })"));
  run.Apply(At(std::vector<int64_t>(20, kStart)));
  EXPECT_EQ(run.Apply(At(std::vector<int64_t>(15, kStart - 1000 * kSecond))).applied_rows, 15u);
  run.Tick(kStart + 5'000'000 * kSecond);
  run.TakeCheckpoint();
  EXPECT_EQ(run.Snapshot()->totals.panes_closed, 1u) << "panes by rows do not close when idle";
  run.Apply(At(std::vector<int64_t>(5, kStart)));
  run.TakeCheckpoint();
  EXPECT_EQ(run.Snapshot()->totals.panes_closed, 2u);
  EXPECT_EQ(run.Signal("age").window_rows, 20u);
}

TEST(CorePanesByRowsTest, ModelsDoNotCloseAllAtOnce) {
  std::set<int64_t> boundaries;
  for (int i = 0; i < 50; ++i) {
    PaneClock clock(ModelHash("model" + std::to_string(i), "1"));
    clock.Start(kPane, 0, 1, 0);
    boundaries.insert(clock.BeginOf(0));
    EXPECT_EQ(clock.IndexOf(clock.BeginOf(7)), 7);
    EXPECT_EQ(clock.IndexOf(clock.EndOf(7) - 1), 7);
  }
  EXPECT_GT(boundaries.size(), 45u);
}

// A gigabyte of panes does not stay: by age, by bytes; the window does.
TEST(CoreRetentionTest, ByAge) {
  CoreRun run(MakeSettings(R"(
    retention { panes_age_max: '1h' }
    defaults { pane { length: '10s' } window_panes: 3 reference { learn_rows: 20 } })"));
  run.Apply(At(std::vector<int64_t>(20, kStart)));
  for (int i = 0; i < 1'000; ++i) {
    run.Apply(At({kStart + i * kPane}));
    if (i % 100 == 7) run.Restart();
  }
  run.TakeCheckpoint();
  // An hour has 360 panes; they go in groups of 16.
  EXPECT_GE(CountKeys(run.stored(), 'p'), 360u);
  EXPECT_LE(CountKeys(run.stored(), 'p'), 360u + 2 * 16);
}

TEST(CoreRetentionTest, ByBytesButTheWindowStays) {
  CoreRun run(MakeSettings(R"(
    retention { panes_bytes_max: '4KiB' }
    defaults { pane { rows: 10 } window_panes: 100 reference { learn_rows: 20 } })"));
  for (int i = 0; i < 300; ++i) run.Apply(At(std::vector<int64_t>(10, kStart + i * kPane)));
  run.Restart();
  EXPECT_GE(CountKeys(run.stored(), 'p'), 100u);
  EXPECT_LE(CountKeys(run.stored(), 'p'), 100u + 2 * 16);
  run.TakeCheckpoint();
  EXPECT_EQ(run.Signal("age").window_rows, 1'000u);
}

}  // namespace
}  // namespace faultline::testing

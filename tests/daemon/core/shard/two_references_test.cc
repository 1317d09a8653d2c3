// The reference in use and the rolling one: what enters it, its disagreement, promotion, rollback.
#include <gtest/gtest.h>

#include "storage/tables/keys.h"
#include "tests/daemon/core/core_run.h"

namespace faultline::testing {
namespace {

// Panes of 50 rows, windows of four, 40 panes in the rolling reference.
std::string Config(const std::string& more = "") {
  return R"(
  defaults {
    pane { rows: 50 } window_panes: 4 reference { learn_rows: 500 rolling_panes: 40 }
    alert { fire_panes: 1 resolve_panes: 1 } alarm_budget { per: '1000000 rows' }
    detectors { mean_change {} } detectors { missing_rate { threshold: 0.5 } }
    detectors { reference_disagreement { threshold: 0.15 rows_min: 200 } })" +
         more + "}";
}

class Stream {
 public:
  // two_numbers: with a second column of numbers.
  explicit Stream(uint64_t seed, bool two_numbers = false)
      : numbers_(seed), two_numbers_(two_numbers) {}
  // Panes of normal values around `shift`, and of two categories that stay as they are.
  std::unique_ptr<EventBatch> Panes(uint32_t panes, double shift) {
    const uint32_t rows = panes * 50;
    std::vector<double> age(rows);
    std::vector<std::string> region(rows);
    for (double& value : age) value = numbers_.Normal() + shift;
    for (std::string& value : region) value = numbers_.Next(3) == 0 ? "north" : "south";
    BatchMaker maker(rows, kStart + row_ * kSecond);
    row_ += rows;
    maker.Number("age", age).String("region", region);
    if (two_numbers_) {
      for (double& value : age) value = numbers_.Normal();
      maker.Number("income", age);
    }
    return maker.Make();
  }

 private:
  Numbers numbers_;
  bool two_numbers_;
  int64_t row_ = 0;
};

const DetectorReading& Disagreement(const SignalReading& signal) {
  for (const DetectorReading& reading : signal.readings) {
    if (reading.detector == "reference_disagreement") return reading;
  }
  ADD_FAILURE() << "there is none";
  return signal.readings.front();
}

v1::RollingReference Rolling(CoreRun* run) {
  run->TakeCheckpoint();
  return run->Snapshot()->signals->rolling;
}

std::map<std::string, std::string> OfTable(const CoreRun& run, char table) {
  std::map<std::string, std::string> found;
  for (const auto& [key, value] : run.stored()) {
    if (key[1] == table) found.emplace(key, value);
  }
  return found;
}

TEST(TwoReferencesTest, QuietPanesEnterOnceTheyLeaveTheWindow) {
  CoreRun run(MakeSettings(Config()));
  Stream stream(1);
  run.Apply(stream.Panes(14, 0));  // 10 are learnt from
  EXPECT_EQ(Rolling(&run).signals(), 0u) << "all quiet panes are still in the window";
  EXPECT_EQ(Disagreement(run.Signal("age")).verdict.detail, "no quiet panes yet");
  run.Apply(stream.Panes(6, 0));
  const v1::RollingReference rolling = Rolling(&run);
  EXPECT_EQ(rolling.signals(), 2u);
  EXPECT_EQ(rolling.panes(), 6u);
  EXPECT_EQ(rolling.rows(), 300u);
  EXPECT_EQ(rolling.promotable_signals(), 0u);
  EXPECT_EQ(rolling.start_time().seconds(), kStart / kSecond + 500);
  run.Restart();
  run.Apply(stream.Panes(4, 0));
  EXPECT_EQ(Rolling(&run).promotable_signals(), 2u);
  EXPECT_EQ(Disagreement(run.Signal("age")).verdict.state, VerdictState::kQuiet);
  EXPECT_EQ(Disagreement(run.Signal("age")).verdict.rows, 500u) << "of the rolling reference";
}

TEST(TwoReferencesTest, PanesInAlarmNeverEnter) {
  CoreRun run(MakeSettings(Config()));
  Stream stream(2);
  run.Apply(stream.Panes(30, 0));
  EXPECT_EQ(Rolling(&run).panes(), 16u);
  run.Apply(stream.Panes(30, 3));
  const v1::RollingReference rolling = Rolling(&run);
  ASSERT_EQ(run.Signal("age").state, VerdictState::kAlarm);
  EXPECT_EQ(rolling.panes(), 36u) << "of region, which is quiet all the time";
  // What the rolling reference of age holds is like the reference still: nothing of the 30 panes.
  const Verdict verdict = Disagreement(run.Signal("age")).verdict;
  EXPECT_EQ(verdict.state, VerdictState::kQuiet) << verdict.score;
  EXPECT_LE(verdict.rows, 20u * 50);
  run.Restart();
  run.Apply(stream.Panes(10, 3));
  run.TakeCheckpoint();
  EXPECT_LE(Disagreement(run.Signal("age")).verdict.rows, 20u * 50);
}

// A drift so slow that no window is far from the one before, with detectors that tolerate it.
TEST(TwoReferencesTest, ASlowDriftShowsAsDisagreement) {
  CoreRun run(MakeSettings(R"(
    defaults { pane { rows: 50 } window_panes: 4 reference { learn_rows: 500 rolling_panes: 40 }
      alert { fire_panes: 1 resolve_panes: 1 }
      detectors { psi { threshold: 3 } }
      detectors { reference_disagreement { threshold: 0.15 rows_min: 200 } } })"));
  Stream stream(3);
  run.Apply(stream.Panes(20, 0));
  for (int step = 0; step < 100; ++step) run.Apply(stream.Panes(1, 0.008 * step));
  run.TakeCheckpoint();
  const DetectorReading reading = Disagreement(run.Signal("age"));
  EXPECT_EQ(reading.verdict.state, VerdictState::kAlarm) << reading.verdict.score;
  EXPECT_TRUE(reading.unbudgeted);
  ASSERT_EQ(run.incidents().size(), 1u);
  EXPECT_EQ(run.incidents().begin()->second.alerts(0).detector(), "reference_disagreement");
  // Its own alarm keeps nothing out: a promotion is the answer to it.
  const uint64_t panes = Rolling(&run).panes();
  EXPECT_GE(panes, 35u);
  ASSERT_TRUE(run.Run(PromoteReference{"credit", "1", "new normal"}).status.ok());
  run.Apply(stream.Panes(16, 0.7));
  run.TakeCheckpoint();
  EXPECT_NE(run.Signal("age").state, VerdictState::kAlarm);
  EXPECT_EQ(run.incidents().begin()->second.state(), v1::INCIDENT_STATE_RESOLVED);
}

TEST(TwoReferencesTest, PromotionNeedsRows) {
  CoreRun run(MakeSettings(Config()));
  Stream stream(4);
  EXPECT_TRUE(absl::IsNotFound(run.Run(PromoteReference{"credit", "1", ""}).status));
  run.Apply(stream.Panes(18, 0));
  const absl::Status status = run.Run(PromoteReference{"credit", "1", ""}).status;
  EXPECT_TRUE(absl::IsFailedPrecondition(status));
  EXPECT_EQ(status.message(),
            "no signal has enough rows in quiet panes: at most 200, and 500 are needed");
  EXPECT_TRUE(absl::IsFailedPrecondition(run.Run(RollbackReference{"credit", "1", ""}).status));
  run.TakeCheckpoint();
  EXPECT_EQ(run.Snapshot()->signals->references.size(), 1u);
}

TEST(TwoReferencesTest, PromotionChangesBinsAndLawAndRollbackBringsThemBack) {
  CoreRun run(MakeSettings(Config()));
  Stream stream(5);
  run.Apply(stream.Panes(60, 0));
  run.TakeCheckpoint();
  const auto before = OfTable(run, 'r');
  ASSERT_EQ(before.size(), 1u);
  const CommandResult promoted = run.Run(PromoteReference{"credit", "1", "new normal"},
                                         kStart + 5 * kSecond, Principal::Person("ada\n"));
  ASSERT_TRUE(promoted.status.ok()) << promoted.status;
  EXPECT_EQ(promoted.reference.version(), 2u);
  EXPECT_EQ(promoted.reference.signals(), 2u);
  EXPECT_TRUE(promoted.reference.promoted());
  EXPECT_TRUE(promoted.reference.active());
  EXPECT_EQ(promoted.reference.comment(), "new normal");
  run.Restart();
  const auto both = OfTable(run, 'r');
  ASSERT_EQ(both.size(), 2u) << "the one in use and the one before";
  EXPECT_EQ(both.at(before.begin()->first), before.begin()->second);
  EXPECT_NE(both.rbegin()->second, before.begin()->second);
  EXPECT_EQ(run.Signal("age").reference_rows, promoted.reference.rows());
  run.Apply(stream.Panes(12, 0));
  run.TakeCheckpoint();
  EXPECT_EQ(run.Signal("age").state, VerdictState::kQuiet);
  const auto rolled = run.Run(RollbackReference{"credit", "1", "not yet"}, kStart + 9 * kSecond,
                              Principal::Person("bob"));
  ASSERT_TRUE(rolled.status.ok()) << rolled.status;
  EXPECT_EQ(rolled.reference.version(), 1u);
  EXPECT_EQ(rolled.reference.actor(), "bob");
  EXPECT_EQ(rolled.reference.activate_time().seconds(), kStart / kSecond + 9);
  run.Restart();
  EXPECT_EQ(OfTable(run, 'r').at(before.begin()->first), before.begin()->second) << "bit for bit";
  run.TakeCheckpoint();
  const auto& listed = run.Snapshot()->signals->references;
  ASSERT_EQ(listed.size(), 2u);
  EXPECT_EQ(listed[0].version(), 2u);
  EXPECT_EQ(listed[0].comment(), "new normal");
  EXPECT_FALSE(listed[0].active());
  EXPECT_TRUE(listed[0].previous()) << "a rollback can be taken back";
  EXPECT_TRUE(listed[1].active());
  EXPECT_EQ(run.Signal("age").reference_rows, 500u);
  EXPECT_EQ(run.Signal("age").missing, "no pane has closed yet")
      << "panes from before the promotion are not in its window";
  ASSERT_TRUE(run.Run(RollbackReference{"credit", "1", ""}).status.ok());
  run.Restart();
  EXPECT_EQ(OfTable(run, 'r'), both);
}

TEST(TwoReferencesTest, ImportsAndRelearningCanBeTakenBack) {
  CoreRun run(MakeSettings(Config("detectors { row_score {} }")));
  Stream stream(6, true);
  run.Apply(stream.Panes(12, 0));
  run.TakeCheckpoint();
  const auto learnt = OfTable(run, 'r');
  const auto score = OfTable(run, 'f');
  ASSERT_EQ(score.size(), 1u);
  InstallReference install{"credit", "1", {}};
  install.rows.push_back(Stream(99, true).Panes(6, 5));
  ASSERT_TRUE(run.Run(std::move(install)).status.ok());
  run.Restart();
  EXPECT_NE(OfTable(run, 'f').begin()->second, score.begin()->second);
  ASSERT_TRUE(run.Run(RollbackReference{"credit", "1", ""}).status.ok());
  run.Restart();
  EXPECT_EQ(OfTable(run, 'r').begin()->second, learnt.begin()->second);
  EXPECT_EQ(OfTable(run, 'f').begin()->second, score.begin()->second);
  ASSERT_TRUE(run.Run(RelearnReference{"credit", "1"}).status.ok());
  run.Apply(stream.Panes(3, 0));
  run.Restart();
  ASSERT_TRUE(run.Run(RollbackReference{"credit", "1", ""}).status.ok());
  run.Restart();
  EXPECT_EQ(OfTable(run, 'r'), learnt);
  EXPECT_EQ(OfTable(run, 'f'), score);
  EXPECT_EQ(CountKeys(run.stored(), 'l'), 0u);
  EXPECT_TRUE(run.Run(DeleteModel{"credit", "1"}).status.ok());
  run.TakeCheckpoint();
  EXPECT_TRUE(run.stored().empty());
}

// Wherever checkpoints and restarts fall, the same bytes are stored.
TEST(TwoReferencesTest, CheckpointsAndRestartsLeaveNoTrace) {
  const auto settings = MakeSettings(Config());
  const auto drive = [&](CoreRun* run, uint64_t seed) {
    Stream stream(7);
    Numbers numbers(seed);
    for (int step = 0; step < 90; ++step) {
      const double shift = step > 40 && step < 50 ? 4 : 0;
      run->Apply(stream.Panes(2, shift));
      if (step == 30 || step == 80) {
        EXPECT_TRUE(run->Run(PromoteReference{"credit", "1", ""}).status.ok()) << step;
      }
      if (step == 35) run->Run(RollbackReference{"credit", "1", ""});
      if (seed == 0) continue;
      if (numbers.Next(2) == 0) run->TakeCheckpoint();
      if (numbers.Next(3) == 0) run->Restart();
    }
    run->TakeCheckpoint();
  };
  CoreRun plain(settings);
  drive(&plain, 0);
  ASSERT_GE(CountKeys(plain.stored(), 'q'), 1u);
  ASSERT_GE(plain.incidents().size(), 1u);
  for (uint64_t seed = 1; seed <= 4; ++seed) {
    CoreRun divided(settings);
    drive(&divided, seed);
    ASSERT_EQ(plain.stored().size(), divided.stored().size());
    for (const auto& [key, value] : plain.stored()) {
      ASSERT_TRUE(divided.stored().contains(key)) << DescribeKey(key);
      ASSERT_EQ(divided.stored().at(key), value) << DescribeKey(key) << " seed " << seed;
    }
  }
}

TEST(TwoReferencesTest, SwitchedOffItIsGone) {
  CoreRun run(MakeSettings(Config()));
  Stream stream(8);
  run.Apply(stream.Panes(30, 0));
  run.TakeCheckpoint();
  EXPECT_EQ(CountKeys(run.stored(), 'q'), 1u + 3u) << "sections of five panes";
  run.Restart(MakeSettings(
      "defaults { pane { rows: 50 } window_panes: 4 reference { learn_rows: 500 rolling_panes: 0 } "
      "detectors { mean_change {} } }"));
  run.Apply(stream.Panes(30, 0));
  EXPECT_EQ(Rolling(&run).signals(), 0u);
  EXPECT_EQ(CountKeys(run.stored(), 'q'), 0u);
}

}  // namespace
}  // namespace faultline::testing

#include <gtest/gtest.h>

#include <set>

#include "storage/tables/keys.h"
#include "tests/daemon/core/core_run.h"

namespace faultline::testing {
namespace {

std::string Config(const std::string& more = "") {
  return R"(
  defaults {
    pane { rows: 10 } window_panes: 3 reference { learn_rows: 50 }
    alert { fire_panes: 1 resolve_panes: 1 }
    detectors { out_of_range { threshold: 0.5 rows_min: 10 } })" +
         more + "}";
}

std::unique_ptr<EventBatch> Rows(uint32_t rows, double value, const std::string& version = "1",
                                 int64_t at = kStart) {
  return BatchMaker(rows, at)
      .Model("credit", version)
      .Number("age", std::vector<double>(rows, value))
      .Make();
}

// One version of model credit with an open incident.
CoreRun InAlarm() {
  CoreRun run(MakeSettings(Config()));
  run.Apply(Rows(80, 1));
  run.Apply(Rows(30, 2));
  run.TakeCheckpoint();
  EXPECT_EQ(run.incidents().size(), 1u);
  return run;
}

const v1::Incident& OnlyIncident(const CoreRun& run) { return run.incidents().begin()->second; }

TEST(CoreCommandsTest, NewVersionInheritsSchemaAndReference) {
  CoreRun run = InAlarm();
  run.Apply(Rows(10, 1, "2", kStart + 500 * kSecond));
  run.TakeCheckpoint();
  EXPECT_EQ(run.Signal("age", "credit", "2").reference_rows, 50u);
  EXPECT_EQ(run.Signal("age", "credit", "2").window_rows, 10u);
  EXPECT_EQ(run.Signal("age", "credit", "2").state, VerdictState::kQuiet);
  EXPECT_EQ(run.Snapshot("credit", "2")->deployed_ns, kStart + 509 * kSecond);
  EXPECT_EQ(run.Snapshot("credit", "1")->deployed_ns, 0);
  const auto& timeline = OnlyIncident(run).timeline();
  EXPECT_EQ(timeline[timeline.size() - 1].text(), "version 2 deployed");
  // Its state is its own: a restart and the end of the older version leave it alone.
  run.Restart();
  EXPECT_TRUE(run.Run(DeleteModel{"credit", "1"}).status.ok());
  run.Restart();
  run.Apply(Rows(20, 2, "2"));
  run.TakeCheckpoint();
  EXPECT_EQ(run.Signal("age", "credit", "2").state, VerdictState::kAlarm);
}

TEST(CoreCommandsTest, NewVersionRefusesAnotherType) {
  CoreRun run = InAlarm();
  const BatchResult result =
      run.Apply(BatchMaker(1).Model("credit", "2").String("age", {"old"}).Make());
  EXPECT_EQ(result.batch_reason, v1::REJECT_REASON_TYPE);
  run.TakeCheckpoint();
  EXPECT_EQ(run.Snapshot("credit", "2"), nullptr) << "a refused first batch registers nothing";
  EXPECT_EQ(run.shard().signals(), 1u);
}

TEST(CoreCommandsTest, DeleteModelRemovesEveryKey) {
  CoreRun run(MakeSettings(R"(
    defaults { pane { rows: 10 } window_panes: 3 reference { learn_rows: 200 }
      alert { fire_panes: 1 }
      detectors { out_of_range { threshold: 0.5 rows_min: 10 } }
      detectors { page_hinkley { threshold: 9 } }
      detectors { row_score { threshold: 1 } } })"));
  Numbers numbers(1);
  for (int i = 0; i < 40; ++i) {
    std::vector<double> a(50), b(50);
    for (double& value : a) value = numbers.Normal() + (i > 30 ? 9 : 0);
    for (double& value : b) value = numbers.Normal();
    BatchMaker maker(50, kStart + i * 50 * kSecond);
    maker.Number("a", a).Number("b", b);
    if (i == 39) maker.Number("learns", a);
    run.Apply(maker.Make());
    if (i % 7 == 0) run.TakeCheckpoint();
  }
  run.Apply(BatchMaker(3).Number("a", {1, 2, 3}).Number("b", {1, 2, 3}).Make());
  run.Restart();
  for (const char table : {'m', 'o', 'p', 'd', 'a', 'b', 'q', 'r', 'l', 'f'}) {
    EXPECT_GE(CountKeys(run.stored(), table), 1u) << table;
  }
  EXPECT_GE(run.incidents().size(), 1u);
  EXPECT_TRUE(run.Run(DeleteModel{"credit", "1"}).status.ok());
  run.TakeCheckpoint();
  EXPECT_TRUE(run.stored().empty());
  EXPECT_TRUE(run.incidents().empty());
  EXPECT_EQ(run.Snapshot(), nullptr);
  EXPECT_EQ(run.shard().signals(), 0u);
  EXPECT_TRUE(absl::IsNotFound(run.Run(DeleteModel{"credit", "1"}).status));
  EXPECT_EQ(run.Apply(Rows(10, 1)).applied_rows, 10u) << "it may come back";
}

TEST(CoreCommandsTest, InstallReferenceStartsTheWindowAgain) {
  CoreRun run = InAlarm();
  InstallReference install{"credit", "1", {}};
  install.rows.push_back(Rows(20, 2));
  install.rows.push_back(Rows(10, 3));
  const CommandResult result = run.Run(std::move(install), kStart + 7 * kSecond);
  ASSERT_TRUE(result.status.ok()) << result.status;
  EXPECT_EQ(result.reference.version(), 2u);
  EXPECT_EQ(result.reference.rows(), 30u);
  EXPECT_EQ(result.reference.signals(), 1u);
  EXPECT_TRUE(result.reference.imported());
  EXPECT_EQ(result.reference.create_time().seconds(), kStart / kSecond + 7);
  run.Restart();
  run.TakeCheckpoint();
  EXPECT_EQ(run.Signal("age").state, VerdictState::kCannotTell);
  EXPECT_EQ(run.Signal("age").missing, "no pane has closed yet");
  EXPECT_EQ(CountKeys(run.stored(), 'r'), 2u) << "the one before it is kept for a rollback";
  run.Apply(Rows(10, 3));
  run.TakeCheckpoint();
  EXPECT_EQ(run.Signal("age").state, VerdictState::kQuiet);
  EXPECT_EQ(OnlyIncident(run).state(), v1::INCIDENT_STATE_RESOLVED);
}

TEST(CoreCommandsTest, InstallReferenceMakesAModel) {
  CoreRun run(MakeSettings(Config()));
  InstallReference install{"credit", "1", {}};
  EXPECT_TRUE(absl::IsInvalidArgument(run.Run(std::move(install)).status)) << "no rows";
  install = {"credit", "1", {}};
  install.rows.push_back(Rows(20, 1));
  install.rows.push_back(BatchMaker(1).Number("income", {1}).Make());
  EXPECT_TRUE(absl::IsInvalidArgument(run.Run(std::move(install)).status)) << "columns differ";
  run.TakeCheckpoint();
  EXPECT_EQ(run.Snapshot(), nullptr);
  install = {"credit", "1", {}};
  install.rows.push_back(Rows(20, 1));
  EXPECT_TRUE(run.Run(std::move(install)).status.ok());
  run.Apply(Rows(10, 1));
  run.TakeCheckpoint();
  EXPECT_EQ(run.Signal("age").state, VerdictState::kQuiet);
}

TEST(CoreCommandsTest, RelearnReference) {
  CoreRun run = InAlarm();
  EXPECT_TRUE(run.Run(RelearnReference{"credit", "1"}).status.ok());
  run.Apply(Rows(49, 2));
  run.TakeCheckpoint();
  EXPECT_EQ(run.Signal("age").missing, "learning its reference: 49 of 50 rows");
  run.Apply(Rows(11, 2));
  run.TakeCheckpoint();
  EXPECT_EQ(run.Signal("age").state, VerdictState::kQuiet);
  EXPECT_EQ(OnlyIncident(run).state(), v1::INCIDENT_STATE_RESOLVED);
  EXPECT_TRUE(absl::IsNotFound(run.Run(RelearnReference{"credit", "9"}).status));
}

TEST(CoreCommandsTest, CreateModelDeclaresSignals) {
  CoreRun run(MakeSettings(Config()));
  v1::Model model;
  model.set_name("credit");
  model.set_version("1");
  model.add_signals()->set_name("age");
  EXPECT_TRUE(absl::IsInvalidArgument(run.Run(CreateModel{model}).status)) << "no type";
  model.mutable_signals(0)->set_type(v1::SIGNAL_TYPE_NUMERIC);
  const CommandResult created = run.Run(CreateModel{model});
  ASSERT_TRUE(created.status.ok()) << created.status;
  EXPECT_EQ(created.model.signals(0).role(), v1::COLUMN_ROLE_FEATURE);
  EXPECT_TRUE(absl::IsAlreadyExists(run.Run(CreateModel{model}).status));
  run.Apply(BatchMaker(100).Number("income", std::vector<double>(100, 1)).Make());
  run.TakeCheckpoint();
  EXPECT_EQ(run.Signal("age").missing, "its column has not been sent yet");
  EXPECT_EQ(run.Apply(BatchMaker(1).String("age", {"a"}).Make()).batch_reason,
            v1::REJECT_REASON_TYPE);
}

TEST(CoreCommandsTest, SilencedAlertsOpenNoIncident) {
  CoreRun run(MakeSettings(Config()));
  run.Apply(Rows(80, 1));
  EXPECT_TRUE(absl::IsNotFound(run.Run(SilenceModel{"other", kStart, ""}).status));
  const SilenceModel silence{"credit", kStart + 3'600 * kSecond, "maintenance"};
  EXPECT_TRUE(run.Run(silence).status.ok());
  run.Apply(Rows(30, 2));
  run.Restart();
  run.TakeCheckpoint();
  EXPECT_TRUE(run.incidents().empty());
  EXPECT_EQ(run.Snapshot()->silenced_until_ns, kStart + 3'600 * kSecond);
  ASSERT_EQ(run.Snapshot()->alerts.size(), 1u);
  EXPECT_TRUE(run.Snapshot()->alerts[0].silenced);
  run.Tick(kStart + 3'600 * kSecond);
  run.Apply(Rows(10, 2));
  run.TakeCheckpoint();
  EXPECT_EQ(run.Snapshot()->silenced_until_ns, 0);
  EXPECT_EQ(run.incidents().size(), 1u) << "it still fires when the silence is over";
}

TEST(CoreCommandsTest, PeopleDecideOnIncidents) {
  CoreRun run = InAlarm();
  const uint64_t id = run.incidents().begin()->first;
  EXPECT_TRUE(absl::IsNotFound(run.Run(AcknowledgeIncident{id + 1, ""}).status));
  const CommandResult seen = run.Run(AcknowledgeIncident{id, "on it"});
  ASSERT_TRUE(seen.status.ok()) << seen.status;
  EXPECT_EQ(seen.incident.state(), v1::INCIDENT_STATE_ACKNOWLEDGED);
  run.Restart();
  EXPECT_TRUE(run.Run(CommentIncident{id, "the feed is stuck"}).status.ok());
  const CommandResult closed = run.Run(ResolveIncident{id, ""});
  EXPECT_EQ(closed.incident.state(), v1::INCIDENT_STATE_RESOLVED);
  EXPECT_TRUE(absl::IsFailedPrecondition(run.Run(ResolveIncident{id, ""}).status));
  run.TakeCheckpoint();
  EXPECT_EQ(run.Snapshot()->incidents_open, 0u);
}

TEST(CoreCommandsTest, DeployGoesOnTheTimeline) {
  CoreRun run = InAlarm();
  EXPECT_TRUE(run.Run(RecordDeploy{"credit", "1", "rollback"}, kStart + kSecond).status.ok());
  EXPECT_TRUE(absl::IsNotFound(run.Run(RecordDeploy{"other", "1", ""}).status));
  run.TakeCheckpoint();
  EXPECT_EQ(run.Snapshot()->deployed_ns, kStart + kSecond);
  const auto& timeline = OnlyIncident(run).timeline();
  EXPECT_EQ(timeline[timeline.size() - 1].text(), "version 1 deployed: rollback");
}

TEST(CoreCommandsTest, TestAlertFiresAndResolves) {
  CoreRun run(MakeSettings(Config("severity: SEVERITY_CRITICAL")));
  const CommandResult opened = run.Run(TestAlert{60 * kSecond}, kStart);
  ASSERT_TRUE(opened.status.ok());
  EXPECT_TRUE(opened.incident.test());
  EXPECT_EQ(opened.incident.severity(), v1::SEVERITY_CRITICAL) << "the model's severity";
  run.Restart();
  run.TakeCheckpoint();
  ASSERT_NE(run.Snapshot("faultline_test", ""), nullptr);
  ASSERT_EQ(run.Snapshot("faultline_test", "")->alerts.size(), 1u);
  EXPECT_EQ(run.Snapshot("faultline_test", "")->alerts[0].severity, "critical");
  run.Tick(kStart + 59 * kSecond);
  run.TakeCheckpoint();
  EXPECT_EQ(OnlyIncident(run).state(), v1::INCIDENT_STATE_OPEN);
  run.Tick(kStart + 60 * kSecond);
  run.TakeCheckpoint();
  EXPECT_EQ(OnlyIncident(run).state(), v1::INCIDENT_STATE_RESOLVED);
  EXPECT_EQ(run.Snapshot("faultline_test", ""), nullptr);
  EXPECT_EQ(
      run.Apply(BatchMaker(1).Model("faultline_test", "").Number("a", {1}).Make()).batch_reason,
      v1::REJECT_REASON_UNKNOWN_MODEL);
}

TEST(CoreSettingsChangeTest, NewThresholdHoldsFromTheNextPane) {
  CoreRun run = InAlarm();
  const std::string lenient =
      "defaults { pane { rows: 10 } window_panes: 3 reference { learn_rows: 50 } "
      "alert { fire_panes: 1 resolve_panes: 1 } detectors { out_of_range { threshold: 1.0 } "
      "signals: 'other' } }";
  run.Run(ApplySettings{MakeSettings(lenient)});
  run.TakeCheckpoint();
  EXPECT_EQ(OnlyIncident(run).state(), v1::INCIDENT_STATE_RESOLVED)
      << "nothing looks at the signal any more";
  EXPECT_EQ(run.Signal("age").missing, "no detector judges it");
}

TEST(CoreSettingsChangeTest, ARestartWithOtherSettingsIsAChangeToo) {
  CoreRun changed = InAlarm(), restarted = InAlarm();
  const auto settings = MakeSettings(
      "defaults { pane { rows: 12 } window_panes: 2 detectors { psi { threshold: 1 } } "
      "detectors { page_hinkley { threshold: 3 } } }");
  changed.Run(ApplySettings{settings});
  restarted.Restart(settings);
  changed.Apply(Rows(40, 2));
  restarted.Apply(Rows(40, 2));
  changed.TakeCheckpoint();
  restarted.TakeCheckpoint();
  EXPECT_EQ(changed.stored(), restarted.stored());
  EXPECT_EQ(changed.Signal("age").window_rows, 24u);
}

// The pane that a new length closes is judged by the detectors that are there from now on.
TEST(CoreSettingsChangeTest, FewerDetectorsAndAnotherLengthAtOnce) {
  const auto before = MakeSettings(
      "defaults { pane { rows: 10 } reference { learn_rows: 50 } "
      "detectors { psi { threshold: 1 } } detectors { jensen_shannon { threshold: 1 } } "
      "detectors { page_hinkley { threshold: 30 } } }");
  const auto after =
      MakeSettings("defaults { pane { rows: 12 } detectors { page_hinkley { threshold: 30 } } }");
  CoreRun changed(before), restarted(before);
  for (CoreRun* run : {&changed, &restarted}) run->Apply(Rows(75, 1));
  changed.Run(ApplySettings{after});
  restarted.Restart(after);
  for (CoreRun* run : {&changed, &restarted}) {
    run->Apply(Rows(20, 1));
    run->TakeCheckpoint();
  }
  EXPECT_EQ(changed.Snapshot()->totals.panes_closed, 4u) << "10, 10, 5 and 12 rows";
  EXPECT_EQ(changed.stored(), restarted.stored());
}

TEST(CoreSettingsChangeTest, AColumnThatIsIgnoredFromNowOnLearnsNoMore) {
  CoreRun run(MakeSettings(Config()));
  run.Apply(Rows(30, 1));
  run.Run(ApplySettings{MakeSettings(Config("columns { name: 'age' ignore: true }"))});
  run.Apply(Rows(30, 1));
  run.TakeCheckpoint();
  EXPECT_EQ(CountKeys(run.stored(), 'l'), 0u);
  run.Run(ApplySettings{MakeSettings(Config())});
  run.Apply(Rows(49, 1));
  run.TakeCheckpoint();
  EXPECT_EQ(run.Signal("age").missing, "learning its reference: 49 of 50 rows");
  run.Apply(Rows(1, 1));
  run.TakeCheckpoint();
  EXPECT_EQ(run.Signal("age").reference_rows, 50u);
}

TEST(CoreSettingsChangeTest, PaneLengthStartsTheWindowAgain) {
  CoreRun run = InAlarm();
  run.Apply(Rows(5, 2));
  run.Run(ApplySettings{MakeSettings(
      "defaults { pane { length: '10s' } detectors { out_of_range { threshold: 0.5 } } }")});
  run.TakeCheckpoint();
  EXPECT_EQ(run.Snapshot()->totals.panes_closed, 7u) << "the open pane closed";
  EXPECT_EQ(run.Signal("age").missing, "no pane has closed yet");
  run.Restart();
  run.Apply(Rows(100, 1, "1", kStart + 10'000 * kSecond));
  run.TakeCheckpoint();
  EXPECT_GE(run.Signal("age").window_rows, 70u);
  EXPECT_EQ(run.Signal("age").state, VerdictState::kQuiet);
}

}  // namespace
}  // namespace faultline::testing

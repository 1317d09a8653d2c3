#include <gtest/gtest.h>

#include <chrono>
#include <cmath>
#include <memory>
#include <string>

#include "daemon/client/producer.h"
#include "faultline/v1/incident_service.pb.h"
#include "tests/support/daemon_calls.h"
#include "tests/support/daemon_child.h"
#include "tests/support/streams.h"

// An incident of the real daemon, across kills and restarts: its evidence recomputes every verdict
// and answers what-if questions.

namespace faultline::testing {
namespace {

constexpr int64_t kStartNs = 1'700'000'000'000'000'000;
constexpr int64_t kSecond = 1'000'000'000;
constexpr int kPaneRows = 100;

// All sorts of kinds: on the budget and with thresholds; over panes, rows and quiet panes.
constexpr char kConfig[] = R"(
commit: {interval: 10ms}
recorder: {enabled: true}
defaults:
  pane: {length: 100s}
  idle_close: 1h
  window_panes: 3
  reference: {learn_rows: 1000, rolling_panes: 40}
  alarm_budget: {false_alarms: 1, per: 30d}
  columns: [{name: "*", record: keep}]
  detectors:
    - mean_change: {}
    - scale_change: {}
    - distribution_change: {}
    - missing_change: {}
    - unseen_change: {}
    - stuck: {}
    - row_rate_drop: {}
    - reference_disagreement: {rows_min: 100, threshold: 0.3}
    - repeat_change: {}
    - correlation_change: {}
    - psi: {threshold: 0.5}
    - page_hinkley: {threshold: 60}
    - row_score: {}
)";

// A row a second. Once it fails: x moves, every other y is missing, region has a new value.
v1::InferenceBatch MakeBatch(int pane, bool fails) {
  Random random(static_cast<uint64_t>(pane) + 1);
  v1::InferenceBatch batch;
  batch.set_model("m");
  batch.set_version("1");
  batch.set_rows(kPaneRows);
  v1::Column* x = batch.add_columns();
  x->set_name("x");
  v1::Column* y = batch.add_columns();
  y->set_name("y");
  v1::Column* region = batch.add_columns();
  region->set_name("region");
  for (const char* place : {"north", "south", "moon"}) {
    region->mutable_strings()->add_dictionary(place);
  }
  for (int row = 0; row < kPaneRows; ++row) {
    const int64_t second = int64_t{pane} * kPaneRows + row;
    batch.add_event_times_unix_nano(static_cast<uint64_t>(kStartNs + second * kSecond));
    const double value = random.Normal();
    x->mutable_doubles()->add_values(value + (fails ? 3 : 0));
    y->mutable_doubles()->add_values(fails && row % 2 == 0 ? NAN : value + random.Normal());
    region->mutable_strings()->add_codes(fails && row % 3 == 0 ? 2 : row % 2);
  }
  return batch;
}

class IncidentReplay : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(daemon_.Start()) << daemon_.log(); }

  void Send(int panes, bool fails) {
    cli::ProducerOptions options;
    options.address = daemon_.socket_address();
    options.id = "p" + std::to_string(sent_);
    const auto producer = cli::Producer::Connect(options);
    ASSERT_TRUE(producer.ok()) << producer.status();
    for (int i = 0; i < panes; ++i) {
      ASSERT_TRUE((*producer)->Send(MakeBatch(sent_++, fails)).ok());
    }
    ASSERT_TRUE((*producer)->Flush(std::chrono::minutes(2)).ok()) << daemon_.log();
  }

  // The one incident, which spans two restarts of the daemon and some more panes.
  enum class End { kKilled, kAsked };
  std::string Fail(End end) {
    Send(30, false);
    Send(4, true);
    // A killed daemon loses its newest recorded rows.
    if (end == End::kKilled) {
      daemon_.Kill();
    } else {
      EXPECT_EQ(daemon_.Terminate(), 0) << daemon_.log();
    }
    EXPECT_TRUE(daemon_.Start()) << daemon_.log();
    Send(3, true);
    EXPECT_EQ(daemon_.Terminate(), 0) << daemon_.log();
    EXPECT_TRUE(daemon_.Start()) << daemon_.log();
    Send(1, true);
    const std::vector<v1::Incident> incidents = Incidents(daemon_);
    EXPECT_EQ(incidents.size(), 1u);
    return incidents.empty() ? "" : incidents[0].id();
  }

  DaemonChild daemon_{FAULTLINE_BINARY, kConfig};
  int sent_ = 0;
};

TEST_F(IncidentReplay, EveryVerdictIsEqualBitForBitOverAKillAndARestart) {
  v1::ReplayIncidentRequest request;
  request.set_id(Fail(End::kKilled));
  const v1::ReplayIncidentResponse replayed = Replay(daemon_, request);
  EXPECT_TRUE(replayed.identical()) << replayed.DebugString();
  EXPECT_EQ(replayed.equal(), replayed.verdicts());
  int alarms = 0;
  for (const v1::ReplaySeries& series : replayed.series()) {
    EXPECT_EQ(series.basis(), v1::REPLAY_BASIS_PANES) << series.DebugString();
    EXPECT_EQ(series.equal(), series.verdicts()) << series.DebugString();
    alarms += series.has_alarm_was() ? 1 : 0;
  }
  EXPECT_GE(alarms, 4);
  // Three signals, four kinds each at least, over the panes before and after the restarts.
  EXPECT_GE(replayed.verdicts(), 60u);

  const CommandOutcome outcome = RunCommand({FAULTLINE_BINARY, "incidents", "replay", request.id(),
                                             "--address", daemon_.socket_address()});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.output;
  EXPECT_NE(outcome.output.find("equal bit for bit"), std::string::npos) << outcome.output;
}

TEST_F(IncidentReplay, AnotherBudgetAndAnotherReferenceGiveOtherAnswers) {
  v1::ReplayIncidentRequest request;
  request.set_id(Fail(End::kAsked));
  request.set_alarm_budget("0 per 30d");
  const v1::ReplayIncidentResponse none = Replay(daemon_, request);
  EXPECT_FALSE(none.identical());
  EXPECT_LT(none.equal(), none.verdicts());
  EXPECT_EQ(none.recomputed(), none.verdicts());
  int fewer = 0;
  for (const v1::ReplaySeries& series : none.series()) {
    if (series.detector() == "psi") {
      EXPECT_EQ(series.equal(), series.verdicts()) << "not on the budget";
    } else {
      EXPECT_FALSE(series.has_alarm_is() && !series.has_alarm_was());
      fewer += series.has_alarm_was() && !series.has_alarm_is() ? 1 : 0;
    }
  }
  EXPECT_GE(fewer, 3);

  // With the failed traffic as reference, signals are quiet once the window holds nothing else.
  request.clear_alarm_budget();
  request.mutable_reference_start_time()->set_seconds((kStartNs / kSecond) + 30 * kPaneRows);
  request.mutable_reference_end_time()->set_seconds((kStartNs / kSecond) + 34 * kPaneRows);
  const v1::ReplayIncidentResponse other = Replay(daemon_, request);
  EXPECT_FALSE(other.identical());
  EXPECT_GT(other.events_share(), 0.5) << other.exactness();
  bool counted_again = false;
  for (const v1::ReplaySeries& series : other.series()) {
    if (series.signal() != "x" || series.detector() != "mean_change") continue;
    counted_again = true;
    EXPECT_TRUE(series.has_alarm_was());
    ASSERT_GT(series.points_size(), 0);
    EXPECT_EQ(series.points().rbegin()->state(), v1::VERDICT_STATE_QUIET) << series.DebugString();
    EXPECT_GE(series.basis(), v1::REPLAY_BASIS_EVENTS) << series.DebugString();
    EXPECT_GT(series.recomputed(), 0u);
  }
  EXPECT_TRUE(counted_again) << other.DebugString();
}

}  // namespace
}  // namespace faultline::testing

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/core/settings/stream_kind.h"
#include "daemon/core/stream/pane_stream.h"
#include "storage/tables/incident_id.h"
#include "storage/tables/keys.h"
#include "tests/daemon/core/core_run.h"

// A model with a second stream of panes, which only these tests know: registering its kind is all
// that the core needs.
namespace faultline::testing {
namespace {

constexpr uint8_t kOutcomeStream = 1;
constexpr int64_t kDay = 86'400 * kSecond;

PaneSettings OutcomePanes(const ModelSettings& settings) {
  return {.rows = 50,
          .late_panes = 0,
          .window_panes = 4,
          .learn_rows = 300,
          .rolling_panes = settings.rolling_panes};
}

// `subject`: of the incidents of outcomes.
std::shared_ptr<const Settings> TwoStreams(double weight = 1, std::string_view subject = "") {
  static std::vector<std::vector<StreamKind>> kept;
  kept.push_back({StreamKinds().front(), {"outcomes", OutcomePanes, weight, subject}});
  auto settings = std::make_shared<Settings>(*MakeSettings(R"(
    defaults {
      pane { length: "60s" } window_panes: 5 reference { learn_rows: 500 }
      alarm_budget { false_alarms: 1 per: "30d" }
    })"));
  settings->streams = kept.back();
  return settings;
}

std::unique_ptr<EventBatch> Inferences(int64_t from_ns, double shift, uint64_t seed) {
  Numbers numbers(seed);
  std::vector<double> income;
  for (int row = 0; row < 60; ++row) income.push_back(numbers.Normal() + shift);
  return BatchMaker(60, from_ns).Number("income", income).Make();
}

std::unique_ptr<EventBatch> Outcomes(int64_t from_ns, double shift, uint64_t seed) {
  Numbers numbers(seed + 1'000'000);
  std::vector<double> loss;
  for (int row = 0; row < 60; ++row) loss.push_back(numbers.Normal() + shift);
  auto batch = BatchMaker(60, from_ns).Number("loss", loss).ReceivedAt(from_ns + kDay).Make();
  batch->stream = kOutcomeStream;
  return batch;
}

// One minute of both streams; outcomes come a day later than the inferences that they are about.
void Minute(CoreRun* run, int minute, double inference_shift, double outcome_shift) {
  const int64_t now_ns = kStart + kDay + minute * 60 * kSecond;
  const BatchResult inferences =
      run->Apply(Inferences(now_ns, inference_shift, static_cast<uint64_t>(minute)));
  EXPECT_EQ(inferences.applied_rows, 60u);
  const BatchResult outcomes =
      run->Apply(Outcomes(now_ns - kDay, outcome_shift, static_cast<uint64_t>(minute)));
  EXPECT_EQ(outcomes.applied_rows, 60u) << "each stream has a clock of its own";
}

TEST(TwoStreamsTest, EachHasItsOwnClockReferenceAndWindow) {
  CoreRun run(TwoStreams());
  for (int minute = 0; minute < 20; ++minute) Minute(&run, minute, 0, 0);
  run.TakeCheckpoint();
  EXPECT_EQ(run.Signal("income").reference_rows, 500u);
  EXPECT_EQ(run.Signal("loss").reference_rows, 300u);
  EXPECT_EQ(run.Signal("loss").window_rows, 200u) << "4 panes of 50 rows";
  EXPECT_EQ(run.Signal("loss").state, VerdictState::kQuiet) << run.Signal("loss").missing;
  EXPECT_EQ(run.Snapshot()->totals.applied_rows, 20u * 120u);
}

TEST(TwoStreamsTest, TheirAlertsShareTheIncidentsOfTheModel) {
  CoreRun run(TwoStreams());
  for (int minute = 0; minute < 40; ++minute) {
    Minute(&run, minute, minute < 30 ? 0 : 4, minute < 25 ? 0 : 4);
  }
  run.TakeCheckpoint();
  ASSERT_EQ(run.incidents().size(), 1u);
  const v1::Incident& incident = run.incidents().begin()->second;
  bool income = false;
  bool loss = false;
  for (const v1::Alert& alert : incident.alerts()) {
    income |= alert.signal() == "income";
    loss |= alert.signal() == "loss";
  }
  EXPECT_TRUE(income && loss) << incident.DebugString();
}

// The open incident of a subject, or null.
const v1::Incident* OpenOf(const CoreRun& run, const std::string& subject) {
  for (const auto& [id, incident] : run.incidents()) {
    if (incident.state() != v1::INCIDENT_STATE_RESOLVED && incident.subject() == subject) {
      return &incident;
    }
  }
  return nullptr;
}

size_t EvidenceOf(const CoreRun& run, const v1::Incident& incident, Table table) {
  size_t records = 0;
  for (const auto& [bytes, value] : run.stored()) {
    const auto key = ParseKey(bytes);
    records += key->table == table && FormatIncidentId(key->incident_id) == incident.id() ? 1 : 0;
  }
  return records;
}

TEST(TwoStreamsTest, OneWithASubjectOfItsOwnHasIncidentsOfItsOwn) {
  const auto settings = TwoStreams(1, "outcomes");
  CoreRun run(settings);
  CoreRun broken(settings);
  const auto both = [&](int minute, double inference_shift, double outcome_shift) {
    Minute(&run, minute, inference_shift, outcome_shift);
    Minute(&broken, minute, inference_shift, outcome_shift);
    broken.Restart();
  };
  int minute = 0;
  while (minute < 25) both(minute++, 0, 0);
  while (minute < 30) both(minute++, 0, 4);
  while (minute < 40) both(minute++, 4, 4);
  run.TakeCheckpoint();
  const v1::Incident* inference = OpenOf(run, "");
  const v1::Incident* outcomes = OpenOf(run, "outcomes");
  ASSERT_TRUE(run.incidents().size() == 2 && inference != nullptr && outcomes != nullptr);
  EXPECT_EQ(run.Snapshot()->incidents_open, 2u);
  for (const v1::Alert& alert : inference->alerts()) EXPECT_EQ(alert.signal(), "income");
  for (const v1::Alert& alert : outcomes->alerts()) EXPECT_EQ(alert.signal(), "loss");
  for (const v1::Incident* incident : {inference, outcomes}) {
    EXPECT_TRUE(incident->has_triage() && incident->has_change_time()) << incident->subject();
    EXPECT_GE(EvidenceOf(run, *incident, Table::kEvidence), 1u);
    EXPECT_GE(EvidenceOf(run, *incident, Table::kEvidencePane), 2u);
  }

  // A person resolves one; the other goes on gathering evidence.
  uint64_t id = 0;
  for (const auto& [each, incident] : run.incidents()) id = incident.subject().empty() ? each : id;
  for (CoreRun* each : {&run, &broken}) {
    ASSERT_TRUE(each->Run(ResolveIncident{id, ""}).status.ok());
  }
  const size_t before = EvidenceOf(run, *outcomes, Table::kEvidencePane);
  both(minute++, 4, 4);
  run.TakeCheckpoint();
  EXPECT_EQ(OpenOf(run, ""), nullptr);
  ASSERT_NE(OpenOf(run, "outcomes"), nullptr);
  EXPECT_GT(EvidenceOf(run, *OpenOf(run, "outcomes"), Table::kEvidencePane), before);
  // Everything that restarts in between stored is the same.
  broken.TakeCheckpoint();
  EXPECT_EQ(run.stored(), broken.stored());
  ASSERT_EQ(run.incidents().size(), broken.incidents().size());
  for (const auto& [each, incident] : run.incidents()) {
    EXPECT_EQ(incident.SerializeAsString(), broken.incidents().at(each).SerializeAsString());
  }
}

TEST(TwoStreamsTest, ARestartAnywhereChangesNothing) {
  CoreRun whole(TwoStreams());
  CoreRun broken(TwoStreams());
  for (int minute = 0; minute < 40; ++minute) {
    const double shift = minute < 30 ? 0 : 4;
    Minute(&whole, minute, shift, shift);
    Minute(&broken, minute, shift, shift);
    broken.Restart();
  }
  whole.TakeCheckpoint();
  broken.TakeCheckpoint();
  EXPECT_EQ(whole.stored(), broken.stored());
  EXPECT_EQ(whole.incidents().size(), 1u);
  ASSERT_EQ(broken.incidents().size(), 1u);
  EXPECT_EQ(whole.incidents().begin()->second.SerializeAsString(),
            broken.incidents().begin()->second.SerializeAsString());
  const auto with_ordinal = [&](uint8_t ordinal) {
    size_t count = 0;
    for (const auto& [key, value] : whole.stored()) {
      const auto parsed = ParseKey(key);
      count += HasStream(parsed->table) && parsed->stream == ordinal;
    }
    return count;
  };
  EXPECT_GT(with_ordinal(kInferenceStream), 0u);
  EXPECT_GT(with_ordinal(kOutcomeStream), 0u);
}

TEST(TwoStreamsTest, DeletingTheModelLeavesNothing) {
  CoreRun run(TwoStreams());
  for (int minute = 0; minute < 40; ++minute) Minute(&run, minute, 0, minute < 30 ? 0 : 4);
  run.TakeCheckpoint();
  ASSERT_TRUE(run.Run(DeleteModel{"credit", "1"}).status.ok());
  run.TakeCheckpoint();
  for (const auto& [key, value] : run.stored()) {
    EXPECT_FALSE(HasModel((*ParseKey(key)).table)) << DescribeKey(key);
  }
  EXPECT_TRUE(run.incidents().empty());
}

TEST(TwoStreamsTest, ASignalBelongsToOneStream) {
  CoreRun run(TwoStreams());
  run.Apply(Inferences(kStart + kDay, 0, 1));
  auto batch = Inferences(kStart, 0, 2);
  batch->stream = kOutcomeStream;
  const BatchResult result = run.Apply(std::move(batch));
  EXPECT_EQ(result.rejected_rows, 60u);
  EXPECT_EQ(result.batch_error,
            "column income: another stream of the model has a signal of this name");
}

// The streams of a model share one budget: the parts of their panes sum to 1.
TEST(TwoStreamsTest, TheyDivideTheAlarmBudget) {
  for (const double weight : {1.0, 3.0}) {
    CoreRun run(TwoStreams(weight));
    for (int minute = 0; minute < 20; ++minute) Minute(&run, minute, 0, 0);
    run.TakeCheckpoint();
    double income = 0;
    double loss = 0;
    for (const char* name : {"income", "loss"}) {
      for (const DetectorReading& reading : run.Signal(name).readings) {
        const double share = reading.verdict.budget_share;
        if (share > 0) (name[0] == 'i' ? income : loss) += share;
      }
    }
    EXPECT_NEAR(loss / income, weight, 1e-9);
    EXPECT_NEAR(loss + income, 1, 0.35) << "row_rate_drop has a share as well, if it is watched";
    EXPECT_LE(loss + income, 1 + 1e-9);
  }
}

}  // namespace
}  // namespace faultline::testing

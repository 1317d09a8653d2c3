// A detector that is added to the catalog, and to nothing else: this executable has a catalog of
// its own. The daemon judges with it, names its cause in its words, and restores it by its name.
#include <absl/strings/str_cat.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "daemon/core/incident/failure_mode.h"
#include "detectors/catalog.h"
#include "tests/daemon/core/core_run.h"

namespace faultline {
namespace {

using testing::BatchMaker;
using testing::CoreRun;
using testing::MakeSettings;
using testing::Numbers;

class Tide final : public CompareDetector {
 public:
  explicit Tide(double threshold) : threshold_(threshold) {}
  bool Judges(SignalType type) const override { return type == SignalType::kNumeric; }
  Verdict Compare(const Summary& reference, const Summary& window) const override {
    Verdict verdict;
    if (window.values() == 0) return verdict;
    verdict.rows = window.rows();
    verdict.reference_rows = reference.rows();
    verdict.score = window.mean() - reference.mean();
    verdict.threshold = threshold_;
    verdict.state = verdict.score > threshold_ ? VerdictState::kAlarm : VerdictState::kQuiet;
    verdict.detail = "the water is above the mark";
    return verdict;
  }

 private:
  double threshold_;
};

absl::StatusOr<Detector> MakeTide(const v1::DetectorSpec& spec) {
  return Detector{.name = "tide", .compare = std::make_shared<Tide>(spec.psi().threshold())};
}

constexpr int kTideCause = 99;
constexpr DetectorCause kTideCameIn = {.cause = static_cast<Cause>(kTideCause),
                                       .failure_mode = FailureMode::kTrafficMix,
                                       .weight = 5,
                                       .title = "the tide came in",
                                       .next_step = "wait for the ebb"};
// A test cannot add a field to the contract, so it takes the options of another kind.
constexpr CatalogEntry kTide = {.kind = v1::DetectorSpec::kPsi,
                                .name = "tide",
                                .concern = Concern::kQuality,
                                .failure_mode = FailureMode::kUnusualInput,
                                .watched = Watched::kColumns,
                                .state_version = 1,
                                .state_bytes_max = 0,
                                .replay = ReplaySource::kPanes,
                                .in_default_suite = false,
                                .budgeted = false,
                                .on_rolling = false,
                                .whole = false,
                                .make = MakeTide,
                                .cause = &kTideCameIn};

}  // namespace

std::span<const CatalogEntry> Catalog() { return {&kTide, 1}; }

namespace {

TEST(AddedDetector, SpeaksForItsCauseInAnIncident) {
  CoreRun run(MakeSettings(R"(
    defaults {
      pane { rows: 100 } window_panes: 3 reference { learn_rows: 1000 }
      detectors { psi { threshold: 3 } }
    })"));
  Numbers numbers(1);
  std::vector<double> level(2'000);
  for (size_t i = 0; i < level.size(); ++i) level[i] = numbers.Normal() + (i < 1'500 ? 0 : 9);
  const BatchMaker rows = BatchMaker(2'000).Number("level", level);
  for (uint32_t row = 0; row < 2'000; row += 100) {
    run.Apply(rows.Rows(row, row + 100));
    run.Restart();
  }
  run.TakeCheckpoint();
  ASSERT_EQ(run.incidents().size(), 1u);
  const v1::Incident& incident = run.incidents().begin()->second;
  ASSERT_EQ(incident.alerts_size(), 1);
  EXPECT_EQ(incident.alerts(0).detector(), "tide");
  ASSERT_GE(incident.triage().hypotheses_size(), 1) << incident.triage().sentence();
  const v1::Hypothesis& best = incident.triage().hypotheses(0);
  EXPECT_EQ(best.cause(), kTideCause);
  EXPECT_EQ(best.title(), "the tide came in");
  EXPECT_EQ(best.failure_mode(), v1::FAILURE_MODE_TRAFFIC_MIX);
  ASSERT_EQ(best.arguments_for_size(), 1);
  EXPECT_EQ(best.arguments_for(0).text(), "level: the water is above the mark");
  EXPECT_EQ(incident.failure_mode(), v1::FAILURE_MODE_TRAFFIC_MIX);
  EXPECT_NE(incident.triage().sentence().find("Next: wait for the ebb."), std::string::npos)
      << incident.triage().sentence();
  EXPECT_TRUE(incident.triage().sentence().starts_with("level of credit 1 "));
}

}  // namespace
}  // namespace faultline

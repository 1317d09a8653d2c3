#include "daemon/cli/console/model_text.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/daemon/cli/console/golden.h"

namespace faultline::cli {
namespace {

constexpr Style kPlain{.width = 100, .colour = false};

v1::SignalStatus* AddSignal(v1::GetModelStatusResponse* status, const std::string& name,
                            v1::VerdictState state) {
  v1::SignalStatus* signal = status->add_signals();
  signal->mutable_signal()->set_name(name);
  signal->set_state(state);
  signal->set_reference_rows(5'000);
  signal->set_window_rows(3'000);
  return signal;
}

void AddVerdict(v1::SignalStatus* signal, const std::string& detector, v1::VerdictState state,
                double score, double threshold) {
  v1::Verdict* verdict = signal->add_verdicts();
  verdict->set_detector(detector);
  verdict->set_state(state);
  verdict->set_score(score);
  if (threshold > 0) verdict->set_threshold(threshold);
}

v1::GetModelStatusResponse Status() {
  v1::GetModelStatusResponse status;
  status.mutable_model()->set_name("credit");
  status.mutable_model()->set_version("3");
  status.set_summary("3 signals: 1 in alarm, 1 quiet, 1 cannot tell yet (40 more rows).");
  AddVerdict(AddSignal(&status, "age", v1::VERDICT_STATE_QUIET), "psi", v1::VERDICT_STATE_QUIET,
             0.02, 0.25);
  AddSignal(&status, "region", v1::VERDICT_STATE_CANNOT_TELL)->set_missing("40 more rows");
  v1::SignalStatus* income = AddSignal(&status, "income", v1::VERDICT_STATE_ALARM);
  AddVerdict(income, "jensen_shannon", v1::VERDICT_STATE_QUIET, 0.1, 0);
  AddVerdict(income, "psi", v1::VERDICT_STATE_ALARM, 0.31, 0.25);
  AddVerdict(income, "missing_rate", v1::VERDICT_STATE_ALARM, 0.31, 0.05);
  return status;
}

TEST(ModelText, TheWorstComesFirst) {
  testing::ExpectGolden("model_status.txt", ModelStatusText(Status(), false, kPlain));
}

TEST(ModelText, EveryVerdict) {
  testing::ExpectGolden("model_status_all.txt", ModelStatusText(Status(), true, kPlain));
}

TEST(ModelText, TheAlarmBudget) {
  v1::GetModelStatusResponse status = Status();
  v1::SignalStatus* amount = AddSignal(&status, "amount", v1::VERDICT_STATE_ALARM);
  AddVerdict(amount, "mean_change", v1::VERDICT_STATE_ALARM, 7.5, 6.25);
  amount->mutable_verdicts(0)->set_budget_share(0.0125);
  v1::AlarmBudgetStatus* budget = status.mutable_alarm_budget();
  budget->set_threshold(2.592e6);
  budget->set_mean_false_alarms_max(0.4);
  budget->set_alarms(1);
  const Style wide = {.width = 200, .colour = false};
  std::string text = ModelStatusText(status, false, wide);
  EXPECT_NE(text.find("Alarm budget: a false alarm per 30 days; on the average at most 0.4 so far; "
                      "1 alarm in fact.\n"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("reference  budget\n"), std::string::npos) << text;
  EXPECT_NE(text.find("1.25 %\n"), std::string::npos) << text;
  budget->set_threshold(5'000);
  budget->set_in_rows(true);
  budget->set_of_deployment(true);
  text = ModelStatusText(status, false, wide);
  EXPECT_NE(text.find("Alarm budget, its part of the deployment's: a false alarm per 5000 rows; "),
            std::string::npos)
      << text;
}

TEST(ModelText, TheDaemon) {
  v1::GetStatusResponse status;
  status.set_version("0.1.0");
  status.set_ready(true);
  status.mutable_start_time()->set_seconds(1'700'000'000);
  status.set_models(2);
  status.set_signals(1'280);
  status.set_incidents_open(1);
  for (const char* result : {"shed", "applied", "rejected", "late", "duplicate"}) {
    (*status.mutable_rows())[result] = 1'000;
  }
  status.set_resident_bytes(50 << 20);
  status.set_state_bytes(3 << 20);
  status.set_commits(12'345);
  testing::ExpectGolden("daemon_status.txt",
                        DaemonStatusText(status, 1'700'007'260'000'000'000, kPlain));
  status.set_ready(false);
  status.set_not_ready_reason("the disk is full\x1b[2J");
  const std::string text = DaemonStatusText(status, 1'700'007'260'000'000'000, kPlain);
  EXPECT_EQ(text.substr(0, text.find('\n')),
            "Faultline 0.1.0, not ready: the disk is full\\x1b[2J");
}

TEST(ModelText, ListsAndShows) {
  v1::ListModelsResponse list;
  EXPECT_EQ(ModelsText(list, kPlain),
            "No models yet: send events, or create one with 'faultline models create'.\n");
  v1::Model* model = list.add_models();
  model->set_name("credit");
  model->set_version("3");
  model->set_applied_rows(1'000'000);
  model->mutable_last_event_time()->set_seconds(1'700'000'000);
  testing::ExpectGolden("models.txt", ModelsText(list, kPlain));
  v1::Signal* signal = model->add_signals();
  signal->set_name("income");
  signal->set_type(v1::SIGNAL_TYPE_NUMERIC);
  signal->set_role(v1::COLUMN_ROLE_PREDICTION_SCORE);
  v1::ListReferencesResponse references;
  v1::Reference* reference = references.add_references();
  reference->set_version(2);
  reference->set_rows(5'000);
  reference->set_signals(12);
  reference->set_imported(true);
  reference->set_active(true);
  reference->mutable_create_time()->set_seconds(1'700'000'000);
  testing::ExpectGolden("model.txt", ModelText(*model, references, kPlain));
}

}  // namespace
}  // namespace faultline::cli

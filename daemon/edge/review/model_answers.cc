#include "daemon/edge/review/model_answers.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <string_view>
#include <utility>

#include "daemon/core/alert/alert_book.h"
#include "daemon/edge/review/answer.h"

namespace faultline::review {
namespace {

v1::VerdictState ToState(VerdictState state) {
  switch (state) {
    case VerdictState::kQuiet:
      return v1::VERDICT_STATE_QUIET;
    case VerdictState::kAlarm:
      return v1::VERDICT_STATE_ALARM;
    case VerdictState::kCannotTell:
      return v1::VERDICT_STATE_CANNOT_TELL;
  }
  return v1::VERDICT_STATE_UNSPECIFIED;
}

// The state of a detector before enough alarms make an alert fire.
void AddPending(const DetectorReading& reading, v1::Verdict* verdict) {
  if (reading.firing || reading.pending_panes == 0) return;
  const char* separator = verdict->detail().empty() ? "" : "; ";
  absl::StrAppend(verdict->mutable_detail(), separator, "over its threshold for ",
                  reading.pending_panes, " of ", reading.fire_panes, " panes");
}

v1::Verdict ToVerdict(const DetectorReading& reading) {
  const bool fixed = !std::isnan(reading.verdict.threshold);
  return VerdictMessage(reading.detector, reading.verdict, reading.unbudgeted && fixed);
}

void FillSignal(const SignalReading& from, v1::Signal* to) {
  to->set_name(from.name);
  to->set_type(static_cast<v1::SignalType>(from.type));
  to->set_role(from.role);
  to->set_derived(from.derived);
}

std::string Count(uint64_t count, const char* noun) {
  return absl::StrCat(count, " ", noun, count == 1 ? "" : "s");
}

struct Tally {
  uint64_t quiet = 0;
  uint64_t alarm = 0;
  uint64_t cannot_tell = 0;
  uint64_t thresholds = 0;
  // What is missing for most of the detectors that cannot tell.
  std::string missing;
};

Tally CountStates(const ModelSignals& signals) {
  Tally tally;
  for (const SignalReading& signal : signals.signals) {
    if (signal.state == VerdictState::kAlarm) ++tally.alarm;
    if (signal.state == VerdictState::kQuiet) ++tally.quiet;
    if (signal.state == VerdictState::kCannotTell) {
      ++tally.cannot_tell;
      if (tally.missing.empty()) tally.missing = signal.missing;
    }
    tally.thresholds += static_cast<uint64_t>(
        std::count_if(signal.readings.begin(), signal.readings.end(),
                      [](const DetectorReading& r) { return r.verdict.threshold > 0; }));
  }
  return tally;
}

std::string SummariseSignals(const ModelSignals& signals) {
  const Tally tally = CountStates(signals);
  std::string text =
      absl::StrCat(Count(signals.signals.size(), "signal"), ": ", tally.alarm, " in alarm, ",
                   tally.quiet, " quiet, ", tally.cannot_tell, " cannot tell yet");
  if (!tally.missing.empty()) absl::StrAppend(&text, " (", tally.missing, ")");
  text += ".";
  if (tally.thresholds == 0 && tally.cannot_tell < signals.signals.size()) {
    text += " Nothing can alarm: no detector has a threshold; set one in the configuration.";
  }
  return text;
}

}  // namespace

v1::Model ToModel(const ModelSnapshot& snapshot, bool with_signals, int64_t now_ns) {
  v1::Model model;
  model.set_name(snapshot.name);
  model.set_version(snapshot.version);
  model.set_applied_rows(snapshot.totals.applied_rows);
  model.set_late_rows(snapshot.totals.late_rows);
  model.set_rejected_rows(snapshot.totals.rejected_rows);
  if (snapshot.totals.last_event_ns != 0) {
    *model.mutable_last_event_time() = ToTimestamp(snapshot.totals.last_event_ns);
  }
  if (snapshot.silenced_until_ns > now_ns) {
    *model.mutable_silenced_until() = ToTimestamp(snapshot.silenced_until_ns);
  }
  if (!with_signals || snapshot.signals == nullptr) return model;
  for (const SignalReading& signal : snapshot.signals->signals) {
    FillSignal(signal, model.add_signals());
  }
  return model;
}

v1::SignalStatus ToSignalStatus(const SignalReading& signal) {
  v1::SignalStatus status;
  FillSignal(signal, status.mutable_signal());
  status.set_state(ToState(signal.state));
  status.set_missing(signal.missing);
  status.set_reference_rows(signal.reference_rows);
  status.set_window_rows(signal.window_rows);
  for (const DetectorReading& reading : signal.readings) {
    v1::Verdict* verdict = status.add_verdicts();
    *verdict = ToVerdict(reading);
    AddPending(reading, verdict);
  }
  return status;
}

void FillBudget(const ModelSnapshot& snapshot, v1::GetModelStatusResponse* response) {
  if (std::isnan(snapshot.budget_threshold)) return;
  v1::AlarmBudgetStatus* budget = response->mutable_alarm_budget();
  budget->set_threshold(snapshot.budget_threshold);
  budget->set_in_rows(snapshot.budget.in_rows);
  budget->set_mean_false_alarms_max(snapshot.totals.mean_false_alarms_max);
  budget->set_alarms(snapshot.totals.budget_alarms);
  budget->set_of_deployment(snapshot.budget.of_deployment);
}

void RenewVerdicts(const ModelSnapshot& snapshot, v1::Incident* incident) {
  if (snapshot.signals == nullptr || incident->state() == v1::INCIDENT_STATE_RESOLVED) return;
  std::map<std::pair<std::string_view, std::string_view>, v1::Alert*> alerts;
  for (v1::Alert& alert : *incident->mutable_alerts()) {
    if (alert.state() == v1::ALERT_STATE_RESOLVED) continue;
    alerts[{alert.signal(), alert.detector()}] = &alert;
  }
  if (alerts.empty()) return;
  for (const SignalReading& signal : snapshot.signals->signals) {
    for (const DetectorReading& reading : signal.readings) {
      // An alert that no longer fires was judged after this incident was read.
      const auto found = alerts.find({signal.name, reading.detector});
      if (found == alerts.end() || !reading.firing) continue;
      v1::Alert* alert = found->second;
      *alert->mutable_verdict() = ToVerdict(reading);
      if (reading.peak == nullptr) continue;
      DetectorReading peak = reading;
      peak.verdict = *reading.peak;
      *alert->mutable_peak() = ToVerdict(peak);
    }
  }
}

std::string Summarise(const ModelSnapshot& snapshot, int64_t now_ns) {
  std::string text;
  const ModelSignals* signals = snapshot.signals.get();
  if (snapshot.totals.applied_rows == 0) {
    text = "Nothing is judged: no rows have arrived yet.";
  } else if (signals == nullptr || signals->signals.empty()) {
    text = "Nothing is judged: no signals are known yet.";
  } else if (signals->learn_rows > signals->learning_rows) {
    text = absl::StrCat("Nothing is judged yet: the model is learning its reference and has ",
                        signals->learning_rows, " of ", signals->learn_rows,
                        " rows; or import one with 'faultline reference import'.");
  } else if (signals->evaluated_ns == 0) {
    text = "Nothing is judged yet: no pane has closed since there is a reference.";
  } else {
    text = SummariseSignals(*signals);
  }
  if (snapshot.silenced_until_ns > now_ns) {
    text += " Its alerts are silenced: they open no incident.";
  }
  return text;
}

}  // namespace faultline::review

#include "daemon/cli/demo/demo_acts.h"

#include <absl/strings/str_cat.h>

#include <algorithm>

namespace faultline::cli {
namespace {

CreditBehaviour With(void (*change)(CreditBehaviour*)) {
  CreditBehaviour behaviour;
  change(&behaviour);
  return behaviour;
}

}  // namespace

std::span<const DemoAct> DemoActs() {
  static const std::vector<DemoAct>* const kActs = new std::vector<DemoAct>{
      {"missing",
       "A join upstream loses the income of every third applicant.",
       With([](CreditBehaviour* b) { b->income_missing = 0.33; }),
       v1::FAILURE_MODE_DATA_QUALITY,
       "missing_change",
       {"income"}},
      {"unit",
       "A new feed sends income in cents instead of whole units.",
       With([](CreditBehaviour* b) { b->income_factor = 100; }),
       v1::FAILURE_MODE_DATA_QUALITY,
       "unit_change",
       {"income"}},
      {"drift",
       "A campaign brings in much younger applicants.",
       With([](CreditBehaviour* b) { b->age_shift = -1.2; }),
       v1::FAILURE_MODE_INPUT_DRIFT,
       "distribution_change",
       {"age", "employment_years"}},
      {"category",
       "A partner goes live and sends a channel that the model never saw.",
       With([](CreditBehaviour* b) { b->new_channel = 0.25; }),
       v1::FAILURE_MODE_DATA_QUALITY,
       "unseen_change",
       {"channel"}},
      {"prediction",
       "The model is retrained badly: same applicants, far fewer approvals.",
       With([](CreditBehaviour* b) { b->score_shift = -1.5; }),
       v1::FAILURE_MODE_PREDICTION_DRIFT,
       "distribution_change",
       {"prediction", "prediction_score"}},
      {"latency",
       "The model server is overloaded: slow answers and timeouts.",
       With([](CreditBehaviour* b) {
         b->latency_factor = 5;
         b->timeouts = 0.15;
       }),
       v1::FAILURE_MODE_OPERATIONAL,
       "distribution_change",
       {"latency_seconds", "status"}},
      {"unusual",
       "Forged applications: each value is ordinary, their combinations are not.",
       With([](CreditBehaviour* b) { b->pairs_reversed = true; }),
       v1::FAILURE_MODE_UNUSUAL_INPUT,
       "distribution_change",
       {"row_score"}},
  };
  return *kActs;
}

std::vector<std::string> JudgeAct(const DemoAct& act, std::span<const v1::Incident> incidents) {
  if (incidents.empty()) return {"no incident opened"};
  std::vector<std::string> problems;
  if (incidents.size() > 1) {
    problems.push_back(absl::StrCat(incidents.size(), " incidents opened instead of one"));
  }
  const v1::Incident& incident = incidents.front();
  if (incident.failure_mode() != act.failure_mode) {
    problems.push_back(absl::StrCat("failure mode ", ShortName(incident.failure_mode()),
                                    " instead of ", ShortName(act.failure_mode)));
  }
  const auto any_alert = [&](auto&& fits) {
    return std::any_of(incident.alerts().begin(), incident.alerts().end(), fits);
  };
  for (const std::string_view signal : act.signals) {
    if (!any_alert([&](const v1::Alert& alert) { return alert.signal() == signal; })) {
      problems.push_back(absl::StrCat("no alert on ", std::string(signal)));
    }
  }
  if (!any_alert([&](const v1::Alert& alert) { return alert.detector() == act.detector; })) {
    problems.push_back(absl::StrCat("no alert of ", std::string(act.detector)));
  }
  for (const v1::Incident& opened : incidents) {
    if (opened.state() != v1::INCIDENT_STATE_RESOLVED) {
      problems.push_back(absl::StrCat("incident ", opened.id(), " did not resolve"));
    }
  }
  return problems;
}

std::string ShortName(v1::FailureMode mode) {
  constexpr std::string_view kPrefix = "FAILURE_MODE_";
  std::string name = v1::FailureMode_Name(mode);
  return name.starts_with(kPrefix) ? name.substr(kPrefix.size()) : name;
}

}  // namespace faultline::cli

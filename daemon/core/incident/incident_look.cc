#include "daemon/core/incident/incident_look.h"

#include <absl/strings/str_cat.h>
#include <google/protobuf/util/time_util.h>

#include <algorithm>
#include <bit>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "base/clean_text.h"
#include "daemon/core/incident/incident_dating.h"
#include "daemon/core/incident/incident_words.h"
#include "daemon/core/incident/triage.h"
#include "daemon/core/signal/signal_evidence.h"
#include "detectors/catalog.h"

namespace faultline {
namespace {

using google::protobuf::util::TimeUtil;

constexpr size_t kSignalsMax = 16;
constexpr size_t kDetailBytesMax = 200;

// Rows since the change, by the signal's name.
using SinceChange = std::map<std::string, Summary>;

// Input of one look at an incident.
struct Look {
  const ModelView& model;
  const JudgedPane* pane;  // null: no pane was closed
  const v1::Incident& incident;
  SinceChange since;
};

const v1::SignalEvidence* EvidenceOf(const v1::Incident& incident, const std::string& signal) {
  for (const v1::SignalEvidence& evidence : incident.evidence()) {
    if (evidence.signal() == signal) return &evidence;
  }
  return nullptr;
}

// Copies the detail of a detector that identifies a cause directly.
void AddCause(const CatalogEntry& entry, const v1::Alert& alert, const SignalFacts& facts,
              SignalFinding* finding) {
  std::string text = CleanText(alert.peak().detail(), kDetailBytesMax);
  if (entry.cause == nullptr || text.empty()) return;
  // The row rate concerns the model, not a signal.
  if (facts.derivation != Derivation::kRows) text = absl::StrCat(finding->name, ": ", text);
  finding->causes.push_back({static_cast<v1::Cause>(entry.cause->cause), std::move(text)});
}

SignalFinding FindingOf(const Look& look, const SignalView& signal, const v1::Alert& alert) {
  SignalFinding finding;
  finding.name = signal.facts().name;
  finding.role = signal.facts().role;
  finding.strength = Strength(alert);
  finding.finding = Finding(alert, EvidenceOf(look.incident, finding.name));
  if (!signal.compared()) return finding;
  const Summary* newest = signal.In(look.pane);
  finding.sent =
      signal.facts().derived() || newest == nullptr || look.pane->pane.Sent(signal.signal);
  const auto seen = look.since.find(finding.name);
  const SignalState& state = signal.state();
  LookAt(state.reference->summary(),
         seen == look.since.end() ? state.window->merged() : seen->second, newest, &finding);
  return finding;
}

// Adds an alert of the signal to its finding.
void TakeAlert(const v1::Alert& alert, const SignalFacts& facts, SignalFinding* finding) {
  const CatalogEntry* entry = FindKind(std::string_view(alert.detector()));
  const Concern concern = entry == nullptr ? Concern::kShift : entry->concern;
  const bool anomaly = entry != nullptr && ConcernOf(*entry, facts) == Concern::kAnomaly;
  if (entry != nullptr) AddCause(*entry, alert, facts, finding);
  finding->anomaly |= anomaly;
  finding->quality |= concern == Concern::kQuality;
  finding->shift |= !anomaly && concern != Concern::kQuality;
}

// Counts a judged signal, whether it has an alert or not.
void CountSignal(const Look& look, const SignalView& signal, TriageFacts* facts) {
  const SignalFacts& of = signal.facts();
  const bool moved =
      std::any_of(facts->signals.begin(), facts->signals.end(),
                  [&](const SignalFinding& finding) { return finding.name == of.name; });
  if (!of.derived() && signal.In(look.pane) != nullptr && !look.pane->pane.Sent(signal.signal)) {
    ++facts->unsent;
  }
  if (!of.column()) return;
  switch (of.role) {
    case v1::COLUMN_ROLE_TAG:
      ++facts->tags;
      [[fallthrough]];
    case v1::COLUMN_ROLE_UNSPECIFIED:
    case v1::COLUMN_ROLE_FEATURE:
      ++facts->inputs;
      if (moved) ++facts->inputs_moved;
      break;
    case v1::COLUMN_ROLE_PREDICTION:
    case v1::COLUMN_ROLE_PREDICTION_SCORE:
      if (moved) ++facts->outputs_moved;
      break;
    default:
      break;
  }
}

std::vector<SignalFinding> FindingsOf(const Look& look) {
  std::vector<const v1::Alert*> alerts;
  for (const v1::Alert& alert : look.incident.alerts()) alerts.push_back(&alert);
  std::stable_sort(alerts.begin(), alerts.end(), [](const v1::Alert* a, const v1::Alert* b) {
    return Strength(*a) > Strength(*b);
  });
  std::vector<SignalFinding> findings;
  for (const v1::Alert* alert : alerts) {
    const std::optional<SignalView> signal = FindSignal(look.model, alert->signal());
    if (!signal.has_value()) continue;
    auto found = std::find_if(findings.begin(), findings.end(), [&](const SignalFinding& each) {
      return each.name == alert->signal();
    });
    if (found == findings.end()) {
      if (findings.size() >= kSignalsMax) continue;
      findings.push_back(FindingOf(look, *signal, *alert));
      found = findings.end() - 1;
    }
    TakeAlert(*alert, signal->facts(), &*found);
  }
  return findings;
}

TriageFacts FactsOf(const Look& look) {
  TriageFacts facts;
  facts.signals = FindingsOf(look);
  for (const StreamView& stream : look.model.streams) {
    for (uint32_t signal = 0; signal < stream.schema.size(); ++signal) {
      if (stream.signals[signal].judged()) CountSignal(look, {stream, signal}, &facts);
    }
  }
  const RowLosses& row_losses = look.model.streams[kInferenceStream].row_losses;
  facts.late_share = row_losses.late_share();
  facts.refused_share = row_losses.refused_share();
  facts.dropped_share = row_losses.dropped_share();
  const int64_t change_ns = TimeUtil::TimestampToNanoseconds(
      look.incident.has_change_time() ? look.incident.change_time().time()
                                      : look.incident.start_time());
  facts.deployed = look.model.deployed_ns > 0;
  facts.deployed_before_ns = change_ns - look.model.deployed_ns;
  return facts;
}

// Signals of the incident's firing alerts, the strongest first.
std::vector<SignalView> FiringSignals(const ModelView& model, const v1::Incident& incident) {
  std::vector<const v1::Alert*> alerts;
  for (const v1::Alert& alert : incident.alerts()) {
    if (alert.state() == v1::ALERT_STATE_FIRING) alerts.push_back(&alert);
  }
  std::sort(alerts.begin(), alerts.end(),
            [](const auto* a, const auto* b) { return ComesBefore(*a, *b); });
  std::vector<SignalView> signals;
  for (const v1::Alert* alert : alerts) {
    const CatalogEntry* entry = FindKind(std::string_view(alert->detector()));
    // Alerts on the rolling reference do not concern the window.
    if (entry != nullptr && entry->on_rolling) continue;
    const std::optional<SignalView> signal = FindSignal(model, alert->signal());
    if (!signal.has_value() || !signal->compared() || signals.size() == kSignalsMax) continue;
    const bool known = std::any_of(signals.begin(), signals.end(), [&](const SignalView& other) {
      return other.facts().name == alert->signal();
    });
    if (!known) signals.push_back(*signal);
  }
  return signals;
}

// Replaces the signal's evidence if the incident lists it.
void RenewEvidence(const SignalView& signal, const Summary& since, v1::Incident* incident) {
  for (v1::SignalEvidence& kept : *incident->mutable_evidence()) {
    if (kept.signal() != signal.facts().name) continue;
    kept = MakeEvidence(kept.signal(), signal.state().reference->summary(), since);
  }
}

// Sets the failure mode first, because it determines the signal that the summary begins with.
void Explain(const TriageFacts& facts, v1::Incident* incident) {
  v1::Triage triage = RankCauses(facts);
  // Alerts alone do not distinguish a changed unit or traffic mix.
  if (triage.certainty() >= v1::CERTAINTY_MEDIUM && !triage.hypotheses().empty()) {
    incident->set_failure_mode(triage.hypotheses(0).failure_mode());
  }
  incident->set_summary(SummarySentence(*incident));
  triage.set_sentence(TriageSentence(incident->summary(), incident->change_time(), triage));
  *incident->mutable_triage() = std::move(triage);
}

// Updates failure mode, evidence, triage and summary of an incident.
void Renew(const ModelView& model, const JudgedPane* pane, const std::vector<SignalView>& signals,
           v1::Incident* incident) {
  if (SeesBeforeChange(model, *incident)) {
    const std::optional<v1::TimeEstimate> change = DateIncident(*incident, signals);
    if (change.has_value()) *incident->mutable_change_time() = *change;
  }
  Look look = {model, pane, *incident, {}};
  for (const SignalView& signal : signals) {
    const auto since =
        look.since.emplace(signal.facts().name, RowsSinceChange(signal, *incident)).first;
    RenewEvidence(signal, since->second, incident);
  }
  Explain(FactsOf(look), incident);
}

}  // namespace

void LookAtOpenIncidents(const ModelView& model, const JudgedPane* pane,
                         const std::vector<AlertTransition>& transitions, IncidentBook* book) {
  const bool worse =
      std::any_of(transitions.begin(), transitions.end(), [](const AlertTransition& transition) {
        return transition.kind != AlertTransition::Kind::kResolved;
      });
  for (const auto& [subject, id] : book->open_ids()) {
    const v1::Incident& incident = *book->Find(id);
    // Skip transitions of alerts of other incidents.
    const bool rose = worse && book->HasChange(id);
    const bool own = pane != nullptr && pane->stream.subject == subject;
    const size_t panes = own ? PanesSinceStart(pane->stream, incident) : 0;
    if (!rose && !std::has_single_bit(panes)) continue;
    const std::vector<SignalView> signals = FiringSignals(model, incident);
    if (signals.empty() && !worse) continue;
    Renew(model, pane, signals, book->Explain(id));
  }
}

}  // namespace faultline

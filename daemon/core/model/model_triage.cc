// What a model's open incident is probably about. See triage.h.
#include <google/protobuf/util/time_util.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <utility>

#include "base/clean_text.h"
#include "daemon/core/incident/incident_words.h"
#include "daemon/core/incident/triage.h"
#include "daemon/core/model/model_state.h"
#include "daemon/core/signal/signal_evidence.h"

namespace faultline {
namespace {

using google::protobuf::util::TimeUtil;

constexpr size_t kSignalsMax = 16;
constexpr size_t kDetailBytesMax = 200;
// Weight of the newest pane in what is known of lost rows.
constexpr double kNewest = 0.25;

const v1::SignalEvidence* EvidenceOf(const v1::Incident& incident, const std::string& signal) {
  for (const v1::SignalEvidence& evidence : incident.evidence()) {
    if (evidence.signal() == signal) return &evidence;
  }
  return nullptr;
}

// What kinds say that see a cause by themselves.
void NoteDetail(const CatalogEntry& entry, const v1::Alert& alert, SignalFinding* finding) {
  const std::string detail = CleanText(alert.peak().detail(), kDetailBytesMax);
  switch (entry.kind) {
    case v1::DetectorSpec::kUnitChange:
      finding->unit = detail;
      break;
    case v1::DetectorSpec::kRowRateDrop:
      finding->silence = detail;
      break;
    case v1::DetectorSpec::kRepeatChange:
      finding->repeats = detail;
      break;
    case v1::DetectorSpec::kDependencyChange:
    case v1::DetectorSpec::kCorrelationChange:
      finding->relation = detail;
      break;
    default:
      break;
  }
}

}  // namespace

// Rows lost since the last pane, as shares of all that came, evened out over panes.
void ModelState::CountLosses() {
  const auto share = [&](uint64_t* rows, double* losses) {
    const auto lost = static_cast<double>(std::exchange(*rows, 0));
    const double came = lost + static_cast<double>(losses_.applied);
    if (came > 0) *losses += kNewest * (lost / came - *losses);
  };
  share(&losses_.late, &losses_.late_share);
  share(&losses_.refused, &losses_.refused_share);
  share(&losses_.dropped, &losses_.dropped_share);
  losses_.applied = 0;
}

SignalFinding ModelState::FindingOf(uint32_t signal, const v1::Alert& alert,
                                    const v1::Incident& incident, const OpenPane* pane,
                                    const SinceChange& since) const {
  SignalFinding finding;
  finding.name = schema_[signal].name;
  finding.role = schema_[signal].role;
  finding.strength = Strength(alert);
  finding.finding = Finding(alert, EvidenceOf(incident, finding.name));
  const SignalState& state = signals_[signal];
  if (!state.judged() || state.reference->empty()) return finding;
  const Summary* newest = pane == nullptr ? nullptr : pane->Find(signal);
  finding.sent = schema_[signal].derived() || newest == nullptr || pane->Sent(signal);
  const auto seen = since.find(signal);
  LookAt(state.reference->summary(), seen == since.end() ? state.window->merged() : seen->second,
         newest, &finding);
  return finding;
}

void ModelState::CountModel(const OpenPane* pane, TriageFacts* facts) const {
  const auto alarming = [&](uint32_t signal) {
    return std::any_of(facts->signals.begin(), facts->signals.end(),
                       [&](const auto& finding) { return finding.name == schema_[signal].name; });
  };
  for (uint32_t signal = 0; signal < schema_.size(); ++signal) {
    const SignalFacts& of = schema_[signal];
    if (!signals_[signal].judged()) continue;
    const bool moved = alarming(signal);
    const bool counted = pane != nullptr && pane->Find(signal) != nullptr;
    if (!of.derived() && counted && !pane->Sent(signal)) ++facts->unsent;
    if (!of.column()) continue;
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
}

TriageFacts ModelState::FactsOf(const v1::Incident& incident, const OpenPane* pane,
                                const SinceChange& since) const {
  TriageFacts facts;
  facts.summary = SummarySentence(incident);
  facts.change_time = incident.change_time();
  std::vector<const v1::Alert*> alerts;
  for (const v1::Alert& alert : incident.alerts()) alerts.push_back(&alert);
  std::stable_sort(alerts.begin(), alerts.end(), [](const v1::Alert* a, const v1::Alert* b) {
    return Strength(*a) > Strength(*b);
  });
  for (const v1::Alert* alert : alerts) {
    const std::optional<uint32_t> signal = schema_.Find(alert->signal());
    if (!signal.has_value()) continue;
    auto found = std::find_if(facts.signals.begin(), facts.signals.end(),
                              [&](const auto& each) { return each.name == alert->signal(); });
    if (found == facts.signals.end()) {
      if (facts.signals.size() >= kSignalsMax) continue;
      facts.signals.push_back(FindingOf(*signal, *alert, incident, pane, since));
      found = facts.signals.end() - 1;
    }
    const CatalogEntry* entry = FindKind(std::string_view(alert->detector()));
    const Concern concern = entry == nullptr ? Concern::kShift : entry->concern;
    const bool anomaly =
        entry != nullptr && ConcernOf(*entry, schema_[*signal]) == Concern::kAnomaly;
    if (entry != nullptr) NoteDetail(*entry, *alert, &*found);
    found->anomaly |= anomaly;
    found->quality |= concern == Concern::kQuality;
    found->shift |= !anomaly && concern != Concern::kQuality;
  }
  CountModel(pane, &facts);
  facts.late_share = losses_.late_share;
  facts.refused_share = losses_.refused_share;
  facts.dropped_share = losses_.dropped_share;
  const int64_t change_ns = TimeUtil::TimestampToNanoseconds(
      incident.has_change_time() ? incident.change_time().time() : incident.start_time());
  facts.deployed = deployed_ns_ > 0;
  facts.deployed_before_ns = change_ns - deployed_ns_;
  return facts;
}

// Signals of the open incident's firing alerts, the strongest first.
std::vector<uint32_t> ModelState::FiringSignals(const v1::Incident& incident) const {
  std::vector<const v1::Alert*> alerts;
  for (const v1::Alert& alert : incident.alerts()) {
    if (alert.state() == v1::ALERT_STATE_FIRING) alerts.push_back(&alert);
  }
  std::sort(alerts.begin(), alerts.end(),
            [](const auto* a, const auto* b) { return ComesBefore(*a, *b); });
  std::vector<uint32_t> signals;
  for (const v1::Alert* alert : alerts) {
    const std::optional<uint32_t> signal = schema_.Find(alert->signal());
    const CatalogEntry* entry = FindKind(std::string_view(alert->detector()));
    // Those on the rolling reference are not about the window.
    if (entry != nullptr && entry->on_rolling) continue;
    if (!signal.has_value() || !signals_[*signal].judged()) continue;
    if (signals_[*signal].reference->empty() || signals.size() == kSignalsMax) continue;
    if (std::find(signals.begin(), signals.end(), *signal) == signals.end()) {
      signals.push_back(*signal);
    }
  }
  return signals;
}

// After the pane's edges were applied: what the open incident says of itself. When alerts fire or
// rise, and again with twice the panes each time: the first pane of a change shows little of it.
// When alerts only resolve, the window no longer shows what happened, and what was said stays.
void ModelState::Triage(const OpenPane* pane, const std::vector<AlertEdge>& edges) {
  const v1::Incident* incident = book_.Find(book_.open_id());
  if (incident == nullptr) return;
  const bool worse = std::any_of(edges.begin(), edges.end(), [](const AlertEdge& edge) {
    return edge.kind != AlertEdge::Kind::kResolved;
  });
  const size_t panes = pane == nullptr ? 0 : PanesSinceStart(*incident);
  // What an alert of an older incident did is not the open one's.
  if (!(worse && book_.OpenChanged()) && !std::has_single_bit(panes)) return;
  const std::vector<uint32_t> signals = FiringSignals(*incident);
  if (signals.empty() && !worse) return;
  book_.Sort();
  if (SeesBefore(*incident)) DateChange(signals, *incident);
  SinceChange since;
  for (const uint32_t signal : signals) {
    const Summary& rows = since.emplace(signal, RowsSinceChange(signal, *incident)).first->second;
    book_.SetEvidence(
        MakeEvidence(schema_[signal].name, signals_[signal].reference->summary(), rows));
  }
  TriageFacts facts = FactsOf(*incident, pane, since);
  const v1::FailureMode mode = incident->failure_mode();
  book_.SetTriage(MakeTriage(facts));
  if (incident->failure_mode() == mode) return;
  // The failure mode chooses the signal that the sentence begins with, and triage the mode.
  facts.summary = SummarySentence(*incident);
  book_.SetTriage(MakeTriage(facts));
}

}  // namespace faultline

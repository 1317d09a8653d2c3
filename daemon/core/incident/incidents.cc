#include "daemon/core/incident/incidents.h"

#include <algorithm>
#include <utility>

#include "daemon/core/incident/failure_mode.h"
#include "daemon/core/incident/incident_look.h"
#include "daemon/core/record/record_set.h"
#include "daemon/core/signal/signal_evidence.h"
#include "detectors/catalog.h"

namespace faultline {
namespace {

// The context points to `evidence`, if there is any.
TransitionContext ContextOf(const ModelView& model, const AlertTransition& transition,
                            v1::SignalEvidence* evidence) {
  const CatalogEntry* entry = FindKind(std::string_view(transition.key.detector));
  FailureMode mode = entry == nullptr ? FailureMode::kInputDrift : entry->failure_mode;
  const std::optional<SignalView> signal = FindSignal(model, transition.key.signal);
  if (!signal.has_value()) return {.failure_mode = static_cast<v1::FailureMode>(mode)};
  // Moved row scores mean rows unlike the reference rows, whichever detector alarms.
  const bool anomaly = entry != nullptr && ConcernOf(*entry, signal->facts()) == Concern::kAnomaly;
  if (anomaly) mode = FailureMode::kUnusualInput;
  TransitionContext context = {.subject = signal->stream.subject,
                               .failure_mode = FailureModeOf(mode, signal->facts().role)};
  const SignalState& state = signal->state();
  const bool values = state.reference != nullptr && !state.reference->empty();
  if (transition.kind != AlertTransition::Kind::kResolved && values) {
    const RollingReference* rolling = signal->rolling();
    const bool on_rolling = entry != nullptr && entry->on_rolling && rolling != nullptr;
    *evidence = MakeEvidence(transition.key.signal, state.reference->summary(),
                             on_rolling ? rolling->merged() : state.window->merged());
    context.evidence = evidence;
  }
  return context;
}

}  // namespace

Incidents::Incidents(uint64_t model_hash, std::string model, std::string version)
    : model_hash_(model_hash), book_(std::move(model), std::move(version)), bundles_(model_hash) {}

void Incidents::TakePane(const ModelView& model, const JudgedPane& pane,
                         const std::vector<AlertTransition>& transitions, int64_t now_ns,
                         Effects* effects) {
  // Before the transitions, because they may close the incident.
  RecordEvidence(model, pane, effects);
  Apply(model, &pane, transitions, now_ns, effects);
  PinEvidence(model, pane, transitions, effects);
}

void Incidents::TakeTransitions(const ModelView& model,
                                const std::vector<AlertTransition>& transitions, int64_t now_ns,
                                Effects* effects) {
  Apply(model, nullptr, transitions, now_ns, effects);
}

void Incidents::Apply(const ModelView& model, const JudgedPane* pane,
                      const std::vector<AlertTransition>& transitions, int64_t now_ns,
                      Effects* effects) {
  for (const AlertTransition& transition : transitions) {
    v1::SignalEvidence evidence;
    const TransitionContext context = ContextOf(model, transition, &evidence);
    book_.Apply(transition, context, model.settings, now_ns);
  }
  LookAtOpenIncidents(model, pane, transitions, &book_);
  if (transitions.empty() && !book_.HasChanges()) return;
  TakeChanges(model.resolved_max, effects);
}

void Incidents::TakeChanges(uint32_t resolved_max, Effects* effects) {
  book_.Retain(resolved_max);
  const size_t before = effects->incidents.size();
  book_.TakeChanges(effects->by, &effects->incidents);
  bundles_.CloseUnless([this](uint64_t incident) { return book_.IsOpen(incident); });
  for (size_t i = before; i < effects->incidents.size(); ++i) {
    if (effects->incidents[i].removed) bundles_.Remove(effects->incidents[i].id, effects);
  }
}

void Incidents::TakeCheckpoint(Effects* effects) {
  if (book_.revision() != stored_book_) {
    stored_book_ = book_.revision();
    std::string payload;
    book_.Encode(&payload);
    WriteRecord(Table::kIncidentBook, IncidentBookKey(model_hash_), payload, effects);
  }
  if (bundles_.revision() != stored_bundles_) {
    stored_bundles_ = bundles_.revision();
    std::string payload;
    bundles_.Encode(&payload);
    WriteRecord(Table::kBundles, BundlesKey(model_hash_), payload, effects);
  }
}

void Incidents::Delete(Effects* effects) {
  book_.Clear();
  TakeChanges(0, effects);
  bundles_.Clear(effects);
  EraseRecord(IncidentBookKey(model_hash_), effects);
  EraseRecord(BundlesKey(model_hash_), effects);
}

absl::Status Incidents::RestoreBook(std::string_view payload) {
  absl::Status status = book_.Decode(payload);
  if (!status.ok()) return status;
  book_restored_ = true;
  for (const auto& [id, incident] : early_) book_.Restore(id, incident);
  early_.clear();
  return absl::OkStatus();
}

void Incidents::RestoreIncident(uint64_t id, const v1::Incident& incident) {
  if (book_restored_) {
    book_.Restore(id, incident);
  } else {
    early_[id] = incident;
  }
}

absl::Status Incidents::FinishRestore() {
  for (const auto& [id, incident] : early_) book_.Restore(id, incident);
  early_.clear();
  stored_book_ = book_.revision();
  stored_bundles_ = bundles_.revision();
  return book_.FinishRestore();
}

size_t Incidents::memory_bytes() const { return book_.memory_bytes() + bundles_.memory_bytes(); }

}  // namespace faultline

// Evidence of a model's open incidents; see bundle.h.
#include <algorithm>
#include <cmath>
#include <utility>

#include "daemon/core/contract/version.h"
#include "daemon/core/incident/incidents.h"

namespace faultline {
namespace {

// The rolling reference as of the current pane, if a detector uses it.
std::optional<std::string> JudgedRolling(const ModelSettings& settings, const SignalView& signal) {
  const std::vector<uint16_t>& detectors = signal.state().detectors;
  const bool looked_at = std::any_of(detectors.begin(), detectors.end(), [&](uint16_t i) {
    return settings.detectors[i].entry->on_rolling;
  });
  if (!looked_at || signal.rolling() == nullptr) return std::nullopt;
  std::string bytes;
  signal.rolling()->merged().Encode(&bytes);
  return bytes;
}

}  // namespace

bool Incidents::Wants(const SignalView& signal) const {
  return bundles_.Holds(signal.stream.ordinal, signal.signal);
}

void Incidents::RememberBefore(const ModelSettings& settings, const SignalView& signal,
                               std::vector<FollowState> follow) {
  before_[signal.signal] = {std::move(follow), JudgedRolling(settings, signal)};
}

void Incidents::OutdateEvidence(const SignalView& signal) {
  bundles_.Outdate(signal.stream.ordinal, signal.signal);
}

EvidencePin Incidents::MakePin(const ModelSettings& settings, const JudgedPane& pane,
                               uint32_t signal) const {
  const SignalState& state = pane.stream.signals[signal];
  EvidencePin pin;
  pin.facts = pane.stream.schema[signal];
  pin.stream = pane.stream.ordinal;
  pin.from = pane.number;
  pin.window_from = pane.stream.window_from;
  pin.daemon = kDaemonVersion;
  for (const uint16_t index : state.detectors) {
    const CatalogEntry* entry = settings.detectors[index].entry;
    pin.detectors.emplace_back(entry->name, entry->state_version);
  }
  pin.config = settings.config;
  pin.reference = state.reference;
  pin.window = state.window->encoded();
  const auto before = before_.find(signal);
  if (before != before_.end()) pin.follow = before->second.follow;
  return pin;
}

EvidencePane Incidents::MakeEvidencePane(const JudgedPane& pane,
                                         const BundleBook::Opened& bundle) const {
  EvidencePane made;
  made.stream = pane.stream.ordinal;
  made.number = pane.number;
  made.window_from = pane.stream.window_from;
  made.header = pane.pane.header();
  made.increment = pane.increment;
  for (const BundleBook::Pinned& pinned : bundle.pinned) {
    if (pinned.stream != pane.stream.ordinal) continue;
    if (!pane.stream.signals[pinned.signal].judged()) continue;
    EvidenceEntry& entry = made.entries.emplace_back();
    entry.pin = pinned.pin;
    entry.sent = pane.pane.Sent(pinned.signal);
    if (const Summary* summary = pane.pane.Find(pinned.signal)) {
      entry.counted = true;
      summary->Encode(&entry.summary);
    }
    const auto before = before_.find(pinned.signal);
    if (before != before_.end()) entry.rolling = before->second.rolling;
    for (const DetectorReading& reading : pane.readings[pinned.signal].readings) {
      entry.verdicts.emplace_back(reading.detector, reading.verdict);
    }
  }
  return made;
}

void Incidents::RecordEvidence(const ModelView& model, const JudgedPane& pane, Effects* effects) {
  for (const auto& [incident, bundle] : bundles_.open()) {
    // By value, because outdated pins are replaced.
    std::vector<BundleBook::Pinned> all = bundle.pinned;
    std::erase_if(all, [&](const auto& pinned) { return pinned.stream != pane.stream.ordinal; });
    if (all.empty()) continue;
    for (const BundleBook::Pinned& pinned : all) {
      const SignalState& state = pane.stream.signals[pinned.signal];
      if (!state.judged()) continue;
      if (pinned.reference_version == state.reference->version() &&
          pinned.config_digest == model.settings.config_digest) {
        continue;
      }
      bundles_.Add(incident, pinned.signal, MakePin(model.settings, pane, pinned.signal),
                   model.settings.config_digest, effects);
    }
    bundles_.Record(incident, MakeEvidencePane(pane, bundle), effects);
  }
}

// Adds signals whose alerts fired to the incident of their subject, the strongest first.
void Incidents::PinEvidence(const ModelView& model, const JudgedPane& pane,
                            const std::vector<AlertTransition>& transitions, Effects* effects) {
  const uint64_t incident = book_.JoinedBy(pane.stream.subject);
  if (incident == 0) return;
  const uint32_t stream = pane.stream.ordinal;
  std::vector<std::pair<double, uint32_t>> joining;
  for (const AlertTransition& transition : transitions) {
    const std::optional<uint32_t> signal = pane.stream.schema.Find(transition.key.signal);
    if (transition.kind != AlertTransition::Kind::kFired || !signal.has_value()) continue;
    if (!pane.stream.signals[*signal].judged() || bundles_.Holds(stream, *signal)) continue;
    const double ratio = transition.alert.peak.ratio();
    joining.emplace_back(std::isnan(ratio) ? 0 : -ratio, *signal);
  }
  if (joining.empty()) return;
  const BundleBook::Opened* bundle = bundles_.Open(incident, effects);
  if (bundle == nullptr) return;  // It was reopened.
  std::sort(joining.begin(), joining.end());
  bool joined = false;
  for (const auto& [strength, signal] : joining) {
    if (bundle->Holds(stream, signal)) continue;
    joined |= bundles_.Add(incident, signal, MakePin(model.settings, pane, signal),
                           model.settings.config_digest, effects);
  }
  if (joined) bundles_.Record(incident, MakeEvidencePane(pane, *bundle), effects);
}

}  // namespace faultline

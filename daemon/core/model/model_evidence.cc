// What is kept of a model's open incident. See bundle.h.
#include <algorithm>
#include <cmath>
#include <utility>

#include "daemon/core/contract/version.h"
#include "daemon/core/model/model_state.h"

namespace faultline {

// As the pane at hand is judged: later alarms may take panes out of it.
std::optional<std::string> ModelState::JudgedRolling(const SignalState& state) const {
  const bool looked_at =
      std::any_of(state.detectors.begin(), state.detectors.end(),
                  [&](uint16_t i) { return settings_->detectors[i].entry->on_rolling; });
  if (!looked_at || state.rolling == nullptr) return std::nullopt;
  std::string bytes;
  state.rolling->merged().Encode(&bytes);
  return bytes;
}

EvidencePin ModelState::MakePin(uint32_t signal) const {
  const SignalState& state = signals_[signal];
  EvidencePin pin;
  pin.facts = schema_[signal];
  pin.from = static_cast<int64_t>(totals_.panes_closed) - 1;
  pin.window_from = window_from_;
  pin.daemon = kDaemonVersion;
  for (const uint16_t index : state.detectors) {
    const CatalogEntry* entry = settings_->detectors[index].entry;
    pin.detectors.emplace_back(entry->name, entry->state_version);
  }
  pin.config = settings_->config;
  pin.reference = state.reference;
  pin.window = state.window->encoded();
  const auto before = before_pane_.find(signal);
  if (before != before_pane_.end()) pin.follow = before->second.follow;
  return pin;
}

EvidencePane ModelState::MakeEvidencePane(const OpenPane& pane, const PaneDeposit& deposit) const {
  EvidencePane made;
  made.number = static_cast<int64_t>(totals_.panes_closed) - 1;
  made.window_from = window_from_;
  made.header = pane.header();
  made.deposit = deposit;
  for (const BundleBook::Pinned& pinned : bundles_.pinned()) {
    if (!signals_[pinned.signal].judged()) continue;
    EvidenceEntry& entry = made.entries.emplace_back();
    entry.pin = pinned.pin;
    entry.sent = pane.Sent(pinned.signal);
    if (const Summary* summary = pane.Find(pinned.signal)) {
      entry.counted = true;
      summary->Encode(&entry.summary);
    }
    const auto before = before_pane_.find(pinned.signal);
    if (before != before_pane_.end()) entry.rolling = before->second.rolling;
    for (const DetectorReading& reading : shown_->signals[pinned.signal].readings) {
      entry.verdicts.emplace_back(reading.detector, reading.verdict);
    }
  }
  return made;
}

// Before the pane's edges: with them the incident may close.
void ModelState::RecordEvidence(const OpenPane& pane, const PaneDeposit& deposit,
                                Effects* effects) {
  if (bundles_.open() == 0) return;
  // By value: pins that no longer hold are made anew.
  const std::vector<BundleBook::Pinned> all = bundles_.pinned();
  for (const BundleBook::Pinned& pinned : all) {
    const SignalState& state = signals_[pinned.signal];
    if (!state.judged()) continue;
    if (pinned.reference_version == state.reference->version() &&
        pinned.config_digest == settings_->config_digest) {
      continue;
    }
    bundles_.Add(pinned.signal, MakePin(pinned.signal), settings_->config_digest, effects);
  }
  bundles_.Record(MakeEvidencePane(pane, deposit), effects);
}

// After the pane's edges: signals whose alerts fired join the incident, the strongest first.
void ModelState::PinEvidence(const OpenPane& pane, const PaneDeposit& deposit,
                             const std::vector<AlertEdge>& edges, Effects* effects) {
  if (book_.open_id() == 0) return;
  std::vector<std::pair<double, uint32_t>> joining;
  for (const AlertEdge& edge : edges) {
    const std::optional<uint32_t> signal = schema_.Find(edge.key.signal);
    if (edge.kind != AlertEdge::Kind::kFired || !signal.has_value()) continue;
    if (!signals_[*signal].judged() || bundles_.Holds(*signal)) continue;
    const double ratio = edge.alert.peak.ratio();
    joining.emplace_back(std::isnan(ratio) ? 0 : -ratio, *signal);
  }
  if (joining.empty()) return;
  bundles_.Open(book_.open_id(), effects);
  if (bundles_.open() != book_.open_id()) return;  // It was opened again.
  std::sort(joining.begin(), joining.end());
  bool joined = false;
  for (const auto& [strength, signal] : joining) {
    if (bundles_.Holds(signal)) continue;
    joined |= bundles_.Add(signal, MakePin(signal), settings_->config_digest, effects);
  }
  if (joined) bundles_.Record(MakeEvidencePane(pane, deposit), effects);
}

// Follows what the incident book did: changes from `changes_before` on are new.
void ModelState::CloseEvidence(Effects* effects, size_t changes_before) {
  if (bundles_.open() != 0 && bundles_.open() != book_.open_id()) bundles_.Close();
  for (size_t i = changes_before; i < effects->incidents.size(); ++i) {
    if (effects->incidents[i].removed) bundles_.Remove(effects->incidents[i].id, effects);
  }
  if (bundles_.revision() != bundles_revision_) changed_ = true;
}

}  // namespace faultline

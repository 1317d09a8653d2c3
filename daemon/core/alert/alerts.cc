#include "daemon/core/alert/alerts.h"

#include <memory>

#include "daemon/core/record/record_set.h"

namespace faultline {

void Alerts::Judge(const std::string& signal, const ModelSettings& settings, bool silenced,
                   std::span<const uint16_t> detectors, int64_t pane_start_ns, int64_t pane_end_ns,
                   std::vector<DetectorReading>* readings,
                   std::vector<AlertTransition>* transitions) {
  for (size_t i = 0; i < readings->size(); ++i) {
    DetectorReading& reading = (*readings)[i];
    const DetectorSettings& detector = settings.detectors[detectors[i]];
    if (!detector.has_threshold) continue;
    AlertPolicy policy = {.fire_panes = settings.fire_panes,
                          .resolve_panes = settings.resolve_panes,
                          .resolve_margin = settings.resolve_margin,
                          .severity = detector.severity,
                          .unbudgeted = true};
    // Evidence already accumulates over panes, and a budgeted alarm lasts as long as its effect.
    if (detector.entry->budgeted) {
      policy.fire_panes = policy.resolve_panes = 1;
      policy.resolve_margin = 0;
      policy.unbudgeted = false;
    }
    book_.Judge(signal, reading.detector, policy, silenced, reading.verdict, pane_start_ns,
                pane_end_ns, transitions);
    Fill(signal, settings, &reading);
  }
}

void Alerts::Fill(const std::string& signal, const ModelSettings& settings,
                  DetectorReading* reading) const {
  const Alert* alert = book_.Firing(signal, reading->detector);
  reading->firing = alert != nullptr;
  reading->peak = reading->firing ? std::make_shared<const Verdict>(alert->peak) : nullptr;
  reading->pending_panes = book_.PendingPanes(signal, reading->detector);
  reading->fire_panes = settings.fire_panes;
}

void Alerts::TakeCheckpoint(Effects* effects) {
  if (book_.revision() == stored_revision_) return;
  stored_revision_ = book_.revision();
  std::string payload;
  book_.Encode(&payload);
  WriteRecord(Table::kAlerts, AlertsKey(model_hash_), payload, effects);
}

void Alerts::Erase(Effects* effects) const { EraseRecord(AlertsKey(model_hash_), effects); }

absl::Status Alerts::Restore(std::string_view payload) {
  absl::Status status = book_.Decode(payload);
  stored_revision_ = book_.revision();
  return status;
}

}  // namespace faultline

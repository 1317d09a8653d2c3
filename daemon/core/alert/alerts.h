#pragma once

#include <absl/status/status.h>

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/core/alert/alert_book.h"
#include "daemon/core/contract/effects.h"
#include "daemon/core/contract/snapshot.h"
#include "daemon/core/settings/settings.h"

namespace faultline {

// The alerts of one model, with the policy of its settings and their record.
//
// Concurrency:  none.
class Alerts {
 public:
  explicit Alerts(uint64_t model_hash) : model_hash_(model_hash) {}

  const AlertBook& book() const { return book_; }

  // Advances the alerts of a signal by its readings of one pane, and sets the alert fields of the
  // readings. `detectors`: for each reading, the index of its detector in the settings.
  void Judge(const std::string& signal, const ModelSettings& settings, bool silenced,
             std::span<const uint16_t> detectors, int64_t pane_start_ns, int64_t pane_end_ns,
             std::vector<DetectorReading>* readings, std::vector<AlertTransition>* transitions);
  // Sets the alert fields of a reading.
  void Fill(const std::string& signal, const ModelSettings& settings,
            DetectorReading* reading) const;
  // Ends the alerts for which `keep` is false; see AlertBook::Retain.
  void Retain(const std::function<bool(const AlertKey&)>& keep, int64_t at_ns,
              std::vector<AlertTransition>* transitions) {
    book_.Retain(keep, at_ns, transitions);
  }

  void TakeCheckpoint(Effects* effects);
  void Erase(Effects* effects) const;
  absl::Status Restore(std::string_view payload);

 private:
  uint64_t model_hash_;
  AlertBook book_;
  uint64_t stored_revision_ = 0;  // as of the last checkpoint
};

}  // namespace faultline

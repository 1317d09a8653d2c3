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

  // Moves the alerts of a signal on by its readings of one pane, and says in them what their alerts
  // do. `detectors`: of each reading, its place in the settings.
  void Judge(const std::string& signal, const ModelSettings& settings, bool silenced,
             std::span<const uint16_t> detectors, int64_t pane_start_ns, int64_t pane_end_ns,
             std::vector<DetectorReading>* readings, std::vector<AlertEdge>* edges);
  // Says in a reading what its alert does.
  void Fill(const std::string& signal, const ModelSettings& settings,
            DetectorReading* reading) const;
  // Ends the alerts that `keep` does not want any more; see AlertBook::Retain.
  void Retain(const std::function<bool(const AlertKey&)>& keep, int64_t at_ns,
              std::vector<AlertEdge>* edges) {
    book_.Retain(keep, at_ns, edges);
  }

  void Cut(Effects* effects);
  void Erase(Effects* effects) const;
  absl::Status Restore(std::string_view payload);

 private:
  uint64_t model_hash_;
  AlertBook book_;
  uint64_t cut_revision_ = 0;  // as of the last Cut
};

}  // namespace faultline

#pragma once

#include <absl/status/status.h>

#include <cstdint>
#include <string_view>

#include "daemon/core/contract/effects.h"

namespace faultline {

// Deploy marker and silence of a model, by the daemon's clock, with their record.
//
// Concurrency:  none.
class Decisions {
 public:
  explicit Decisions(uint64_t model_hash) : model_hash_(model_hash) {}

  // Newest deploy marker; 0: none.
  int64_t deployed_ns() const { return deployed_ns_; }
  // Until this time, alerts open no incident; 0: no silence.
  int64_t silenced_until_ns() const { return silenced_until_ns_; }
  bool silenced() const { return silenced_until_ns_ > 0; }

  void SetDeployed(int64_t now_ns);
  void SilenceUntil(int64_t until_ns);
  // Ends a silence that is over.
  void Tick(int64_t now_ns);

  bool changed() const { return changed_; }
  void TakeCheckpoint(Effects* effects);
  void Erase(Effects* effects) const;
  absl::Status Restore(std::string_view payload);

 private:
  uint64_t model_hash_;
  int64_t deployed_ns_ = 0;
  int64_t silenced_until_ns_ = 0;
  bool changed_ = false;  // since the last checkpoint
};

}  // namespace faultline

#pragma once

#include <absl/status/status.h>

#include <map>
#include <memory>
#include <string>

#include "daemon/core/shard/shard.h"
#include "daemon/runtime/producer_sequences.h"
#include "daemon/runtime/row_totals.h"

// A core with its stored records in memory, for fuzz targets.
namespace faultline::fuzz {

inline constexpr int64_t kSecond = 1'000'000'000;
inline constexpr int64_t kNow = 1'790'000'000 * kSecond;

// Settings from YAML's fields in text format; aborts if they are wrong.
std::shared_ptr<const Settings> SettingsOf(const std::string& text);
// Small panes, short learning, many kinds of detectors: much happens in few rows. In time there are
// panes of 10 s, else of 10 rows.
std::shared_ptr<const Settings> BusySettings(bool in_time);

using Stored = std::map<std::string, std::string>;

class CoreState {
 public:
  explicit CoreState(std::shared_ptr<const Settings> settings)
      : settings_(std::move(settings)),
        shard_(std::make_unique<Shard>(settings_)),
        sequences_(settings_->limits.producers) {}

  // Restores all of it, as a start of the daemon does.
  absl::Status Restore(const Stored& stored);
  // Folds the batch in; aborts if its rows do not add up.
  BatchResult Apply(std::unique_ptr<EventBatch> batch);
  CommandResult Run(CommandAction action, int64_t now_ns);
  void Tick(int64_t now_ns) { shard_->Tick(now_ns, &effects_); }
  // The sequence of the producer whose next batch this is moves on.
  void Produce(const BatchName& batch);
  // Writes what changed since the last one.
  void TakeCheckpoint();

  const Stored& stored() const { return stored_; }

 private:
  absl::Status RestoreRecord(const std::string& key, const std::string& value);

  std::shared_ptr<const Settings> settings_;
  std::unique_ptr<Shard> shard_;
  ProducerSequences sequences_;
  Effects effects_;
  Stored stored_;
  uint64_t change_sequence_ = 0;
};

}  // namespace faultline::fuzz

#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "daemon/core/contract/command.h"
#include "daemon/core/contract/effects.h"
#include "daemon/core/contract/event.h"
#include "daemon/core/settings/settings.h"

namespace faultline {

// Ticks come once a second. If two are further apart, the daemon was not running in between.
inline constexpr int64_t kUnwatchedNs = 3'000'000'000;

class ModelState;
class Parallel;

// The core: owns the state of the models that hash to it and applies events, commands and ticks to
// it, one after the other.
//
// Operation:    Apply counts rows into open panes and closes panes; closing a pane judges it, moves
//               alerts, opens and resolves incidents. TakeCheckpoint asks for the bytes that make
//               all of it survive. Restore is the reverse.
// Concurrency:  none: one thread at a time, no lock, no I/O, no clock. Time comes in as now_ns.
//               State is a function of the sequence of calls; stored bytes do not depend on where
//               the checkpoints fall.
// Limitations:  those of Settings; rows and commands beyond them are refused with a reason.
class Shard {
 public:
  explicit Shard(std::shared_ptr<const Settings> settings);
  ~Shard();
  Shard(const Shard&) = delete;
  Shard& operator=(const Shard&) = delete;

  // Restores one stored record. Model records first, then the others in any order, then
  // FinishRestore. DATA_LOSS if the bytes are damaged, FAILED_PRECONDITION if they are of a newer
  // version; the message names the key.
  absl::Status Restore(std::string_view key, std::string_view value);
  absl::Status FinishRestore();

  // Helps to count large batches; must outlive it. Null: no help.
  void SetHelpers(Parallel* helpers);
  // Counts a batch. The caller keeps it alive until the effects of the next checkpoint are done.
  void Apply(const std::shared_ptr<const EventBatch>& batch, BatchResult* result, Effects* effects);
  void Apply(Command command, CommandResult* result, Effects* effects);
  // The daemon was not running since the last tick: the time until the next one is not silence.
  void Resume();
  // Advances the time to now_ns: closes idle panes, ends silences and test alerts.
  void Tick(int64_t now_ns, Effects* effects);

  // Appends the writes and publications for everything that changed since the last checkpoint.
  void TakeCheckpoint(Effects* effects);

  // Approximate bytes held.
  uint64_t memory_bytes() const;
  uint64_t signals() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// The name in a stored model record (table 'm'), to find its shard before it is restored. Fails as
// Shard::Restore does.
absl::StatusOr<std::string> ModelNameOfRecord(std::string_view value);

// Which shard a model's name belongs to; all versions of a model share one.
uint32_t ShardOf(std::string_view model, uint32_t shards);

}  // namespace faultline

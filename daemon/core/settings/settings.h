#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "daemon/core/settings/budget.h"
#include "daemon/core/settings/stream_kind.h"
#include "detectors/catalog.h"
#include "faultline/v1/config.pb.h"

namespace faultline {

// Reserved name of the model to which test incidents belong.
inline constexpr std::string_view kTestModelName = "faultline_test";

enum class RecordPolicy : uint8_t { kKeep, kHash, kDrop };

// A detector of a model, fully resolved.
struct DetectorSettings {
  const CatalogEntry* entry = nullptr;
  Detector detector;
  std::vector<std::string> signals;  // patterns; empty = all
  v1::Severity severity = v1::SEVERITY_WARNING;
  bool has_threshold = false;  // it can alarm: has a threshold or is on the alarm budget
  double weight = 1;           // in the alarm budget, per signal; 0 for kinds that are not on it
  double share = 0;            // of the whole alarm budget, per signal; 0: by weight
  uint64_t fingerprint = 0;    // changes with the options: follow state starts again
};

struct ColumnSettings {
  std::string pattern;
  RecordPolicy record_numbers = RecordPolicy::kKeep;
  RecordPolicy record_strings = RecordPolicy::kDrop;
  SketchChoice sketches;
  bool ignore = false;
};

// The configuration of one model: defaults filled in, ranges checked.
struct ModelSettings {
  int64_t pane_length_ns = 0;  // 0: panes are by rows
  uint32_t pane_rows = 0;
  uint32_t window_panes = 30;
  uint32_t learn_rows = 5'000;
  uint32_t rolling_panes = 8'640;  // quiet panes of a rolling reference; 0: none
  int64_t idle_close_ns = 0;
  uint32_t fire_panes = 2;
  uint32_t resolve_panes = 3;
  double resolve_margin = 0.1;
  AlarmBudget budget;
  v1::Severity severity = v1::SEVERITY_WARNING;
  std::vector<DetectorSettings> detectors;
  std::vector<ColumnSettings> columns;
  std::map<std::string, std::string> labels;
  std::string runbook_url;
  bool learn_unknown_columns = true;
  // The model's configuration: a serialised v1::Config whose defaults are the model's entry merged
  // over the defaults, with the deployment's alarm budget and maps in the order of their keys; and
  // its ConfigDigest.
  std::string config;
  uint64_t config_digest = 0;

  // The first matching entry, or the defaults.
  ColumnSettings ForColumn(std::string_view name) const;
};

// Limits of the daemon.
struct LimitSettings {
  uint32_t models = 1'000;
  uint32_t signals_per_model = 2'000;
  uint32_t signals = 50'000;
  uint32_t producers = 10'000;
  uint64_t queue_bytes = 64ull << 20;
  uint64_t message_bytes = 4ull << 20;
  uint64_t reference_bytes = 256ull << 20;
  uint64_t memory_bytes = 0;  // resident, of the process; 0: no ceiling
  int64_t future_ns = 10'000'000'000;
};

// How events are made durable.
struct CommitSettings {
  int64_t interval_ns = 100'000'000;
  bool sync = false;
  uint64_t bytes_per_second = 64ull << 20;
};

// How long closed panes and incidents are kept.
struct RetentionSettings {
  int64_t panes_age_ns = 0;
  uint64_t panes_bytes = 256ull << 20;
  uint32_t incidents = 100'000;
};

// Which signals get series of their own.
struct MetricsSettings {
  uint32_t signals_top = 20;
  std::vector<std::string> signals_always;
};

// The configuration of models and limits: strings parsed, detectors made. Immutable; a reload makes
// a new one. Addresses, logging and the like are in daemon/config/process_settings.h.
class Settings {
 public:
  // INVALID_ARGUMENT naming the field by its path, for example
  // "models[0].pane.length: 5 minutes: expected a duration such as 10s, 5m, 2h, 7d".
  // `cores`: of the machine; without a number of shards in the configuration, all but one of them
  // get a shard.
  static absl::StatusOr<std::shared_ptr<const Settings>> Make(const v1::Config& config,
                                                              uint32_t cores = 1);

  // Settings of a model by name: the first matching entry, or the defaults. Never null.
  // Thread-safe. Linear in the number of entries.
  std::shared_ptr<const ModelSettings> ForModel(std::string_view name) const;
  // Whether an entry has exactly this name.
  bool Lists(std::string_view name) const;

  LimitSettings limits;
  CommitSettings commit;
  RetentionSettings retention;
  MetricsSettings metrics;
  bool record_events = false;
  bool register_unknown_models = true;
  uint32_t shards = 1;
  // The streams that every model has; outlive the settings.
  std::span<const StreamKind> streams = StreamKinds();

 private:
  Settings() = default;
  // Name patterns of the entries with their settings, in order; then "*", the defaults.
  std::vector<std::pair<std::string, std::shared_ptr<const ModelSettings>>> models_;
};

// XXH3-64 of a ModelSettings::config.
uint64_t ConfigDigest(std::string_view config);

// "*" matches any characters; every other character matches itself.
bool MatchesPattern(std::string_view pattern, std::string_view text);
// "10s", "1500ms", "5m", "2h", "7d" in nanoseconds; "64MiB", "8KiB", "1GiB", "4096" in bytes.
absl::StatusOr<int64_t> ParseDuration(std::string_view text);
absl::StatusOr<uint64_t> ParseBytes(std::string_view text);

}  // namespace faultline

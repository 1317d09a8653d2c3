#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "daemon/core/settings/budget.h"
#include "daemon/core/settings/stream_kind.h"
#include "detectors/catalog.h"
#include "faultline/v1/config.pb.h"

namespace faultline {

// Test incidents belong to this model; nobody's own may be called so.
inline constexpr std::string_view kTestModelName = "faultline_test";

enum class RecordPolicy : uint8_t { kKeep, kHash, kDrop };

// A detector of a model with everything resolved.
struct DetectorSettings {
  const CatalogEntry* entry = nullptr;
  Detector detector;
  std::vector<std::string> signals;  // patterns; empty = all
  v1::Severity severity = v1::SEVERITY_WARNING;
  bool has_threshold = false;  // or is on the alarm budget: it can alarm
  double weight = 1;           // of the alarm budget, by signal; 0 for kinds that are not on it
  double share = 0;            // of the whole alarm budget, by signal; 0: by weight
  uint64_t fingerprint = 0;    // changes when the options do: follow state starts afresh
};

struct ColumnSettings {
  std::string pattern;
  RecordPolicy record_numbers = RecordPolicy::kKeep;
  RecordPolicy record_strings = RecordPolicy::kDrop;
  SketchChoice sketches;
  bool ignore = false;
};

// What the configuration says of one model: defaults filled in, ranges checked.
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
  // All of it as it was configured: a serialised v1::Config whose defaults are what the model's own
  // entry and the defaults come to, with the deployment's alarm budget, maps in the order of their
  // keys; and its ConfigDigest.
  std::string config;
  uint64_t config_digest = 0;

  // The first entry that fits, or the defaults.
  ColumnSettings ForColumn(std::string_view name) const;
};

// An address to post to.
struct HttpUrl {
  std::string host;  // a name, or an IP address without brackets
  uint16_t port = 0;
  std::string path;  // empty, or begins with '/' and does not end so

  bool operator==(const HttpUrl&) const = default;
};

// Where incidents are posted.
struct AlertmanagerSettings {
  HttpUrl url;  // no host: nowhere
  int64_t resend_ns = 60'000'000'000;
  std::map<std::string, std::string> labels;

  bool operator==(const AlertmanagerSettings&) const = default;
};

// What the configuration says, ready for use: strings parsed, detectors made. Immutable; a reload
// makes a new one.
class Settings {
 public:
  // INVALID_ARGUMENT naming the field by its path, for example
  // "models[0].pane.length: 5 minutes: expected a duration such as 10s, 5m, 2h, 7d".
  // `cores`: of this machine; decides the number of shards if the configuration does not.
  static absl::StatusOr<std::shared_ptr<const Settings>> Make(
      const v1::Config& config, uint32_t cores = std::thread::hardware_concurrency());

  // Settings of a model by name: the first entry that fits, or the defaults. Never null.
  // Thread-safe. Linear in the number of entries.
  std::shared_ptr<const ModelSettings> ForModel(std::string_view name) const;
  // Whether an entry names the model, letter by letter.
  bool Lists(std::string_view name) const;

  std::string data_folder;
  std::string grpc_address;  // empty: off
  std::string socket_path;   // empty: off
  std::string http_address;
  std::string reports_address;  // empty: off
  bool reports_must = false;    // the address is configured: no start without it
  std::string reports_url;      // empty: http:// and the address, as bound
  AlertmanagerSettings alertmanager;
  uint32_t connections_max = 1'000;
  int64_t commit_interval_ns = 100'000'000;
  bool commit_sync = false;
  uint64_t commit_bytes_per_second = 64ull << 20;
  uint32_t models_max = 1'000;
  uint32_t signals_per_model_max = 2'000;
  uint32_t signals_max = 50'000;
  uint32_t producers_max = 10'000;
  uint64_t queue_bytes_max = 64ull << 20;
  uint64_t message_bytes_max = 4ull << 20;
  uint64_t reference_bytes_max = 256ull << 20;
  uint64_t memory_bytes_max = 0;  // resident, of the process; 0: no ceiling
  int64_t future_ns = 10'000'000'000;
  std::string log_level = "info";
  bool log_json = false;
  bool recorder_enabled = false;
  uint64_t recorder_bytes_per_second = 8ull << 20;
  uint64_t recorder_bytes_max = 1ull << 30;
  int64_t recorder_age_max_ns = 0;
  int64_t panes_age_max_ns = 0;
  uint64_t panes_bytes_max = 256ull << 20;
  uint32_t incidents_max = 100'000;
  uint32_t signals_top = 20;
  std::vector<std::string> signals_always;
  bool register_unknown_models = true;
  uint32_t shards = 1;
  // The streams that every model has; outlive the settings.
  std::span<const StreamKind> streams = StreamKinds();

 private:
  Settings() = default;
  // Name patterns of the entries with what they come to, in order; then "*", the defaults.
  std::vector<std::pair<std::string, std::shared_ptr<const ModelSettings>>> models_;
};

// XXH3-64 of a ModelSettings::config.
uint64_t ConfigDigest(std::string_view config);

// "*" stands for any run of characters; everything else for itself.
bool MatchesPattern(std::string_view pattern, std::string_view text);
// "10s", "1500ms", "5m", "2h", "7d" in nanoseconds; "64MiB", "8KiB", "1GiB", "4096" in bytes.
absl::StatusOr<int64_t> ParseDuration(std::string_view text);
absl::StatusOr<uint64_t> ParseBytes(std::string_view text);
// "http://host", "http://host:9093/path"; port 80 if it has none.
absl::StatusOr<HttpUrl> ParseHttpUrl(std::string_view text);

}  // namespace faultline

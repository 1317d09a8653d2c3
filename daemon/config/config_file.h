#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <cstddef>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "daemon/config/process_settings.h"
#include "daemon/core/settings/settings.h"
#include "faultline/v1/config.pb.h"

namespace faultline {

// The largest configuration file that is read.
inline constexpr size_t kConfigBytesMax = 1 << 20;

// A configuration as it was written, with where everything stands in the file.
struct ParsedConfig {
  struct Position {
    int line = 1;    // from 1
    int column = 1;  // from 1
  };

  v1::Config config;
  std::string file;
  std::map<std::string, Position, std::less<>> places;  // by field path

  // "file:line:column" of a field path such as "models[0].pane.length", or of the nearest field
  // around it that stands in the file.
  std::string Locate(std::string_view path) const;
  // A status whose message begins with a field path and ": " (as those of Settings::Make do), with
  // its place in front.
  absl::Status Place(const absl::Status& status) const;
};

// Reads YAML into the configuration message by its field names. Strict: unknown and doubled keys,
// values of another type, two kinds in one detector, tags, several documents, invalid UTF-8 and
// more than kConfigBytesMax are refused. Enumerations are written as their short names
// ("warning"), durations and sizes are not looked into here. `file` is what messages call the file.
//
// Errors: INVALID_ARGUMENT, one line per finding, the first 20 of them:
//   "file:line:column: path: what was found, expected what".
absl::StatusOr<ParsedConfig> ParseConfig(std::string_view text, std::string_view file);

// A configuration file that may be used: parsed, ranges checked.
struct LoadedConfig {
  ParsedConfig parsed;
  std::shared_ptr<const Settings> settings;
  ProcessSettings process;
};

// Fills in both settings from `parsed`, for this machine. INVALID_ARGUMENT naming the field by its
// path.
absl::Status ResolveConfig(LoadedConfig* config);

// NOT_FOUND or another code if it cannot be read; INVALID_ARGUMENT as above, also for values out of
// range.
absl::StatusOr<LoadedConfig> LoadConfigFile(const std::string& path);

// Whether LoadConfigFile would take it.
absl::Status CheckConfigFile(const std::string& path);

}  // namespace faultline

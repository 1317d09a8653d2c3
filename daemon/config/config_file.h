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

// Largest configuration file accepted.
inline constexpr size_t kConfigBytesMax = 1 << 20;

// A configuration as written, with the position of every field in the file.
struct ParsedConfig {
  struct Position {
    int line = 1;    // from 1
    int column = 1;  // from 1
  };

  v1::Config config;
  std::string file;
  std::map<std::string, Position, std::less<>> places;  // by field path

  // "file:line:column" of a field path such as "models[0].pane.length", or of the nearest field
  // enclosing field that the file has.
  std::string Locate(std::string_view path) const;
  // Puts the position in front of a status whose message begins with a field path and ": ", as
  // those of Settings::Make do.
  absl::Status Place(const absl::Status& status) const;
};

// Parses YAML into the configuration message by its field names. Strict: unknown and duplicate
// keys, values of the wrong type, two kinds in one detector, tags, several documents, invalid UTF-8
// and files above kConfigBytesMax are rejected. Enumerations are written by their short names
// ("warning"); durations and sizes are not parsed here. Messages call the file `file`.
//
// Errors: INVALID_ARGUMENT, one line per finding, the first 20 of them:
//   "file:line:column: path: what was found, expected what".
absl::StatusOr<ParsedConfig> ParseConfig(std::string_view text, std::string_view file);

// A valid configuration: parsed, ranges checked.
struct LoadedConfig {
  ParsedConfig parsed;
  std::shared_ptr<const Settings> settings;
  ProcessSettings process;
};

// Fills in both settings from `parsed`, for this machine. INVALID_ARGUMENT naming the field by its
// path.
absl::Status ResolveConfig(LoadedConfig* config);

// NOT_FOUND or another code if the file cannot be read; INVALID_ARGUMENT as above, also for values
// out of range.
absl::StatusOr<LoadedConfig> LoadConfigFile(const std::string& path);

// OK if LoadConfigFile would accept the file.
absl::Status CheckConfigFile(const std::string& path);

}  // namespace faultline

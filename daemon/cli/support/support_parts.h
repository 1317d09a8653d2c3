#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "faultline/v1/incident.pb.h"

namespace faultline::cli {

// The parts of a support bundle.

// A configuration file without possible secrets: values of keys whose names hint at passwords,
// secrets, tokens, credentials or keys, and user names, passwords and queries in addresses.
std::string WithoutSecrets(std::string_view yaml);

// An incident without values of events: no evidence, no text about values, and no runbook.
v1::Incident WithoutPayload(v1::Incident incident);

// A file of the bundle: its name, without folders, and its bytes.
using BundleFile = std::pair<std::string, std::string>;

// Writes the files as a new gzipped tar archive, or into a new folder; readable by its owner only.
// ALREADY_EXISTS if the path exists.
absl::Status WriteArchive(const std::string& path, const std::string& top,
                          const std::vector<BundleFile>& files, int64_t time_ns);
absl::Status WriteFolder(const std::string& path, const std::vector<BundleFile>& files);

}  // namespace faultline::cli

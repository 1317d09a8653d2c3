#pragma once

#include <string>
#include <string_view>

namespace faultline::cli {

// Writes a file that is its owner's alone, because it shows values of events, and says so; what was
// there is replaced. "-" is standard output. Returns the exit code.
int WriteOwnFile(const std::string& path, std::string_view text);

}  // namespace faultline::cli

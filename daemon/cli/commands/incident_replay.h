#pragma once

#include <CLI/App.hpp>

namespace faultline::cli {

// Adds "replay", "export", "reopen" and "suppress" to the commands of incidents.
void AddIncidentReview(CLI::App* incidents, int* exit_code);

}  // namespace faultline::cli

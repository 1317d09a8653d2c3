#pragma once

namespace faultline::cli {

// Adds "replay", "export", "reopen" and "suppress" to the commands of incidents.
void AddIncidentReview(Command incidents);

}  // namespace faultline::cli

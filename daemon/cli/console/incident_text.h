#pragma once

#include <string>

#include "daemon/cli/console/console.h"
#include "faultline/v1/incident.pb.h"
#include "faultline/v1/incident_service.pb.h"

namespace faultline::cli {

// Incidents for people.
//
// Concurrency:  pure.

// "FAILURE_MODE_INPUT_DRIFT" as "input drift": what follows the prefix, in small letters.
std::string EnumWords(const std::string& name, const char* prefix);

// "credit 3" for a model and its version.
std::string ModelText(const std::string& name, const std::string& version);

// The score and its threshold, for example "0.31 / 0.25".
std::string ScoreText(const v1::Verdict& verdict);

// A share of the alarm budget, for example "1.25 %".
std::string ShareText(double share);

// One line each.
std::string ListText(const v1::ListIncidentsResponse& incidents, const Style& style);

// Everything, with plots.
std::string IncidentText(const v1::Incident& incident, const Style& style);

// One line of a watch.
std::string ChangeText(const v1::WatchIncidentsResponse& change, const Style& style);

}  // namespace faultline::cli

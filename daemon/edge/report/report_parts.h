#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "faultline/v1/evidence.pb.h"
#include "faultline/v1/incident.pb.h"

namespace faultline {

// The parts of a report below its head; each is empty if there is nothing to show.
//
// Concurrency:  pure.

std::string HypothesesHtml(const v1::Incident& incident);
// When each alert began and ended.
std::string AlertsHtml(const v1::Incident& incident, const v1::EvidenceBundle& bundle);
// Reference against window, and the evidence over time, signal by signal.
std::string SignalsHtml(const v1::Incident& incident, const v1::EvidenceBundle& bundle);
std::string SlicesHtml(const v1::EvidenceBundle& bundle);
std::string ExamplesHtml(const v1::EvidenceBundle& bundle);
// First what the daemon saw, then what people did.
std::string TimelineHtml(const v1::Incident& incident);
std::string ReviewHtml(const v1::Incident& incident);
std::string PromiseHtml(const v1::Incident& incident, const v1::EvidenceBundle& bundle);
std::string VersionsHtml(const v1::EvidenceBundle& bundle);

// A section of the page with its title.
std::string Section(const std::string& title, const std::string& content);
// Rows of cells; the head says which columns are numbers with a leading '#'. Cells are HTML.
std::string Table(const std::vector<std::string>& head,
                  const std::vector<std::vector<std::string>>& rows);
// "2026-11-23 22:31:26 UTC", or a dash for no time.
std::string TimeHtml(const google::protobuf::Timestamp& time);
// "FAILURE_MODE_INPUT_DRIFT" as "input drift".
std::string WordsOf(const std::string& name, std::string_view prefix);

}  // namespace faultline

#pragma once

#include <string>
#include <vector>

#include "faultline/v1/evidence.pb.h"
#include "faultline/v1/incident.pb.h"

namespace faultline {

// Incidents as HTML: one file that needs nothing else, no scripts, light and dark, phone and paper.
// Whatever stands in an incident is text here, never markup.
//
// Concurrency:  pure.

// Everything about one incident. `bundle`: its evidence, or empty; then what the incident itself
// carries is shown. `list_url`: the list of incidents; empty if there is none (a file).
std::string ReportPage(const v1::Incident& incident, const v1::EvidenceBundle& bundle,
                       const std::string& list_url);

// The list, newest first.
struct ReportList {
  std::vector<v1::Incident> incidents;
  std::string model;      // only those of this model; empty: all
  std::string list_url;   // of the list of all
  std::string older_url;  // empty: there are none
};
std::string ReportListPage(const ReportList& list);

}  // namespace faultline

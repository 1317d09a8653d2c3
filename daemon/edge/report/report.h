#pragma once

#include <string>
#include <vector>

#include "faultline/v1/evidence.pb.h"
#include "faultline/v1/incident.pb.h"

namespace faultline {

// Incidents as HTML: one file that needs nothing else, no scripts, light and dark, phone and paper.
// The content of an incident becomes text, never markup.
//
// Concurrency:  pure.

// Everything about one incident. `bundle`: its evidence; if empty, the evidence in the incident
// itself is shown. `list_url`: the list of incidents; empty in a file.
std::string ReportPage(const v1::Incident& incident, const v1::EvidenceBundle& bundle,
                       const std::string& list_url);

// The list, newest first.
struct ReportList {
  std::vector<v1::Incident> incidents;
  std::string model;      // only incidents of this model; empty: all
  std::string list_url;   // the list of all incidents
  std::string older_url;  // empty: there are no older ones
};
std::string ReportListPage(const ReportList& list);

}  // namespace faultline

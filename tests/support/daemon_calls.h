#pragma once

#include <string>
#include <vector>

#include "faultline/v1/admin.pb.h"
#include "faultline/v1/incident.pb.h"
#include "faultline/v1/incident_service.pb.h"
#include "faultline/v1/model.pb.h"
#include "tests/support/daemon_child.h"

namespace faultline::testing {

// Calls to a daemon that must succeed; a failure is a test failure and gives an empty answer.

v1::DigestStateResponse DigestState(const DaemonChild& daemon);
v1::GetStatusResponse GetStatus(const DaemonChild& daemon);
v1::Model GetModel(const DaemonChild& daemon, const std::string& name, const std::string& version);
v1::GetModelStatusResponse GetModelStatus(const DaemonChild& daemon, const std::string& name,
                                          const std::string& version);
void RecordDeploy(const DaemonChild& daemon, const std::string& name, const std::string& version);
// All of them, with evidence and timeline, oldest first.
std::vector<v1::Incident> Incidents(const DaemonChild& daemon);
// How many are listed, at most a thousand; some may be gone a moment later.
size_t CountIncidents(const DaemonChild& daemon);
v1::ReplayIncidentResponse Replay(const DaemonChild& daemon,
                                  const v1::ReplayIncidentRequest& request);

}  // namespace faultline::testing

#pragma once

#include <vector>

#include "daemon/core/alert/alert_book.h"
#include "daemon/core/incident/incident_book.h"
#include "daemon/core/incident/model_view.h"

namespace faultline {

// Updates the change time, evidence, failure mode and triage of each open incident that is due. An
// incident is due when alerts fire or rise, and again 1, 2, 4, ... panes after it began, because
// the first pane of a change shows little of it. When alerts only resolve, nothing is updated: the
// window no longer shows what happened.
//
// `pane`: the closed pane, or null. `transitions` must have been applied to the book.
void LookAtOpenIncidents(const ModelView& model, const JudgedPane* pane,
                         const std::vector<AlertTransition>& transitions, IncidentBook* book);

}  // namespace faultline

#pragma once

#include <vector>

#include "daemon/core/alert/alert_book.h"
#include "daemon/core/incident/incident_book.h"
#include "daemon/core/incident/model_view.h"

namespace faultline {

// Looks at each open incident for which it is time: when it began, what its signals look like
// since, its failure mode and what it is probably about. It is time when alerts fire or rise, and
// again 1, 2, 4, ... panes after it began: the first pane of a change shows little of it. When
// alerts only resolve, the window no longer shows what happened, and what was said stays.
//
// `pane`: the one that was closed, or null. `edges` have been applied to the book.
void LookAtOpenIncidents(const ModelView& model, const JudgedPane* pane,
                         const std::vector<AlertEdge>& edges, IncidentBook* book);

}  // namespace faultline

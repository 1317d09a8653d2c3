#pragma once

#include <vector>

#include "daemon/edge/http/http_server.h"
#include "storage/segments/recorder.h"
#include "storage/store.h"

namespace faultline::review {

// The incident reports: /incidents lists them, /incidents/ID shows one, / leads to the list.
// `store` and `recorder` (may be null) must outlive the server.
std::vector<HttpRoute> ReportRoutes(const Store* store, const Recorder* recorder);

}  // namespace faultline::review

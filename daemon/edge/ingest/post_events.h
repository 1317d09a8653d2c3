#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "daemon/edge/ingest/ingestion_hub.h"

namespace faultline {

// Code and JSON body of an HTTP answer.
using PostAnswer = std::function<void(int code, std::string body)>;

// Serves POST /v1/events: reads NDJSON (see ParseNdjson), submits the events, and answers after the
// commit that contains them:
//
//   {"accepted":2,"rejected":1,"errors":[{"line":3,"reason":"schema","message":"..."}]}
//
// Operation:    200 if any event was accepted or the body had none, 400 if all were refused, 429 if
//               some were shed because too many calls wait for space, 503 while stopping. The
//               counts are exact in each case; `errors` has the first 100. The reason is that of
//               faultline_ingest_rejected_total, or `shed` or `stopping`.
// Concurrency:  thread-safe. `answer` is called once, by this call or later by a thread of the
//               pipeline; it must not block. `hub` must outlive the call, not the answer.
// Limitations:  sending the same body again counts its events again.
void PostEvents(IngestionHub* hub, std::string_view body, PostAnswer answer);

}  // namespace faultline

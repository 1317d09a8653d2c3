#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "daemon/edge/ingest/ingestion_desk.h"

namespace faultline {

// Code and JSON body of an HTTP answer.
using PostAnswer = std::function<void(int code, std::string body)>;

// Serves POST /v1/events: reads NDJSON (see ParseNdjson), hands the events in, and answers after
// the commit that holds them:
//
//   {"accepted":2,"rejected":1,"errors":[{"line":3,"reason":"schema","message":"..."}]}
//
// Operation:    200 if any event was taken or there was none, 400 if all were refused, 429 if some
//               were shed because too many already wait for space, 503 while stopping. The counts
//               tell the truth in each case; `errors` holds the first 100.
// Concurrency:  thread-safe. `answer` is called once, by this call or later by a thread of the
//               pipeline; it must not block. `desk` must outlive the call, not the answer.
// Limitations:  sending the same body again counts its events again.
void PostEvents(IngestionDesk* desk, std::string_view body, PostAnswer answer);

}  // namespace faultline

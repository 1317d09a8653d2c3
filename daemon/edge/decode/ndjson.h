#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/core/contract/event.h"

namespace faultline {

struct NdjsonOptions {
  int64_t received_ns = 0;  // the daemon's clock; stands in for missing times
  size_t line_bytes_max = 1 << 20;
  uint32_t lines_max = 65'536;
};

// A refused line.
struct LineError {
  uint64_t line = 0;  // counted from 1
  v1::RejectReason reason = v1::REJECT_REASON_UNSPECIFIED;
  std::string message;  // names keys, never quotes values
};

struct NdjsonBatch {
  std::unique_ptr<EventBatch> batch;
  std::vector<uint32_t> lines;  // of each row
};

struct NdjsonEvents {
  static constexpr size_t kErrorsMax = 100;

  std::vector<NdjsonBatch> batches;
  std::vector<LineError> errors;  // the first kErrorsMax
  uint64_t rejected = 0;          // lines
  std::array<uint64_t, v1::RejectReason_ARRAYSIZE> rejected_by_reason{};
};

// Reads events, one JSON object (RFC 8259) per line:
//
//   {"model": "credit", "version": "7", "prediction_id": "a1", "time": "2026-01-01T00:00:00Z",
//    "features": {"age": 41, "city": "Rome", "owner": true, "face": [0.1, 0.2]},
//    "prediction": "yes", "prediction_score": 0.93, "latency_seconds": 0.012, "status": "ok",
//    "tags": {"region": "eu"}}
//
// Operation:    only model is required; time is RFC 3339 or seconds since 1970; null means missing;
//               an array of numbers is an embedding. prediction, prediction_score, latency_seconds
//               and status become columns of these names, tags become columns of role TAG.
//               Consecutive lines of one model and version whose columns agree in type become one
//               batch. Empty lines and a byte order mark at the begin are skipped. A bad line is
//               refused alone; so is one with a duplicate key.
// Concurrency:  pure.
// Limitations:  memory is bounded by a small multiple of the body: columns that few rows have start
//               a new batch.
NdjsonEvents ParseNdjson(std::string_view body, const NdjsonOptions& options);

}  // namespace faultline

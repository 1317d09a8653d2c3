#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "daemon/core/contract/principal.h"
#include "daemon/core/contract/streams.h"
#include "faultline/v1/event.pb.h"
#include "faultline/v1/ingestion.pb.h"

namespace faultline {

// The type a column was sent with. A model's signal keeps the type it was first seen with; the
// numeric ones are interchangeable.
enum class ColumnType : uint8_t { kNumber = 1, kString = 2, kEmbedding = 3 };

// One column of a batch, already validated: exactly one value per row.
struct Column {
  std::string name;
  v1::ColumnRole role = v1::COLUMN_ROLE_FEATURE;
  ColumnType type = ColumnType::kNumber;
  std::vector<double> numbers;          // kNumber
  std::vector<uint32_t> codes;          // kString: indices into dictionary
  std::vector<std::string> dictionary;  // kString: distinct
  std::vector<float> embedding;         // kEmbedding: rows x dimension, row after row
  uint32_t dimension = 0;
  std::vector<uint64_t> nulls;  // bit set = missing; empty = no value is missing

  bool IsNull(uint32_t row) const {
    return !nulls.empty() && ((nulls[row / 64] >> (row % 64)) & 1) != 0;
  }
};

// Where a batch came from; a metric label.
enum class Source : uint8_t { kGrpc, kHttp };

// The decoded form of a batch from any source: validated columns, and the rows that decoding
// refused.
struct EventBatch {
  std::string model;
  std::string version;
  uint32_t rows = 0;
  std::vector<std::string> prediction_ids;  // empty, or one per row
  std::vector<int64_t> times_ns;            // one per row, event time since 1970
  std::vector<Column> columns;
  std::vector<std::pair<std::string, std::string>> tags;
  Source source = Source::kGrpc;
  Principal principal = Principal::Producer("");  // admission sets its id
  uint8_t stream = kInferenceStream;  // ordinal of the model's stream that it belongs to
  int64_t received_ns = 0;            // the daemon's clock at admission
  uint64_t client_dropped_rows = 0;
  // Rows refused at decoding, all for REJECT_REASON_ID: bit set = refused; empty = none. The core
  // counts them as rejected and does not look at them.
  std::vector<uint64_t> refused;
  uint64_t refused_rows = 0;
  std::vector<v1::RowError> row_errors;  // the first of them, at most kRowErrorsMax
  uint64_t bytes = 0;                    // charged by admission

  bool IsRefused(uint32_t row) const {
    return !refused.empty() && ((refused[row / 64] >> (row % 64)) & 1) != 0;
  }
};

// Outcome of a batch. applied + late + rejected + duplicate == rows.
struct BatchResult {
  uint64_t applied_rows = 0;
  uint64_t late_rows = 0;
  uint64_t rejected_rows = 0;
  uint64_t duplicate_rows = 0;
  // rejected_rows by v1::RejectReason; sums up to it. Includes rows refused at decoding.
  std::array<uint64_t, v1::RejectReason_ARRAYSIZE> rejected_by_reason{};
  std::vector<v1::RowError> row_errors;
  v1::RejectReason batch_reason = v1::REJECT_REASON_UNSPECIFIED;  // set: all rows were refused
  std::string batch_error;
};

}  // namespace faultline

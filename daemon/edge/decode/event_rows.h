#pragma once

#include <absl/container/flat_hash_map.h>
#include <absl/container/flat_hash_set.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/core/contract/event.h"

namespace faultline {

// One value of a row-wise source. Views point into the source.
struct EventCell {
  std::string_view name;
  v1::ColumnRole role = v1::COLUMN_ROLE_FEATURE;
  ColumnType type = ColumnType::kNumber;
  double number = 0;
  std::string_view text;
  std::vector<float> vector;
};

// One event of a row-wise source, validated. Missing values are left out.
struct EventRow {
  std::string_view model, version, prediction_id;
  int64_t time_ns = 0;
  std::vector<EventCell> cells;  // of distinct names
};

// Turns rows into columns. A column that a row lacks is missing in it.
//
// Concurrency:  not thread-safe.
// Limitations:  takes a row only if the batch stays dense: no more than kCellsSpare + three times
//               as many empty cells as full ones.
class EventRows {
 public:
  static constexpr uint64_t kCellsSpare = 65'536;

  // False if the row needs another batch: its model, version, or the type, role or dimension of a
  // column differs, its id is a duplicate, or the batch would get too large or too sparse.
  bool Fits(const EventRow& row) const;
  // Only a row that Fits.
  void Add(const EventRow& row);

  uint32_t rows() const { return rows_; }
  bool HasId(const std::string& id) const { return ids_seen_.contains(id); }
  // The batch, with its bytes; ready for the next one.
  std::unique_ptr<EventBatch> Take(Source source, int64_t received_ns);

 private:
  struct Filling {
    Column column;
    uint32_t filled = 0;  // rows, missing ones included
    absl::flat_hash_map<std::string, uint32_t> codes;
  };
  const Filling* Find(std::string_view name) const;
  static void Pad(uint32_t rows, Filling* filling);
  static void Append(const EventCell& cell, Filling* filling);

  std::string model_, version_;
  uint32_t rows_ = 0;
  uint64_t width_ = 0;  // values per row
  uint64_t cells_ = 0;  // values that are present
  bool any_id_ = false;
  std::vector<std::string> ids_;
  absl::flat_hash_set<std::string> ids_seen_;
  std::vector<int64_t> times_ns_;
  std::vector<Filling> filling_;
  absl::flat_hash_map<std::string, size_t> by_name_;
};

}  // namespace faultline

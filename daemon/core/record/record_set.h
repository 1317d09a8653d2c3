#pragma once

#include <absl/functional/function_ref.h>

#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "daemon/core/contract/effects.h"
#include "daemon/core/contract/streams.h"
#include "storage/tables/keys.h"

namespace faultline {

// Appends the write of a record, sealed with its table's version, or its deletion.
void WriteRecord(Table table, std::string key, std::string_view payload, Effects* effects);
void EraseRecord(std::string key, Effects* effects);

// The records of one stream of a model in one table: which are stored, and which must be written
// again. The owner encodes their content.
//
// Operation:    Mark a place when the content of its record changed; TakeCheckpoint asks for the
//               writes. While restoring, Stored for each record that was read.
// Concurrency:  none.
class RecordSet {
 public:
  // The part of the key after model and stream, for example version and block.
  using Place = std::pair<uint64_t, uint32_t>;
  using KeyMaker = std::string (*)(StreamId stream, Place place);

  RecordSet(Table table, KeyMaker key, StreamId stream)
      : table_(table), key_(key), stream_(stream) {}

  void Mark(Place place) { marked_.insert(place); }
  // Nothing needs to be written, because memory was just restored.
  void ClearMarks() { marked_.clear(); }
  void Stored(Place place) { stored_.insert(place); }

  // Writes every marked record with the payload from `encode`; erases it if the payload is empty.
  void TakeCheckpoint(absl::FunctionRef<std::string(Place place)> encode, Effects* effects);
  // Erases every record that is stored.
  void EraseAll(Effects* effects);

 private:
  Table table_;
  KeyMaker key_;
  StreamId stream_;
  std::set<Place> marked_;
  std::set<Place> stored_;
};

}  // namespace faultline

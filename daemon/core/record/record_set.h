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

// Asks for a record of the core to be written, sealed with its table's version; or to be erased.
void WriteRecord(Table table, std::string key, std::string_view payload, Effects* effects);
void EraseRecord(std::string key, Effects* effects);

// The records that one stream of a model has in one table: which of them are stored, and which
// must be written again. What a record holds is its owner's business.
//
// Operation:    Mark a place when what its record holds changed; Cut asks for the writes. While
//               restoring, Stored for each record that was read.
// Concurrency:  none.
class RecordSet {
 public:
  // What the table's key has after the model and the stream, for example version and block.
  using Place = std::pair<uint64_t, uint32_t>;
  using KeyMaker = std::string (*)(StreamId stream, Place place);

  RecordSet(Table table, KeyMaker key, StreamId stream)
      : table_(table), key_(key), stream_(stream) {}

  void Mark(Place place) { marked_.insert(place); }
  // Nothing is to be written: what is in memory was just restored.
  void ClearMarks() { marked_.clear(); }
  void Stored(Place place) { stored_.insert(place); }

  // Writes every marked record. `encode` gives its payload; a record whose payload is empty is
  // erased.
  void Cut(absl::FunctionRef<std::string(Place place)> encode, Effects* effects);
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

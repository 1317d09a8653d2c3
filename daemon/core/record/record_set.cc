#include "daemon/core/record/record_set.h"

#include <optional>

#include "storage/tables/records.h"

namespace faultline {

void WriteRecord(Table table, std::string key, std::string_view payload, Effects* effects) {
  effects->writes.push_back({std::move(key), SealRecord(table, payload)});
}

void EraseRecord(std::string key, Effects* effects) {
  effects->writes.push_back({std::move(key), std::nullopt});
}

void RecordSet::TakeCheckpoint(absl::FunctionRef<std::string(Place place)> encode,
                               Effects* effects) {
  for (const Place& place : marked_) {
    const std::string payload = encode(place);
    if (!payload.empty()) {
      WriteRecord(table_, key_(stream_, place), payload, effects);
      stored_.insert(place);
    } else if (stored_.erase(place) > 0) {
      EraseRecord(key_(stream_, place), effects);
    }
  }
  marked_.clear();
}

void RecordSet::EraseAll(Effects* effects) {
  for (const Place& place : stored_) EraseRecord(key_(stream_, place), effects);
  stored_.clear();
}

}  // namespace faultline

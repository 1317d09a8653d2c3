#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "daemon/core/contract/parallel.h"
#include "daemon/core/settings/settings.h"
#include "daemon/core/transform/batch_columns.h"
#include "detectors/summary/summary.h"

namespace faultline {

// One signal's part in counting a run of rows.
struct CountingPart {
  const SignalColumn* column = nullptr;
  const CategoryMap* map = nullptr;  // null: numbers
  Summary* summary = nullptr;

  template <typename Selection>
  void Count(RowRange run, const Selection& selection) const {
    if (map == nullptr) {
      summary->CountNumbers(column->numbers, column->nulls, run, selection);
    } else {
      summary->CountCategories(column->codes, *map, column->nulls, run, selection);
    }
  }
};

// Data shared by the models of a shard.
struct ShardShare {
  std::shared_ptr<const Settings> settings;
  uint64_t signals = 0;                // of all models
  uint64_t learning_bytes = 0;         // of all signals that learn
  BatchColumns columns;                // of the current batch
  Parallel* helpers = nullptr;         // may be null
  std::vector<CountingPart> counting;  // of the current run

  // A shard's part of a limit on all shards.
  uint64_t PartOf(uint64_t limit) const {
    return (limit + settings->shards - 1) / settings->shards;
  }
};

}  // namespace faultline

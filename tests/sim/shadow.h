#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "daemon/core/shard/shard.h"
#include "storage/tables/keys.h"

namespace faultline::sim {

// Something that came to a shard, in the order in which it did.
struct Input {
  enum class Kind { kBatch, kCommand, kTick, kSettings, kCheckpoint };
  Kind kind = Kind::kTick;
  std::string model;  // of kBatch and kCommand
  int64_t now_ns = 0;
  std::shared_ptr<const EventBatch> batch;
  std::string producer;  // empty: without sequences
  uint64_t epoch = 0;
  uint64_t sequence = 0;
  std::shared_ptr<bool> there;            // set once it is committed
  Principal principal;                    // of kCommand
  std::function<CommandAction()> action;  // of kCommand; commands cannot be copied
  std::shared_ptr<const Settings> settings;
};

// The run that is never interrupted: a core per shard that gets what was committed, in order, and
// is never restarted, unless models move to other shards. What the real one stores must be equal to
// what these would store, byte by byte. Which rows are late it also counts on its own, in the
// plainest way.
class Shadow {
 public:
  Shadow(std::shared_ptr<const Settings> settings, uint32_t shards);

  // The real one started anew, over so many shards. Empty or what cannot be restored.
  std::string Restarted(std::shared_ptr<const Settings> settings, uint32_t shards);
  // Folds in something that is committed. Rows of a batch by what became of them; empty or how the
  // plain count disagrees.
  std::string Fold(const Input& input, uint32_t shard, BatchResult* result);
  // Takes a checkpoint of every core; adds the keys that changed.
  void TakeCheckpoint(std::set<std::string>* changed);

  // As the store should hold it: models, incidents.
  const std::map<std::string, std::string>& stored() const { return stored_; }
  // Incident changes that were not seen in a commit yet, by model, oldest first.
  std::map<std::string, std::deque<IncidentChange>>& changes() { return changes_; }
  // As should be shown; null: the model is gone.
  using Shown = std::map<std::pair<std::string, std::string>, std::shared_ptr<const ModelSnapshot>>;
  const Shown& shown() const { return shown_; }
  // Ids of incidents that are stored.
  const std::set<uint64_t>& incidents() const { return incidents_; }

 private:
  // Which rows of one version of a model are late, without panes: a row is, if its pane is two or
  // more before the newest one.
  struct PlainClock {
    int64_t newest = 0;
  };
  struct Core {
    std::unique_ptr<Shard> shard;
    Effects effects;
    bool fresh = true;
    int64_t last_tick_ns = 0;  // since the real one started
  };
  absl::Status RestoreTable(Table table);
  std::string CheckRows(const EventBatch& batch, const BatchResult& result);

  std::shared_ptr<const Settings> settings_;
  std::vector<Core> cores_;
  std::map<std::pair<std::string, std::string>, PlainClock> clocks_;
  std::map<uint64_t, uint32_t> shard_of_;  // by model hash
  std::map<std::string, std::string> stored_;
  std::map<std::string, std::deque<IncidentChange>> changes_;
  Shown shown_;
  std::set<uint64_t> incidents_;
};

}  // namespace faultline::sim

#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "daemon/core/contract/command.h"
#include "daemon/core/model/model_state.h"
#include "daemon/core/shard/shard.h"

namespace faultline {

// State of a shard.
struct ShardState {
  ShardShare share;
  std::map<uint64_t, std::unique_ptr<ModelState>> models;  // by hash; after what they share
  std::map<std::pair<std::string, uint64_t>, ModelState*> by_name;  // and generation
  bool restored = false;                                            // and Reconcile is still due

  ModelState* Find(uint64_t hash);
  ModelState* Find(const std::string& name, const std::string& version);
  // Oldest first.
  std::vector<ModelState*> VersionsOf(const std::string& name);
  // A new version with all that it inherits; not registered yet.
  // RESOURCE_EXHAUSTED at the limit of models.
  absl::StatusOr<std::unique_ptr<ModelState>> NewModel(const std::string& name,
                                                       const std::string& version);
  ModelState* Register(std::unique_ptr<ModelState> model, int64_t now_ns, Effects* effects);
  ModelState* Insert(std::unique_ptr<ModelState> model);
  void Remove(ModelState* model);
  // After a restart: applies the settings to the models.
  void Reconcile(int64_t now_ns, Effects* effects);
  void Apply(Command command, CommandResult* result, Effects* effects);
};

struct Shard::Impl : ShardState {};

}  // namespace faultline

#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/core/contract/command.h"
#include "daemon/core/contract/effects.h"
#include "daemon/core/contract/event.h"
#include "daemon/core/contract/snapshot.h"
#include "daemon/core/incident/incidents.h"
#include "daemon/core/stream/pane_stream.h"
#include "daemon/core/stream/stream_host.h"

namespace faultline {

using Streams = std::vector<std::unique_ptr<PaneStream>>;  // by ordinal

// Totals over all streams.
ModelTotals TotalsOf(const Streams& streams);

// One version of a model: its streams of panes, which feed its alerts, and its incidents.
//
// Operation:    TakeColumns, then CountRows, per batch; a pane that closes is judged at once.
//               TakeCheckpoint asks for the bytes of what changed.
// Concurrency:  none; see Shard.
// Limitations:  see Settings. Stored bytes are a function of the calls, whenever TakeCheckpoint is
//               called.
class ModelState : public StreamHost {
 public:
  ModelState(ShardShare* shard, std::string name, std::string version);
  ModelState(const ModelState&) = delete;
  ModelState& operator=(const ModelState&) = delete;

  const std::string& name() const { return share_.name; }
  const std::string& version() const { return share_.version; }
  uint64_t hash() const { return share_.hash; }
  // Counts up with the versions of a name.
  uint64_t generation() const { return generation_; }
  ModelShare& share() { return share_; }
  IncidentBook& book() { return incidents_.book(); }

  // Copies what a new version inherits from the newest one: schema, references, silence.
  void InheritFrom(const ModelState& newest);
  void SetDeployed(int64_t now_ns);
  v1::Model Message() const;

  // Extends the schema by the columns of a batch. If that is impossible, refuses the batch and
  // changes nothing.
  bool TakeColumns(const EventBatch& batch, BatchResult* result);
  // Adds declared signals of inference rows; skips known ones of the same type.
  absl::Status DeclareSignals(const v1::Model& model);
  void CountRows(const std::shared_ptr<const EventBatch>& batch, BatchResult* result,
                 Effects* effects);
  // Counts the rows of a batch that was refused as a whole.
  void CountRefused(const EventBatch& batch);

  // The daemon was not running since the newest rows: the next tick starts as after a restart.
  void Resume();
  // Closes idle panes and ends test incidents.
  void Tick(int64_t now_ns, Effects* effects);
  // Applies the shard's settings; changes nothing if they are equal to the previous ones.
  void ApplySettings(int64_t now_ns, Effects* effects);
  // Until `until_ns`, alerts open no incident.
  void Silence(int64_t until_ns, std::string_view reason, int64_t now_ns, Effects* effects);
  // Each changes nothing unless OK.
  absl::Status InstallReference(const faultline::InstallReference& command, int64_t now_ns,
                                v1::Reference* reference, Effects* effects);
  void RelearnReference(Effects* effects);
  absl::Status PromoteReference(const faultline::PromoteReference& command, int64_t now_ns,
                                v1::Reference* reference, Effects* effects);
  absl::Status RollbackReference(const faultline::RollbackReference& command, int64_t now_ns,
                                 v1::Reference* reference, Effects* effects);
  // Follows a call that changed book().
  void TakeIncidents(Effects* effects);

  void TakeCheckpoint(Effects* effects);
  // Appends the deletion of everything that may be stored.
  void Delete(Effects* effects);

  // The reverse of TakeCheckpoint: the model's record, then the others in any order, then
  // FinishRestore.
  absl::Status RestoreModel(std::string_view payload);
  // `stored_bytes`: of the sealed value.
  absl::Status Restore(const Key& key, std::string_view payload, size_t stored_bytes);
  void RestoreIncident(uint64_t id, const v1::Incident& incident) {
    incidents_.RestoreIncident(id, incident);
  }
  absl::Status FinishRestore();

  uint64_t memory_bytes() const { return memory_bytes_; }

 private:
  // StreamHost
  absl::Status CheckRoom(uint64_t added) const override;
  bool HasElsewhere(uint8_t asking, std::string_view name) const override;
  BudgetDivision DivideBudget(uint8_t stream) const override;
  void BeginPane() override { incidents_.BeginPane(); }
  void TakeSignal(uint8_t stream, JudgedSignal judged) override;
  void TakePane(const StreamPane& pane, int64_t now_ns, Effects* effects) override;
  void TakeTransitions(const std::vector<AlertTransition>& transitions, int64_t now_ns,
                       Effects* effects) override;
  void Outdate(uint8_t stream, uint32_t signal) override;

  std::string Encode() const;
  void Publish(Effects* effects);

  ModelShare share_;
  Streams streams_;
  Incidents incidents_;
  uint64_t generation_ = 1;
  bool changed_ = true;  // since the last checkpoint, outside of its parts
  uint64_t memory_bytes_ = 0;
};

}  // namespace faultline

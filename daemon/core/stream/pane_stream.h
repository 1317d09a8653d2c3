#pragma once

#include <absl/status/status.h>

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "daemon/core/contract/effects.h"
#include "daemon/core/contract/event.h"
#include "daemon/core/stream/reference_changes.h"
#include "daemon/core/stream/row_flow.h"
#include "daemon/core/stream/stream_parts.h"

namespace faultline {

// One stream of a model's rows, divided into panes and judged: its signals, their references and
// transforms, its open panes and windows, and the history of its scores. Feeds the alerts of its
// model.
//
// Operation:    TakeColumns, then CountRows, per batch; a pane that closes is judged at once.
//               TakeCheckpoint asks for the bytes of what changed.
// Concurrency:  none; see Shard.
// Limitations:  stored bytes are a function of the calls, whenever TakeCheckpoint is called.
class PaneStream {
 public:
  // All must outlive it.
  PaneStream(ModelShare* model, StreamHost* host, const StreamKind* kind, uint8_t ordinal);
  ~PaneStream();
  PaneStream(const PaneStream&) = delete;
  PaneStream& operator=(const PaneStream&) = delete;

  uint8_t ordinal() const { return parts_.id.ordinal; }
  const StreamKind& kind() const { return parts_.kind; }
  const Signals& signals() const { return parts_.signals; }
  const Panes& panes() const { return parts_.panes; }
  const References& references() const { return parts_.references; }
  const RowLosses& row_losses() const { return parts_.row_losses; }
  const ModelTotals& totals() const { return parts_.totals; }

  // Copies what a new version of the model inherits from the newest one.
  void InheritFrom(const PaneStream& newest);

  // See RowCounter.
  bool TakeColumns(const EventBatch& batch, BatchResult* result);
  absl::Status DeclareSignals(const v1::Model& model);
  void CountRows(const EventBatch& batch, BatchResult* result, Effects* effects);
  // Counts the rows of a batch that was refused as a whole.
  void CountRefused(const EventBatch& batch);
  ReferenceChanges ChangeReferences() { return ReferenceChanges(&parts_); }

  // The daemon was not running since the newest rows: the next tick starts as after a restart.
  void Resume() { flow_.Resume(); }
  // Closes idle panes and judges silence.
  void Tick(int64_t now_ns, Effects* effects);
  // Applies the model's settings; changes nothing if they are equal to the previous ones.
  void ApplySettings(int64_t now_ns, Effects* effects);
  // Whether the settings still want this alert.
  bool Wants(const AlertKey& key) const;

  bool changed() const { return parts_.changed; }
  // Appends the writes of what changed since the last checkpoint.
  void TakeCheckpoint(Effects* effects);
  // Appends the deletion of everything that may be stored.
  void Erase(Effects* effects);
  // Its part of the model's record.
  void Encode(Encoder* out) const;
  // The reverse of Encode and TakeCheckpoint: Decode, then records in any order, then
  // FinishRestore.
  [[nodiscard]] bool Decode(Decoder* in);
  // `stored_bytes`: of the sealed value.
  absl::Status Restore(const Key& key, std::string_view payload, size_t stored_bytes);
  absl::Status FinishRestore();

  // The snapshot of its signals.
  std::shared_ptr<const ModelSignals> Show() { return parts_.shown.Read(parts_); }
  // Alerts changed, so the snapshot is out of date.
  void OutdateShown() { parts_.shown.Outdate(); }
  size_t memory_bytes() const;

 private:
  // Records that wait for others to be restored, in the order of their keys.
  using Stash = std::map<std::string, std::pair<Key, std::string>>;
  absl::Status RestoreStashed(const Key& key, std::string_view payload);

  StreamParts parts_;
  RowFlow flow_;
  Stash stash_;
};

}  // namespace faultline

#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "daemon/core/alert/alert_book.h"
#include "daemon/core/contract/command.h"
#include "daemon/core/contract/effects.h"
#include "daemon/core/contract/event.h"
#include "daemon/core/contract/limits.h"
#include "daemon/core/contract/parallel.h"
#include "daemon/core/contract/snapshot.h"
#include "daemon/core/incident/incidents.h"
#include "daemon/core/settings/settings.h"
#include "daemon/core/signal/schema.h"
#include "daemon/core/signal/score_history.h"
#include "daemon/core/signal/signal_state.h"
#include "daemon/core/stream/open_pane.h"
#include "daemon/core/stream/pane_clock.h"
#include "daemon/core/stream/stored_panes.h"
#include "daemon/core/transform/derive.h"
#include "storage/tables/keys.h"

namespace faultline {

// A signal that counts a run of rows, and into what.
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

// What the models of a shard share.
struct ShardShare {
  std::shared_ptr<const Settings> settings;
  uint64_t signals = 0;                // of all models
  uint64_t learning_bytes = 0;         // of all signals that learn
  BatchColumns columns;                // of the batch at hand
  std::vector<RowColumn> row_columns;  // of the row detector at hand
  Parallel* helpers = nullptr;         // may be null
  std::vector<CountingPart> counting;  // of the run at hand

  // A shard's part of a limit on all shards.
  uint64_t PartOf(uint64_t limit) const {
    return (limit + settings->shards - 1) / settings->shards;
  }
};

// One version of a model: its schema, the state of its signals, its panes, alerts and incidents.
//
// Operation:    TakeColumns, then CountRows, per batch; a pane that closes is judged at once. Cut
//               asks for the bytes of what changed.
// Concurrency:  none; see Shard.
// Limitations:  see Settings. Stored bytes are a function of the calls, whenever Cut is called.
class ModelState {
 public:
  ModelState(ShardShare* shard, std::string name, std::string version);
  ~ModelState();
  ModelState(const ModelState&) = delete;
  ModelState& operator=(const ModelState&) = delete;

  const std::string& name() const { return name_; }
  const std::string& version() const { return version_; }
  uint64_t hash() const { return hash_; }
  // Counts up with the versions of a name.
  uint64_t generation() const { return generation_; }
  const ModelSettings& settings() const { return *settings_; }
  // Its place among the models that share the deployment's alarm budget, from 1.
  uint64_t budget_ordinal() const { return budget_ordinal_; }
  void SetBudgetOrdinal(uint64_t ordinal) { budget_ordinal_ = ordinal; }
  IncidentBook& book() { return incidents_.book(); }

  // Takes over what a new version has from the newest one: schema, references, silence.
  void InheritFrom(const ModelState& newest);
  void SetDeployed(int64_t now_ns);
  v1::Model Message() const;

  // Extends the schema by the columns of a batch; if that cannot be, refuses the batch, and nothing
  // has changed.
  bool TakeColumns(const EventBatch& batch, BatchResult* result);
  // Adds declared signals. ALREADY_EXISTS never: known ones of the same type are passed over.
  absl::Status DeclareSignals(const v1::Model& model);
  void CountRows(const std::shared_ptr<const EventBatch>& batch, BatchResult* result,
                 Effects* effects);
  // Counts the rows of a batch that was refused as a whole.
  void CountRefused(const EventBatch& batch);

  // The time since the newest rows was not watched: the next tick begins anew, as after a restart.
  void Resume() { quiet_since_ns_ = 0; }
  // Panes without rows for long close; test incidents end.
  void Tick(int64_t now_ns, Effects* effects);
  // Follows the shard's settings; changes nothing if they say the same as before.
  void ApplySettings(int64_t now_ns, Effects* effects);
  // Alerts open no incident until then.
  void Silence(int64_t until_ns, const Person& actor, std::string_view reason, int64_t now_ns);
  // Changes nothing unless OK.
  absl::Status InstallReference(const faultline::InstallReference& command, int64_t now_ns,
                                v1::Reference* reference, Effects* effects);
  void RelearnReference(Effects* effects);
  // Both change nothing unless OK.
  absl::Status PromoteReference(const faultline::PromoteReference& command, int64_t now_ns,
                                v1::Reference* reference, Effects* effects);
  absl::Status RollbackReference(const faultline::RollbackReference& command, int64_t now_ns,
                                 v1::Reference* reference, Effects* effects);
  // Takes along what a call on book() changed.
  void TakeIncidents(Effects* effects);

  void Cut(Effects* effects);
  // Appends the deletion of everything that may be stored.
  void Delete(Effects* effects);

  // The reverse of Cut: the model's record, then the others in any order, then FinishRestore.
  absl::Status RestoreModel(std::string_view payload);
  // `stored_bytes`: of the sealed value.
  absl::Status Restore(const Key& key, std::string_view payload, size_t stored_bytes);
  void RestoreIncident(uint64_t id, const v1::Incident& incident) {
    incidents_.RestoreIncident(id, incident);
  }
  absl::Status FinishRestore();

  uint64_t memory_bytes() const { return memory_bytes_; }

 private:
  // Records that wait for others to be restored.
  using Stash = std::map<std::string, std::pair<Key, std::string>>;
  // What a closed pane made of a signal, before anything that signals share was asked or told.
  struct JudgedSignal {
    SignalReading reading;
    std::vector<FollowState> before;  // what its detectors remembered before the pane
    RollingReference::Slots moved = 0;
    uint32_t alarms = 0;  // that began, of detectors on the alarm budget
  };
  enum : uint8_t { kSlots = kOpenPanesMax };

  // model_state.cc
  void AddStates();
  void RefreshDetectors(uint32_t signal);
  void Recount();
  void MarkOpenPanes();
  bool IsIgnored(std::string_view column) const;
  bool Ignores(uint32_t signal) const;
  absl::Status CheckRoom(uint64_t added) const;
  bool IsTest() const { return name_ == kTestModelName; }
  StreamView Stream() const { return {0, schema_, signals_, spans_, window_from_}; }
  ModelView View(const StreamView& stream) const;
  void TakeEdges(const std::vector<AlertEdge>& edges, int64_t now_ns, Effects* effects);

  // model_rows.cc
  bool CheckColumn(const EventBatch& batch, const Column& column, uint64_t* added,
                   BatchResult* result) const;
  uint32_t EndOfRun(const EventBatch& batch, uint32_t begin, int64_t index) const;
  void CountRun(const EventBatch& batch, RowRange run, int64_t index, Effects* effects);
  void CountSignal(uint32_t signal, RowRange run, OpenPane* pane, bool helped);
  void CountParts(RowRange run);
  void LearnSignal(uint32_t signal, RowRange run);

  // model_panes.cc
  OpenPane& PaneOf(int64_t index) { return panes_[clock_.by_time() ? index & 1 : 0]; }
  void ClosePanesBelow(int64_t floor, int64_t now_ns, Effects* effects);
  void ClosePane(OpenPane* pane, int64_t now_ns, Effects* effects);
  void StoreClosed(const OpenPane& pane, Effects* effects);
  PaneDeposit DepositOf(const PaneHeader& pane) const;
  void Judge(const OpenPane& pane, const PaneDeposit& deposit, std::vector<AlertEdge>* edges,
             Effects* effects);
  void JudgeAlone(uint32_t signal, const OpenPane& pane, const PaneDeposit& deposit,
                  const PaneEvidence& evidence, JudgedSignal* judged);
  void TakeJudged(uint32_t signal, const PaneHeader& pane, JudgedSignal* judged,
                  std::vector<AlertEdge>* edges);
  void JudgeAlerts(uint32_t signal, const PaneHeader& pane, std::vector<DetectorReading>* readings,
                   std::vector<AlertEdge>* edges);
  // What the reading says of its alert.
  void FillAlert(const std::string& signal, DetectorReading* reading) const;

  // model_rolling.cc
  RollingReference::Slots MoveWindow(uint32_t signal, int64_t number, const OpenPane& pane);
  void NoteAlarms(uint32_t signal, int64_t number, const std::vector<DetectorReading>& readings);
  void MarkRolling(uint32_t signal, RollingReference::Slots slots);
  void DropRolling(uint32_t signal);
  void KeepPrevious(uint32_t signal);
  void DropPrevious(uint32_t signal);
  void ForgetPrevious();
  void Activate(uint64_t version, const std::string& actor, const std::string& comment,
                int64_t now_ns);
  v1::RollingReference RollingMessage() const;

  // model_references.cc
  void BeginLearning();
  void StopLearning(uint32_t signal);
  void FinishLearning(int64_t now_ns, Effects* effects);
  void TakeReference(uint32_t signal, std::shared_ptr<const SignalReference> reference);
  void DropReference(uint32_t signal);
  uint64_t NewReferenceVersion(uint64_t rows, uint32_t signals, bool imported, int64_t now_ns);
  const DetectorSettings* ScoreSettings() const;
  bool ScoreTakes(uint32_t signal) const;
  void FitScore(const std::vector<std::pair<uint32_t, std::vector<double>>>& rows, uint32_t version,
                Effects* effects);
  bool CheckImport(const faultline::InstallReference& command, v1::Model* declared,
                   absl::Status* status) const;

  // model_derived.cc
  const DetectorSettings* RowSettings(const DerivedRows& derived) const;
  void DeriveRows(RowRange run);
  void FitRows(std::span<const LearningRows* const> learnt, std::span<const uint32_t> signals,
               uint32_t rows, uint32_t version, bool again, Effects* effects);
  bool AnyRowDetector() const;
  void TakeDerived(const DetectorSettings& detector, const RowSignal& made,
                   std::span<const RowColumn> columns, std::span<const uint32_t> signals,
                   uint32_t rows, uint32_t version, Effects* effects);
  void DropDerivedSince(uint64_t version);
  bool AddOwned(std::string_view name, v1::ColumnRole role, uint32_t* signal);
  void WatchRowRate();
  void JudgeSilence(int64_t now_ns, Effects* effects);
  void JudgeSilentPane(int64_t index, std::vector<AlertEdge>* edges);

  // model_records.cc
  void CutOpenPanes(Effects* effects);
  void CutDetectors(Effects* effects);
  void CutBooks(Effects* effects);
  void CutDerived(Effects* effects);
  void CutLearning(Effects* effects);
  void CutReferences(Effects* effects);
  void CutRolling(Effects* effects);
  void CutScores(Effects* effects);
  std::string EncodeModel() const;
  std::string EncodeBook();
  std::string EncodeDetectors(uint32_t block) const;
  void Publish(Effects* effects);
  void RenewSignals();
  void Show(std::shared_ptr<ModelSignals> signals);

  // model_restore.cc
  absl::Status RestoreBook(std::string_view payload);
  absl::Status RestoreDerived(uint32_t index, std::string_view payload);
  absl::Status RestoreReference(const Key& key, std::string_view payload);
  absl::Status RestoreScore(const Key& key, std::string_view payload);
  absl::Status RestoreRolling(const Key& key, std::string_view payload);
  absl::Status RestoreDetectors(uint32_t block, std::string_view payload);
  absl::Status RestoreLearning(const Key& key, std::string_view payload);
  absl::Status RestoreOpenPane(const Key& key, std::string_view payload);
  absl::Status RestoreClosedPane(const Key& key, std::string_view payload);

  ShardShare* shard_;
  std::string name_;
  std::string version_;
  uint64_t hash_;
  uint64_t generation_ = 1;
  uint64_t budget_ordinal_ = 1;  // see BudgetDivision
  std::shared_ptr<const ModelSettings> settings_;

  Schema schema_;
  ColumnPlan plan_;
  std::vector<SignalState> signals_;
  uint32_t judged_ = 0;             // signals with a reference that are not ignored
  std::vector<uint32_t> learners_;  // signals that learn
  FittedScore score_;
  FittedScore previous_score_;  // that a rollback brings back; may be none
  std::vector<DerivedRows> derived_;
  std::optional<uint32_t> row_rate_;  // the signal, while it is judged

  PaneClock clock_;
  std::array<OpenPane, kSlots> panes_;
  int64_t window_from_ = 0;  // number of the oldest pane that windows may hold
  StoredPanes stored_panes_;
  int64_t quiet_since_ns_ = 0;  // the daemon's clock at the newest rows; not stored
  int64_t silent_next_ = 0;     // the pane that silence would make the next one; not stored
  bool live_ = false;           // the newest rows were of their time; not stored

  AlertBook alerts_;
  Incidents incidents_;
  ScoreHistory history_;
  ModelTotals totals_;
  int64_t deployed_ns_ = 0;
  int64_t silenced_until_ns_ = 0;
  uint64_t reference_version_ = 0;         // the last one given
  std::vector<v1::Reference> references_;  // oldest first
  int64_t evaluated_ns_ = 0;               // end of the newest closed pane
  PaneSpans spans_;                        // of the panes in windows

  // What changed since the last Cut.
  bool changed_ = true;
  bool book_changed_ = true;
  bool score_changed_ = false;
  bool derived_changed_ = false;
  bool memories_changed_ = false;
  bool signals_changed_ = true;
  uint64_t alerts_revision_ = 0;
  std::set<uint32_t> detector_blocks_;                        // to write
  std::set<std::pair<uint32_t, uint32_t>> reference_blocks_;  // version, block: to write
  std::set<std::pair<uint32_t, uint32_t>> rolling_slots_;     // block, slot: to write
  std::map<uint32_t, uint32_t> learning_from_;                // block: first chunk to write
  // What is stored.
  std::array<uint32_t, kSlots> open_stored_{};  // blocks of each slot
  std::set<uint32_t> detectors_stored_;
  std::set<std::pair<uint32_t, uint32_t>> references_stored_;
  std::map<uint32_t, uint32_t> learning_stored_;  // block: chunks
  std::set<std::pair<uint32_t, uint32_t>> rolling_stored_;
  std::array<bool, 2> scores_stored_ = {};  // in use, previous
  uint32_t derived_stored_ = 0;

  std::shared_ptr<const ModelSignals> shown_;
  std::set<uint32_t> review_;  // signals whose readings in shown_ no longer hold
  uint64_t memory_bytes_ = 0;

  // While restoring.
  Stash stash_;                           // by stored key
  std::map<uint32_t, uint32_t> awaited_;  // signals whose reference is to come, and its version
  std::map<uint32_t, uint32_t> awaited_previous_;  // the same of what a rollback brings back
  std::map<uint32_t, int64_t> tainted_through_;    // by signal
  std::map<uint32_t, std::vector<FollowState>> restored_follow_;
};

// Refuses a batch as a whole.
void RefuseBatch(const EventBatch& batch, v1::RejectReason reason, std::string error,
                 BatchResult* result);

}  // namespace faultline

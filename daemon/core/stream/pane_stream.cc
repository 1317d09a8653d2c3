#include "daemon/core/stream/pane_stream.h"

#include <absl/strings/str_cat.h>

#include <algorithm>

#include "daemon/core/stream/pane_judge.h"
#include "daemon/core/stream/row_counter.h"

namespace faultline {
namespace {

// After a restart, silence of a stream whose newest row is older is not judged.
constexpr int64_t kRestartedLiveNs = 86'400'000'000'000;
// Largest delay of live rows, if idle_close is not smaller.
constexpr int64_t kLiveLagMaxNs = 600'000'000'000;

absl::Status Damaged(const char* what) { return absl::DataLossError(what); }

void EncodeTotals(const ModelTotals& totals, Encoder* out) {
  for (const uint64_t count :
       {totals.applied_rows, totals.late_rows, totals.rejected_rows, totals.client_dropped_rows,
        totals.panes_closed, totals.verdicts, totals.budget_alarms}) {
    out->Varint(count);
  }
  out->Double(totals.mean_false_alarms_max);
  out->Signed(totals.last_event_ns);
}

void DecodeTotals(Decoder* in, ModelTotals* totals) {
  for (uint64_t* count : {&totals->applied_rows, &totals->late_rows, &totals->rejected_rows,
                          &totals->client_dropped_rows, &totals->panes_closed, &totals->verdicts,
                          &totals->budget_alarms}) {
    *count = in->Varint();
  }
  totals->mean_false_alarms_max = in->Double();
  totals->last_event_ns = in->Signed();
}

}  // namespace

PaneStream::PaneStream(ModelShare* model, StreamHost* host, const StreamKind* kind, uint8_t ordinal)
    : parts_(model, host, kind, ordinal) {}

PaneStream::~PaneStream() { parts_.model.shard->signals -= parts_.signals.size(); }

void PaneStream::InheritFrom(const PaneStream& newest) {
  parts_.transforms.InheritFrom(newest.parts_.transforms);
  parts_.reference_list.InheritFrom(newest.parts_.reference_list);
  parts_.Extend(newest.signals().schema());
  for (uint32_t signal = 0; signal < parts_.signals.size(); ++signal) {
    const auto& reference = newest.signals()[signal].reference;
    if (reference == nullptr) continue;
    parts_.references.Take(signal, reference, *parts_.model.settings);
  }
  parts_.signals.Recount();
  parts_.Change();
}

bool PaneStream::TakeColumns(const EventBatch& batch, BatchResult* result) {
  return RowCounter(&parts_).TakeColumns(batch, result);
}

absl::Status PaneStream::DeclareSignals(const v1::Model& model) {
  return RowCounter(&parts_).DeclareSignals(model);
}

void PaneStream::CountRows(const EventBatch& batch, BatchResult* result, Effects* effects) {
  RowCounter(&parts_).Count(batch, result, effects);
  const int64_t lag_max_ns =
      std::min(parts_.settings.idle_close_ns, kLiveLagMaxNs) + 2 * parts_.panes.clock().length_ns();
  flow_.Take(batch.received_ns, totals().last_event_ns, lag_max_ns);
}

void PaneStream::CountRefused(const EventBatch& batch) {
  parts_.totals.rejected_rows += batch.rows;
  parts_.totals.client_dropped_rows += batch.client_dropped_rows;
  parts_.row_losses.Refused(batch.rows);
  parts_.row_losses.Dropped(batch.client_dropped_rows);
  parts_.changed = true;
}

void PaneStream::Tick(int64_t now_ns, Effects* effects) {
  const bool idle =
      flow_.Idle(now_ns, parts_.settings.idle_close_ns, totals().last_event_ns, kRestartedLiveNs);
  const PaneClock& clock = panes().clock();
  if (!idle || !clock.by_time()) return;
  // Until its span has passed, the newest pane may still get rows, which would be late.
  const int64_t newest = panes().newest_open();
  if (newest >= 0 && now_ns >= clock.EndOf(newest)) {
    parts_.panes.CloseThrough(newest);
    PaneJudge(&parts_).CloseOverdue(now_ns, effects);
    parts_.changed = true;
  }
  if (!flow_.live() || signals().row_signals().empty() || panes().AnyOpen()) return;
  const int64_t from =
      flow_.NextSilent(std::max(clock.floor(), clock.IndexOf(flow_.quiet_since_ns()) + 1));
  flow_.JudgedSilenceBefore(PaneJudge(&parts_).JudgeSilence(from, now_ns, effects));
}

void PaneStream::ApplySettings(int64_t now_ns, Effects* effects) {
  const ModelSettings& settings = *parts_.model.settings;
  parts_.settings = kind().panes(settings);
  parts_.transforms.Follow(settings);
  // First, because signals refer to detectors by index in the settings, and panes that close below
  // are judged.
  for (uint32_t signal = 0; signal < signals().size(); ++signal) {
    parts_.Refresh(signal);
    if (signals()[signal].ignored) parts_.learners.Stop(signal);
    if (parts_.settings.rolling_panes == 0) parts_.references.DropRolling(signal);
  }
  parts_.signals.ForgetPlan();
  parts_.signals.Recount();
  if (!panes().UsesPanesOf(parts_.settings)) {
    PaneJudge(&parts_).CloseAll(now_ns, effects);
    parts_.panes.Restart(parts_.settings, totals().last_event_ns);
    parts_.signals.ClearWindows();
  }
  parts_.panes.KeepWindow(parts_.settings.window_panes);
  parts_.signals.DropPanesBefore(panes().window_from());
  for (uint32_t signal = 0; signal < signals().size(); ++signal) parts_.shown.Review(signal);
  parts_.Change();
}

bool PaneStream::Wants(const AlertKey& key) const {
  const auto signal = signals().schema().Find(key.signal);
  if (!signal.has_value() || signals()[*signal].ignored) return false;
  const auto& chosen = signals()[*signal].detectors;
  return std::any_of(chosen.begin(), chosen.end(), [&](uint16_t index) {
    const DetectorSettings& detector = parts_.model.settings->detectors[index];
    return detector.entry->name == key.detector && detector.has_threshold;
  });
}

void PaneStream::TakeCheckpoint(Effects* effects) {
  parts_.changed = false;
  parts_.panes.TakeCheckpoint(signals().size(), effects);
  parts_.signals.TakeCheckpoint(effects);
  parts_.transforms.TakeCheckpoint(effects);
  parts_.learners.TakeCheckpoint(effects);
  parts_.references.TakeCheckpoint(effects);
  parts_.reference_list.TakeCheckpoint(effects);
  parts_.history.TakeCheckpoint(effects);
}

void PaneStream::Erase(Effects* effects) {
  parts_.panes.Erase(effects);
  parts_.signals.Erase(effects);
  parts_.transforms.Delete(effects);
  parts_.learners.Erase(effects);
  parts_.references.Erase(effects);
  parts_.reference_list.Erase(effects);
  parts_.history.Clear(effects);
}

void PaneStream::Encode(Encoder* out) const {
  EncodeTotals(totals(), out);
  parts_.row_losses.Encode(out);
  parts_.panes.Encode(out);
  parts_.signals.Encode(out);
  parts_.references.Encode(out);
  parts_.learners.Encode(out);
}

bool PaneStream::Decode(Decoder* in) {
  DecodeTotals(in, &parts_.totals);
  parts_.row_losses.Decode(in);
  if (!in->ok() || !parts_.panes.Decode(in)) return false;
  std::vector<uint32_t> awaited;
  if (!parts_.signals.Decode(in, &awaited)) return false;
  const uint32_t count = signals().size();
  parts_.references.Resize(count);
  parts_.learners.Resize(count);
  parts_.model.shard->signals += count;
  if (!parts_.references.Decode(in, std::move(awaited)) || !parts_.learners.Decode(in)) {
    return false;
  }
  for (uint32_t signal = 0; signal < count; ++signal) parts_.Refresh(signal);
  return in->Done();
}

absl::Status PaneStream::Restore(const Key& key, std::string_view payload, size_t stored_bytes) {
  switch (key.table) {
    case Table::kReference:
      return parts_.references.RestoreBlock(key, payload, *parts_.model.settings);
    case Table::kReferenceList:
      return parts_.reference_list.Restore(payload);
    case Table::kTransform:
      return parts_.transforms.Restore(key, payload, signals().schema());
    case Table::kScoreHistory:
      return parts_.history.Restore(key.pane_index, key.block, payload, stored_bytes);
    case Table::kClosedPane: {
      bool in_window = false;
      absl::Status status = parts_.panes.RestoreClosed(key, payload, stored_bytes, &in_window);
      if (!status.ok() || !in_window) return status;
      break;
    }
    default:
      break;
  }
  stash_[BuildKey(key)] = {key, std::string(payload)};
  return absl::OkStatus();
}

absl::Status PaneStream::RestoreStashed(const Key& key, std::string_view payload) {
  switch (key.table) {
    case Table::kDetectorState:
      return parts_.signals.RestoreDetectors(key.block, payload);
    case Table::kLearningRows:
      return parts_.learners.Restore(key, payload);
    case Table::kOpenPane:
      return parts_.panes.RestoreOpen(key, payload, signals());
    case Table::kClosedPane:
      return parts_.signals.RestorePane(key.pane_index, key.block, payload);
    case Table::kRolling:
      return parts_.references.RestoreRolling(key, payload);
    default:
      return Damaged("not a record of a stream");
  }
}

// In the order of keys: detector state, learning rows by chunk, open panes, closed panes by number,
// quiet panes.
absl::Status PaneStream::FinishRestore() {
  absl::Status status = parts_.references.CheckComplete();
  if (!status.ok()) return status;
  for (auto record = stash_.begin(); record != stash_.end(); record = stash_.erase(record)) {
    const auto& [key, payload] = record->second;
    status = RestoreStashed(key, payload);
    if (!status.ok()) {
      return {status.code(),
              absl::StrCat(DescribeKey(record->first), ": ", std::string(status.message()))};
    }
  }
  status = parts_.transforms.FinishRestore();
  if (!status.ok()) return status;
  // Only now are the inputs of derived signals known, and with them which are ignored.
  for (uint32_t signal = 0; signal < signals().size(); ++signal) parts_.Refresh(signal);
  parts_.panes.FinishRestore();
  parts_.signals.FinishRestore();
  parts_.references.FinishRestore();
  parts_.learners.FinishRestore();
  parts_.changed = true;
  return absl::OkStatus();
}

size_t PaneStream::memory_bytes() const {
  return sizeof *this + parts_.panes.memory_bytes() + parts_.signals.memory_bytes() +
         parts_.references.memory_bytes() + parts_.learners.memory_bytes() +
         parts_.transforms.memory_bytes() + parts_.history.memory_bytes() +
         parts_.shown.memory_bytes();
}

}  // namespace faultline

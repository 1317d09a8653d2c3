// Rows: from a batch into panes and learning rows.
#include <absl/strings/str_cat.h>

#include <algorithm>
#include <utility>

#include "daemon/core/model/model_state.h"

namespace faultline {
namespace {

// Values of a run from which it is worth to wake others, and that they take at a time.
constexpr uint64_t kValuesForHelp = 16'384;
constexpr uint64_t kValuesOfPart = 4'096;

const char* WhyRefused(int64_t time_ns) {
  if (time_ns < kEventTimeMinNs) return "event time is before 2000";
  return time_ns > kEventTimeMaxNs ? "event time is after 2100"
                                   : "event time is too far ahead of the daemon's clock";
}

void RefuseRow(uint32_t row, int64_t time_ns, BatchResult* result) {
  ++result->rejected_rows;
  ++result->rejected_by_reason[v1::REJECT_REASON_TIME];
  if (result->row_errors.size() >= kRowErrorsMax) return;
  v1::RowError& error = result->row_errors.emplace_back();
  error.set_row(row);
  error.set_reason(v1::REJECT_REASON_TIME);
  error.set_message(WhyRefused(time_ns));
}

// Rows are of their time if they come with at most such a delay, or sooner by idle_close.
constexpr int64_t kLiveLagMaxNs = 600'000'000'000;

std::string NormName(const std::string& column) { return absl::StrCat(column, ".norm"); }

int64_t NewestTime(const EventBatch& batch, int64_t future_ns) {
  return std::min(kEventTimeMaxNs, batch.received_ns + future_ns);
}

}  // namespace

void RefuseBatch(const EventBatch& batch, v1::RejectReason reason, std::string error,
                 BatchResult* result) {
  result->batch_reason = reason;
  result->batch_error = std::move(error);
  result->row_errors = batch.row_errors;
  result->rejected_rows = batch.rows;
  result->rejected_by_reason[v1::REJECT_REASON_ID] += batch.refused_rows;
  result->rejected_by_reason[reason] += batch.rows - batch.refused_rows;
}

bool ModelState::CheckColumn(const EventBatch& batch, const Column& column, uint64_t* added,
                             BatchResult* result) const {
  if (IsIgnored(column.name)) return true;
  const auto refuse = [&](v1::RejectReason reason, const std::string& why) {
    RefuseBatch(batch, reason, absl::StrCat("column ", column.name, ": ", why), result);
    return false;
  };
  const std::optional<uint32_t> known = schema_.Find(column.name);
  if (known.has_value()) {
    const SignalFacts& facts = schema_[*known];
    if (facts.derived) {
      return refuse(v1::REJECT_REASON_SCHEMA, "the name belongs to a signal derived from others");
    }
    const ColumnType expected = ColumnTypeOf(facts.type);
    if (expected == column.type) return true;
    return refuse(v1::REJECT_REASON_TYPE,
                  absl::StrCat("expected ", std::string(DescribeType(expected)), ", got ",
                               std::string(DescribeType(column.type))));
  }
  if (schema_.size() > 0 && !settings_->learn_unknown_columns) {
    return refuse(v1::REJECT_REASON_UNKNOWN_COLUMN,
                  "the model has no such signal, and unknown_columns is reject");
  }
  *added += Schema::SignalsOf(SignalTypeOf(column.type));
  if (column.type != ColumnType::kEmbedding) return true;
  const std::string norm = NormName(column.name);
  const bool taken = schema_.Find(norm).has_value() ||
                     std::any_of(batch.columns.begin(), batch.columns.end(),
                                 [&](const Column& other) { return other.name == norm; });
  return !taken || refuse(v1::REJECT_REASON_SCHEMA,
                          absl::StrCat("its norm would be ", norm, ", which is another signal"));
}

bool ModelState::TakeColumns(const EventBatch& batch, BatchResult* result) {
  if (plan_.Fits(batch)) return true;
  uint64_t added = 0;
  for (const Column& column : batch.columns) {
    if (!CheckColumn(batch, column, &added, result)) return false;
  }
  const absl::Status room = CheckRoom(added);
  if (!room.ok()) {
    RefuseBatch(batch, v1::REJECT_REASON_LIMIT, std::string(room.message()), result);
    return false;
  }
  for (const Column& column : batch.columns) {
    if (IsIgnored(column.name) || schema_.Find(column.name).has_value()) continue;
    schema_.Add(column.name, SignalTypeOf(column.type), column.role);
  }
  AddStates();
  plan_.Make(batch, schema_);
  return true;
}

void ModelState::CountRefused(const EventBatch& batch) {
  totals_.rejected_rows += batch.rows;
  totals_.client_dropped_rows += batch.client_dropped_rows;
  incidents_.losses().Refused(batch.rows);
  incidents_.losses().Dropped(batch.client_dropped_rows);
  changed_ = true;
}

void ModelState::CountRows(const std::shared_ptr<const EventBatch>& batch, BatchResult* result,
                           Effects* effects) {
  const int64_t newest_time = NewestTime(*batch, shard_->settings->future_ns);
  shard_->columns.Lay(*batch, schema_, plan_);
  BeginLearning();
  WatchRowRate();
  result->row_errors = batch->row_errors;
  result->rejected_rows = batch->refused_rows;
  result->rejected_by_reason[v1::REJECT_REASON_ID] += batch->refused_rows;
  incidents_.losses().Dropped(batch->client_dropped_rows);
  for (uint32_t row = 0; row < batch->rows;) {
    if (batch->IsRefused(row)) {
      incidents_.losses().Refused(1);
      ++row;
      continue;
    }
    const int64_t time = batch->times_ns[row];
    if (time < kEventTimeMinNs || time > newest_time) {
      incidents_.losses().Refused(1);
      RefuseRow(row++, time, result);
      continue;
    }
    const int64_t index = clock_.IndexOf(time);
    if (!clock_.Admit(index)) {
      incidents_.losses().Late(1);
      ++result->late_rows;
      ++row;
      continue;
    }
    ClosePanesBelow(clock_.floor(), batch->received_ns, effects);
    const RowRange run = {row, EndOfRun(*batch, row, index)};
    incidents_.losses().Applied(run.end - run.begin);
    CountRun(*batch, run, index, effects);
    result->applied_rows += run.end - run.begin;
    row = run.end;
  }
  shard_->columns.Trim();
  totals_.applied_rows += result->applied_rows;
  totals_.late_rows += result->late_rows;
  totals_.rejected_rows += result->rejected_rows;
  totals_.client_dropped_rows += batch->client_dropped_rows;
  quiet_since_ns_ = batch->received_ns;
  live_ = batch->received_ns - totals_.last_event_ns <=
          std::min(settings_->idle_close_ns, kLiveLagMaxNs) + 2 * clock_.length_ns();
  changed_ = true;
  if (shard_->settings->recorder_enabled && result->applied_rows + result->late_rows > 0) {
    effects->recorded.push_back({batch, settings_});
  }
}

// Consecutive rows of one pane that neither fill it nor complete a reference on the way.
uint32_t ModelState::EndOfRun(const EventBatch& batch, uint32_t begin, int64_t index) const {
  uint64_t room = batch.rows - begin;
  int64_t from = kEventTimeMinNs;
  int64_t to = NewestTime(batch, shard_->settings->future_ns);
  if (clock_.by_time()) {
    from = std::max(from, clock_.BeginOf(index));
    to = std::min(to, clock_.EndOf(index) - 1);
  } else if (judged_ > 0) {
    const uint64_t filled = panes_[0].started() ? panes_[0].header().rows : 0;
    room = std::min<uint64_t>(room, clock_.pane_rows() - filled);
  }
  for (const uint32_t signal : learners_) {
    room = std::min<uint64_t>(room, signals_[signal].rows_to_learn());
  }
  const uint32_t last = begin + static_cast<uint32_t>(room);
  uint32_t end = begin + 1;
  while (end < last && batch.times_ns[end] >= from && batch.times_ns[end] <= to &&
         !batch.IsRefused(end)) {
    ++end;
  }
  return end;
}

void ModelState::CountRun(const EventBatch& batch, RowRange run, int64_t index, Effects* effects) {
  const auto first = batch.times_ns.begin() + run.begin;
  const auto [least, greatest] = std::minmax_element(first, batch.times_ns.begin() + run.end);
  totals_.last_event_ns = std::max(totals_.last_event_ns, *greatest);
  OpenPane* pane = nullptr;
  if (judged_ > 0) {
    pane = &PaneOf(index);
    if (!pane->started()) pane->Start(index);
    const DetectorSettings* score = score_.ready() ? ScoreSettings() : nullptr;
    const auto signal = score == nullptr ? std::nullopt : schema_.Find(kRowScoreSignal);
    if (signal.has_value() && schema_[*signal].derived && signals_[*signal].judged()) {
      shard_->columns.Score(*score->detector.score, score_, *signal, run);
    }
    DeriveRows(run);
  }
  const uint64_t values = uint64_t{run.end - run.begin} * signals_.size();
  const bool helped = shard_->helpers != nullptr && values >= kValuesForHelp;
  for (uint32_t signal = 0; signal < signals_.size(); ++signal) {
    if (signals_[signal].judged()) {
      CountSignal(signal, run, pane, helped);
    } else if (signals_[signal].learns()) {
      LearnSignal(signal, run);
    }
  }
  if (!shard_->counting.empty()) CountParts(run);
  if (pane != nullptr) pane->AddRows(run.end - run.begin, *least, *greatest);
  if (!learners_.empty()) FinishLearning(batch.received_ns, effects);
  if (pane != nullptr && !clock_.by_time() && pane->header().rows >= clock_.pane_rows()) {
    ClosePane(pane, batch.received_ns, effects);
  }
}

// If helped, only gathers what is to be counted.
void ModelState::CountSignal(uint32_t signal, RowRange run, OpenPane* pane, bool helped) {
  const SignalReference& reference = *signals_[signal].reference;
  const SignalColumn& column = shard_->columns[signal];
  Summary& summary = pane->SummaryOf(signal, reference);
  const bool rate = signal == row_rate_;
  if (column.sent || rate) pane->MarkSent(signal);
  if (!column.sent) {
    summary.CountMissing(EveryRow::CountIn(run));
    return;
  }
  const CategoryMap* map = nullptr;
  if (!schema_[signal].numeric()) map = &shard_->columns.MapOnto(column, reference.shape());
  const CountingPart part = {&column, map, &summary};
  helped ? shard_->counting.push_back(part) : part.Count(run, EveryRow());
}

// Signals share nothing while they count, so whoever counts them, the bytes are the same.
void ModelState::CountParts(RowRange run) {
  std::vector<CountingPart>& counting = shard_->counting;
  const size_t each = std::max<uint64_t>(1, kValuesOfPart / (run.end - run.begin));
  shard_->helpers->ForEach(counting.size(), each,
                           [&](size_t i) { counting[i].Count(run, EveryRow()); });
  counting.clear();
}

void ModelState::LearnSignal(uint32_t signal, RowRange run) {
  SignalState& state = signals_[signal];
  const SignalColumn& column = shard_->columns[signal];
  const uint32_t chunk = state.learning->rows() / kLearningChunkRows;
  const auto [entry, is_new] = learning_from_.try_emplace(signal / kBlockSignals, chunk);
  entry->second = std::min(entry->second, chunk);
  const uint64_t dictionary_before = state.learning->dictionary_bytes();
  if (!column.sent) {
    state.learning->AddMissing(run.end - run.begin);
  } else if (schema_[signal].numeric()) {
    state.learning->AddNumbers(column.numbers, column.nulls, run);
  } else {
    state.learning->AddCategories(column.codes, *column.dictionary, column.nulls, run);
  }
  state.learning->AddTimes(shard_->columns.times().subspan(run.begin, run.end - run.begin));
  shard_->learning_bytes += state.learning->dictionary_bytes() - dictionary_before;
  signals_changed_ = true;
}

}  // namespace faultline

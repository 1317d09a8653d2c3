#include "daemon/core/stream/row_counter.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "daemon/core/stream/pane_judge.h"
#include "daemon/core/stream/reference_changes.h"

namespace faultline {
namespace {

// Number of values from which waking other threads pays off, and that one part takes.
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

bool RowCounter::CheckColumn(const EventBatch& batch, const Column& column, uint64_t* added,
                             BatchResult* result) const {
  if (stream_.IsIgnored(column.name)) return true;
  const auto refuse = [&](v1::RejectReason reason, const std::string& why) {
    RefuseBatch(batch, reason, absl::StrCat("column ", column.name, ": ", why), result);
    return false;
  };
  const Schema& schema = stream_.signals.schema();
  const std::optional<uint32_t> known = schema.Find(column.name);
  if (known.has_value()) {
    const SignalFacts& facts = schema[*known];
    if (facts.derived()) {
      return refuse(v1::REJECT_REASON_SCHEMA, "a derived signal has this name; rename the column");
    }
    const ColumnType expected = ColumnTypeOf(facts.type);
    if (expected == column.type) return true;
    return refuse(v1::REJECT_REASON_TYPE,
                  absl::StrCat("expected ", std::string(DescribeType(expected)), ", got ",
                               std::string(DescribeType(column.type))));
  }
  if (schema.size() > 0 && !stream_.model.settings->learn_unknown_columns) {
    return refuse(v1::REJECT_REASON_UNKNOWN_COLUMN,
                  "the model has no such signal, and unknown_columns is reject");
  }
  if (stream_.host.HasElsewhere(stream_.id.ordinal, column.name)) {
    return refuse(v1::REJECT_REASON_SCHEMA,
                  "another stream of the model has a signal of this name");
  }
  const std::vector<SignalFacts> made = Schema::MadeOf(column.name, SignalTypeOf(column.type));
  *added += 1 + made.size();
  for (const SignalFacts& facts : made) {
    const bool taken = schema.Find(facts.name).has_value() ||
                       std::any_of(batch.columns.begin(), batch.columns.end(),
                                   [&](const Column& other) { return other.name == facts.name; });
    if (!taken) continue;
    return refuse(v1::REJECT_REASON_SCHEMA, absl::StrCat("its ", facts.transform, " would be ",
                                                         facts.name, ", which is another signal"));
  }
  return true;
}

bool RowCounter::TakeColumns(const EventBatch& batch, BatchResult* result) {
  if (stream_.signals.plan().Fits(batch)) return true;
  uint64_t added = 0;
  for (const Column& column : batch.columns) {
    if (!CheckColumn(batch, column, &added, result)) return false;
  }
  const absl::Status room = stream_.host.CheckRoom(added);
  if (!room.ok()) {
    RefuseBatch(batch, v1::REJECT_REASON_LIMIT, std::string(room.message()), result);
    return false;
  }
  Schema schema = stream_.signals.schema();
  for (const Column& column : batch.columns) {
    if (stream_.IsIgnored(column.name) || schema.Find(column.name).has_value()) continue;
    schema.Add(column.name, SignalTypeOf(column.type), column.role);
  }
  stream_.Extend(std::move(schema));
  stream_.signals.MakePlan(batch);
  return true;
}

absl::Status RowCounter::DeclareSignals(const v1::Model& model) {
  Schema declared = stream_.signals.schema();
  for (const v1::Signal& signal : model.signals()) {
    if (signal.name().empty() || signal.name().size() > kNameBytesMax) {
      return absl::InvalidArgumentError("a signal's name has 1 to 128 bytes");
    }
    if (signal.type() < v1::SIGNAL_TYPE_NUMERIC || signal.type() > v1::SIGNAL_TYPE_EMBEDDING ||
        !v1::ColumnRole_IsValid(signal.role())) {
      return absl::InvalidArgumentError(
          absl::StrCat("signal ", signal.name(), ": unknown type or role"));
    }
    if (signal.derived() || stream_.IsIgnored(signal.name())) continue;
    const auto known = declared.Find(signal.name());
    const std::vector<SignalFacts> made = Schema::MadeOf(signal.name(), signal.type());
    const bool made_taken = std::any_of(made.begin(), made.end(), [&](const SignalFacts& facts) {
      return declared.Find(facts.name).has_value();
    });
    if (known.has_value()
            ? declared[*known].type != signal.type()
            : made_taken || stream_.host.HasElsewhere(stream_.id.ordinal, signal.name())) {
      return absl::InvalidArgumentError(
          absl::StrCat("signal ", signal.name(), " already exists with another type"));
    }
    if (!known.has_value()) declared.Add(signal.name(), signal.type(), signal.role());
  }
  absl::Status room = stream_.host.CheckRoom(declared.size() - stream_.signals.size());
  if (!room.ok()) return room;
  stream_.Extend(std::move(declared));
  return absl::OkStatus();
}

void RowCounter::Count(const EventBatch& batch, BatchResult* result, Effects* effects) {
  BatchColumns& columns = stream_.model.shard->columns;
  const int64_t newest_time = NewestTime(batch, stream_.model.shard->settings->limits.future_ns);
  columns.Lay(batch, stream_.signals.schema(), stream_.signals.plan());
  ReferenceChanges references(&stream_);
  references.BeginLearning();
  references.AddRowSignals();
  for (const uint32_t signal : stream_.signals.row_signals()) columns.MarkRows(signal);
  result->row_errors = batch.row_errors;
  result->rejected_rows = batch.refused_rows;
  result->rejected_by_reason[v1::REJECT_REASON_ID] += batch.refused_rows;
  RowLosses& row_losses = stream_.row_losses;
  row_losses.Dropped(batch.client_dropped_rows);
  PaneJudge judge(&stream_);
  for (uint32_t row = 0; row < batch.rows;) {
    if (batch.IsRefused(row)) {
      row_losses.Refused(1);
      ++row;
      continue;
    }
    const int64_t time = batch.times_ns[row];
    if (time < kEventTimeMinNs || time > newest_time) {
      row_losses.Refused(1);
      RefuseRow(row++, time, result);
      continue;
    }
    const int64_t index = stream_.panes.clock().IndexOf(time);
    if (!stream_.panes.Admit(index)) {
      row_losses.Late(1);
      ++result->late_rows;
      ++row;
      continue;
    }
    judge.CloseOverdue(batch.received_ns, effects);
    const RowRange run = {row, EndOfRun(batch, row, index)};
    row_losses.Applied(run.end - run.begin);
    CountRun(batch, run, index, effects);
    result->applied_rows += run.end - run.begin;
    row = run.end;
  }
  columns.Trim();
  ModelTotals& totals = stream_.totals;
  totals.applied_rows += result->applied_rows;
  totals.late_rows += result->late_rows;
  totals.rejected_rows += result->rejected_rows;
  totals.client_dropped_rows += batch.client_dropped_rows;
  stream_.changed = true;
}

// End of the consecutive rows of one pane that neither fill it nor complete a reference before the
// last row.
uint32_t RowCounter::EndOfRun(const EventBatch& batch, uint32_t begin, int64_t index) const {
  const PaneClock& clock = stream_.panes.clock();
  uint64_t room = batch.rows - begin;
  int64_t from = kEventTimeMinNs;
  int64_t to = NewestTime(batch, stream_.model.shard->settings->limits.future_ns);
  if (clock.by_time()) {
    from = std::max(from, clock.BeginOf(index));
    to = std::min(to, clock.EndOf(index) - 1);
  } else if (stream_.signals.judged() > 0) {
    const OpenPane& pane = stream_.panes.Slot(index);
    const uint64_t filled = pane.started() ? pane.header().rows : 0;
    room = std::min<uint64_t>(room, clock.pane_rows() - filled);
  }
  for (const uint32_t signal : stream_.learners.learning()) {
    room = std::min<uint64_t>(room, stream_.learners.RowsMissing(signal));
  }
  const uint32_t last = begin + static_cast<uint32_t>(room);
  uint32_t end = begin + 1;
  while (end < last && batch.times_ns[end] >= from && batch.times_ns[end] <= to &&
         !batch.IsRefused(end)) {
    ++end;
  }
  return end;
}

void RowCounter::CountRun(const EventBatch& batch, RowRange run, int64_t index, Effects* effects) {
  ShardShare& shard = *stream_.model.shard;
  const Signals& signals = stream_.signals;
  const auto first = batch.times_ns.begin() + run.begin;
  const auto [least, greatest] = std::minmax_element(first, batch.times_ns.begin() + run.end);
  stream_.totals.last_event_ns = std::max(stream_.totals.last_event_ns, *greatest);
  OpenPane* pane = nullptr;
  if (signals.judged() > 0) {
    pane = &stream_.panes.Open(index);
    stream_.transforms.Derive(signals.schema(), signals.states(), run, &shard.columns);
  }
  const uint64_t values = uint64_t{run.end - run.begin} * signals.size();
  const bool helped = shard.helpers != nullptr && values >= kValuesForHelp;
  for (uint32_t signal = 0; signal < signals.size(); ++signal) {
    if (signals[signal].judged()) {
      CountSignal(signal, run, pane, helped);
    } else if (stream_.learners.Learns(signal)) {
      LearnSignal(signal, run);
    }
  }
  if (!shard.counting.empty()) CountParts(run);
  if (pane != nullptr) pane->AddRows(run.end - run.begin, *least, *greatest);
  if (!stream_.learners.learning().empty()) {
    ReferenceChanges(&stream_).FinishLearning(batch.received_ns, effects);
  }
  const PaneClock& clock = stream_.panes.clock();
  if (pane != nullptr && !clock.by_time() && pane->header().rows >= clock.pane_rows()) {
    PaneJudge(&stream_).Close(pane, batch.received_ns, effects);
  }
}

// If helped, only collects the parts to count.
void RowCounter::CountSignal(uint32_t signal, RowRange run, OpenPane* pane, bool helped) {
  ShardShare& shard = *stream_.model.shard;
  const SignalReference& reference = *stream_.signals[signal].reference;
  const SignalColumn& column = shard.columns[signal];
  Summary& summary = pane->SummaryOf(signal, reference);
  if (column.sent) pane->MarkSent(signal);
  if (!column.valued) {
    summary.CountMissing(EveryRow::CountIn(run));
    return;
  }
  const CategoryMap* map = nullptr;
  if (!stream_.signals.facts(signal).numeric()) {
    map = &shard.columns.MapOnto(column, reference.shape());
  }
  const CountingPart part = {&column, map, &summary};
  helped ? shard.counting.push_back(part) : part.Count(run, EveryRow());
}

// Signals share nothing while they count, so the bytes do not depend on the thread.
void RowCounter::CountParts(RowRange run) {
  ShardShare& shard = *stream_.model.shard;
  const size_t each = std::max<uint64_t>(1, kValuesOfPart / (run.end - run.begin));
  shard.helpers->ForEach(shard.counting.size(), each,
                         [&](size_t i) { shard.counting[i].Count(run, EveryRow()); });
  shard.counting.clear();
}

void RowCounter::LearnSignal(uint32_t signal, RowRange run) {
  const BatchColumns& columns = stream_.model.shard->columns;
  const SignalColumn& column = columns[signal];
  stream_.learners.AddRows(signal, [&](LearningRows* rows) {
    if (!column.sent) {
      rows->AddMissing(run.end - run.begin);
    } else if (stream_.signals.facts(signal).numeric()) {
      rows->AddNumbers(column.numbers, column.nulls, run);
    } else {
      rows->AddCategories(column.codes, *column.dictionary, column.nulls, run);
    }
    rows->AddTimes(columns.times().subspan(run.begin, run.end - run.begin));
  });
  stream_.shown.Outdate();
}

}  // namespace faultline

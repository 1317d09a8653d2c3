#include "daemon/edge/review/recorded_rows.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <limits>
#include <map>
#include <utility>

#include "daemon/core/reference/learning.h"

namespace faultline::review {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

bool IsMissing(const v1::Column& column, int row) {
  const auto byte = static_cast<size_t>(row) / 8;
  return byte < column.null_bitmap().size() &&
         ((static_cast<uint8_t>(column.null_bitmap()[byte]) >> (row % 8)) & 1) != 0;
}

// Rows of one signal, as LearningRows takes them.
struct Rows {
  std::vector<double> numbers;
  std::vector<std::string> texts;
  std::vector<uint64_t> nulls;
  std::vector<int64_t> times_ns;
  uint32_t count = 0;
  uint32_t sent = 0;

  void Add(int64_t time_ns, const RecordedValue& value, bool has_column, bool numeric) {
    times_ns.push_back(time_ns);
    if (count % 64 == 0) nulls.push_back(0);
    if (value.missing) nulls.back() |= uint64_t{1} << (count % 64);
    if (numeric) {
      numbers.push_back(value.missing ? kNaN : value.number);
    } else {
      texts.push_back(value.text);
    }
    ++count;
    if (has_column) ++sent;
  }
};

// Codes of texts into their distinct ones, in order of appearance.
void Encode(const std::vector<std::string>& texts, std::vector<uint32_t>* codes,
            std::vector<std::string>* dictionary) {
  std::map<std::string_view, uint32_t> code_of;
  for (const std::string& text : texts) {
    const auto [code, added] = code_of.try_emplace(text, static_cast<uint32_t>(dictionary->size()));
    if (added) dictionary->push_back(text);
    codes->push_back(code->second);
  }
}

std::shared_ptr<const SignalReference> ReferenceOf(const Rows& rows, const EvidencePin& pin) {
  const uint32_t version = pin.reference->version() + 1;
  const RowRange all = {0, rows.count};
  LearningRows learning(pin.facts.numeric() ? SignalType::kNumeric : SignalType::kCategorical);
  if (pin.facts.numeric()) {
    learning.AddNumbers(rows.numbers, rows.nulls.data(), all);
  } else {
    std::vector<uint32_t> codes;
    std::vector<std::string> dictionary;
    Encode(rows.texts, &codes, &dictionary);
    learning.AddCategories(codes, dictionary, rows.nulls.data(), all);
  }
  learning.AddTimes(rows.times_ns);
  return learning.MakeReference(version, pin.reference->shape().sketches);
}

absl::Status Missing(const std::string& why) { return absl::FailedPreconditionError(why); }

// The spans of the panes: `before` of the same length before the first, then the panes themselves.
struct PaneSpan {
  int64_t number, first_ns, last_ns;
  PaneIncrement increment;
  Rows rows;
};

RecountedPane Count(const PaneSpan& span, const SignalReference& reference, bool numeric) {
  const Rows& rows = span.rows;
  RecountedPane pane{span.number, rows.sent > 0, Summary(&reference.shape()), span.increment};
  if (span.increment.rows == 0) pane.increment.rows = rows.count;
  const RowRange all = {0, rows.count};
  if (numeric) {
    pane.summary.CountNumbers(rows.numbers, rows.nulls.data(), all);
    return pane;
  }
  std::vector<uint32_t> codes;
  std::vector<std::string> dictionary;
  Encode(rows.texts, &codes, &dictionary);
  CategoryMap map;
  map.Assign(reference.shape(), dictionary);
  pane.summary.CountCategories(codes, map, rows.nulls.data(), all);
  return pane;
}

std::vector<PaneSpan> SpansOf(const std::vector<const EvidencePane*>& panes, uint32_t before) {
  std::vector<PaneSpan> spans;
  const PaneHeader& first = panes.front()->header;
  const int64_t length = first.last_ns - first.first_ns;
  for (int64_t i = before; i > 0; --i) {
    PaneIncrement increment = panes.front()->increment;
    increment.begin_ns = first.first_ns - i * length;
    increment.end_ns = increment.begin_ns + length;
    increment.rows = 0;  // as many as are recorded
    spans.push_back(
        {panes.front()->number - i, increment.begin_ns, increment.end_ns, increment, {}});
  }
  for (const EvidencePane* pane : panes) {
    spans.push_back(
        {pane->number, pane->header.first_ns, pane->header.last_ns, pane->increment, {}});
  }
  return spans;
}

PaneSpan* SpanAt(int64_t time_ns, std::vector<PaneSpan>* spans) {
  const auto after =
      std::upper_bound(spans->begin(), spans->end(), time_ns,
                       [](int64_t time, const PaneSpan& span) { return time < span.first_ns; });
  if (after == spans->begin()) return nullptr;
  PaneSpan* span = &*std::prev(after);
  return time_ns < span->last_ns ? span : nullptr;
}

// Calls visit(time, value, whether the batch had the column) for every recorded row.
absl::Status ForEachRow(
    const Recorder& recorder, const v1::Incident& incident, const std::string& signal,
    int64_t first_ns, int64_t last_ns,
    const std::function<bool(int64_t time_ns, const RecordedValue& value, bool sent)>& visit) {
  return ForEachRecorded(
      recorder, incident.model(), incident.version(), first_ns, last_ns,
      [&](const v1::InferenceBatch& batch) {
        const v1::Column* column = ColumnOf(batch, signal);
        for (int row = 0; row < batch.event_times_unix_nano_size(); ++row) {
          const auto time_ns = static_cast<int64_t>(batch.event_times_unix_nano(row));
          if (time_ns < first_ns || time_ns >= last_ns) continue;
          const RecordedValue value = column == nullptr ? RecordedValue() : ValueOf(*column, row);
          if (!visit(time_ns, value, column != nullptr)) return false;
        }
        return true;
      });
}

}  // namespace

absl::Status ForEachRecorded(const Recorder& recorder, const std::string& model,
                             const std::string& version, int64_t first_ns, int64_t last_ns,
                             const std::function<bool(const v1::InferenceBatch&)>& visit) {
  const absl::Status status =
      recorder.Scan(model, first_ns, last_ns, [&](const RecordedEvents& events) {
        if (events.version != version) return true;
        v1::InferenceBatch batch;
        if (!batch.ParseFromString(events.payload)) return true;
        return visit(batch);
      });
  // Its other properties were checked before.
  return absl::IsDataLoss(status) ? absl::OkStatus() : status;
}

RecordedValue ValueOf(const v1::Column& column, int row) {
  RecordedValue value;
  if (IsMissing(column, row)) return value;
  if (column.has_doubles() && row < column.doubles().values_size()) {
    value.number = column.doubles().values(row);
    value.missing = false;
  } else if (column.has_strings() && row < column.strings().codes_size()) {
    const uint32_t code = column.strings().codes(row);
    if (code >= static_cast<uint32_t>(column.strings().dictionary_size())) return value;
    value.text = column.strings().dictionary(static_cast<int>(code));
    value.missing = false;
  }
  return value;
}

const v1::Column* ColumnOf(const v1::InferenceBatch& batch, const std::string& name) {
  const auto found = std::find_if(batch.columns().begin(), batch.columns().end(),
                                  [&](const v1::Column& column) { return column.name() == name; });
  return found == batch.columns().end() ? nullptr : &*found;
}

absl::StatusOr<RecountedSignal> RecountSignal(const v1::Incident& incident, const EvidencePin& pin,
                                              const std::vector<const EvidencePane*>& panes,
                                              uint32_t window_panes, int64_t reference_first_ns,
                                              int64_t reference_last_ns, const Recorder* recorder,
                                              RecordedShare* share) {
  if (recorder == nullptr) {
    return Missing("nothing is recorded: set recorder.enabled to answer this another time");
  }
  if (panes.empty()) return Missing("no pane of it is kept");
  v1::Config config;
  if (!config.ParseFromString(pin.config) || config.defaults().pane().rows() > 0) {
    return Missing("its panes are by rows: recorded events do not say which rows they held");
  }
  if (pin.facts.derived()) return Missing("it is derived from other columns and not recorded");
  const bool numeric = pin.facts.numeric();
  Rows reference;
  absl::Status status =
      ForEachRow(*recorder, incident, pin.facts.name, reference_first_ns, reference_last_ns,
                 [&](int64_t time_ns, const auto& value, bool sent) {
                   reference.Add(time_ns, value, sent, numeric);
                   return reference.count < kReferenceRowsMax;
                 });
  if (!status.ok()) return status;
  if (reference.count == 0) return Missing("no event between these times is recorded");
  if (reference.sent == 0) {
    return Missing("its values are not recorded: see columns.record in the configuration");
  }
  std::vector<PaneSpan> spans = SpansOf(panes, window_panes - 1);
  status = ForEachRow(*recorder, incident, pin.facts.name, spans.front().first_ns,
                      spans.back().last_ns, [&](int64_t time_ns, const auto& value, bool sent) {
                        PaneSpan* span = SpanAt(time_ns, &spans);
                        if (span != nullptr) span->rows.Add(time_ns, value, sent, numeric);
                        return true;
                      });
  if (!status.ok()) return status;
  RecountedSignal recounted;
  recounted.reference = ReferenceOf(reference, pin);
  uint64_t counted = 0;
  uint64_t found = 0;
  for (const EvidencePane* pane : panes) counted += pane->header.rows;
  for (const PaneSpan& span : spans) {
    const bool before = span.number < panes.front()->number;
    if (before && span.rows.count == 0) continue;
    if (!before) found += span.rows.count;
    recounted.panes.push_back(Count(span, *recounted.reference, numeric));
  }
  share->counted += counted;
  share->found += std::min(found, counted);
  recounted.all_rows = found >= counted;
  return recounted;
}

}  // namespace faultline::review

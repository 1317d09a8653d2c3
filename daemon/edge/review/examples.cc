#include "daemon/edge/review/examples.h"

#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>
#include <google/protobuf/util/time_util.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/clean_text.h"
#include "daemon/edge/review/answer.h"
#include "daemon/edge/review/recorded_rows.h"

namespace faultline::review {
namespace {

using google::protobuf::util::TimeUtil;

// The position of a row: its batch's number, then its own.
struct Place {
  int batch = 0;
  int row = 0;
  int64_t time_ns = 0;
  double distance = 0;  // from the reference
  double value = 0;     // typical rows are near the median of these
  int cell = 0;
};

// Cells that are not a bin or category of the reference.
enum OtherCell { kMissing = -1, kInvalid = -2, kUnder = -3, kOver = -4, kNoCategory = -5 };

int CellOf(const Shape& shape, const RecordedValue& value) {
  if (value.missing) return kMissing;
  if (shape.type == SignalType::kCategorical) {
    const auto known = std::find(shape.categories.begin(), shape.categories.end(), value.text);
    if (known == shape.categories.end()) return kNoCategory;
    return static_cast<int>(known - shape.categories.begin());
  }
  if (!std::isfinite(value.number)) return kInvalid;
  if (shape.boundaries.empty() || value.number > shape.boundaries.back()) return kOver;
  if (value.number < shape.boundaries.front()) return kUnder;
  const auto above =
      std::upper_bound(shape.boundaries.begin(), shape.boundaries.end(), value.number);
  return static_cast<int>(std::min<int64_t>(above - shape.boundaries.begin(), shape.bins())) - 1;
}

double ReferenceShare(const Summary& reference, int cell) {
  uint64_t rows = 0;
  switch (cell) {
    case kMissing:
      rows = reference.missing();
      break;
    case kInvalid:
      rows = reference.invalid();
      break;
    case kUnder:
      rows = reference.under();
      break;
    case kOver:
      rows = reference.over();
      break;
    case kNoCategory:
      rows = reference.other() + reference.unseen();
      break;
    default:
      rows = reference.cells()[static_cast<size_t>(cell)];
  }
  return static_cast<double>(rows) / static_cast<double>(std::max<uint64_t>(1, reference.rows()));
}

// The cells whose share has clearly grown: their rows show the change.
std::set<int> GrownCells(const Summary& reference, const std::vector<Place>& places) {
  std::map<int, uint64_t> rows;
  for (const Place& place : places) ++rows[place.cell];
  std::set<int> grown;
  for (const auto& [cell, count] : rows) {
    const double expected = ReferenceShare(reference, cell) * static_cast<double>(places.size());
    const double plainly = 1.5 * expected + 3 * std::sqrt(expected) + 2;
    if (static_cast<double>(count) > plainly) grown.insert(cell);
  }
  return grown;
}

const EvidencePin* PinOf(const StoredEvidence& evidence, const std::string& signal) {
  for (const EvidencePin& pin : evidence.pins) {
    if (pin.facts.name == signal) return &pin;
  }
  return nullptr;
}

// Numbers: standard deviations from the reference's mean. Categories: the rarer, the farther.
void Measure(const EvidencePin& pin, const RecordedValue& value, Place* place) {
  const Shape& shape = pin.reference->shape();
  const Summary& reference = pin.reference->summary();
  if (value.missing) {
    place->distance = 0;
    place->value = std::nan("");
    return;
  }
  if (pin.facts.numeric()) {
    place->value = value.number;
    place->distance = std::abs(value.number - shape.center) / shape.scale;
    if (!std::isfinite(place->distance)) place->distance = 1e300;
    return;
  }
  const auto known = std::find(shape.categories.begin(), shape.categories.end(), value.text);
  const uint64_t rows =
      known == shape.categories.end()
          ? 0
          : reference.cells()[static_cast<size_t>(known - shape.categories.begin())];
  place->value = static_cast<double>(rows);
  place->distance =
      -std::log((static_cast<double>(rows) + 0.5) / (static_cast<double>(reference.rows()) + 1));
}

// The time span of the incident.
std::pair<int64_t, int64_t> TimesOf(const v1::Incident& incident, const StoredEvidence& evidence) {
  int64_t begin = TimeUtil::TimestampToNanoseconds(
      incident.has_change_time() ? incident.change_time().time() : incident.start_time());
  int64_t end = begin;
  for (const EvidencePane& pane : evidence.panes) end = std::max(end, pane.header.last_ns);
  return {begin, end};
}

std::string ValueWords(const RecordedValue& value, const v1::Column& column) {
  if (column.has_embeddings()) {
    return absl::StrCat("(vector of ", column.embeddings().dimension(), ")");
  }
  if (value.missing) return "(missing)";
  if (column.has_strings()) return CleanText(value.text, kExampleValueBytesMax);
  return absl::StrFormat("%.9g", value.number);
}

v1::ExampleEvent MakeExample(const v1::InferenceBatch& batch, int row, v1::ExampleKind kind,
                             const std::string& signal, const std::vector<std::string>& first) {
  v1::ExampleEvent example;
  example.set_kind(kind);
  example.set_signal(signal);
  if (row < batch.prediction_ids_size()) {
    example.set_prediction_id(CleanText(batch.prediction_ids(row), kExampleValueBytesMax));
  }
  *example.mutable_time() = ToTimestamp(static_cast<int64_t>(batch.event_times_unix_nano(row)));
  std::vector<const v1::Column*> columns;
  for (const std::string& name : first) {
    if (const v1::Column* column = ColumnOf(batch, name)) columns.push_back(column);
  }
  for (const v1::Column& column : batch.columns()) {
    if (std::find(columns.begin(), columns.end(), &column) == columns.end()) {
      columns.push_back(&column);
    }
  }
  for (const v1::Column* column : columns) {
    if (example.values_size() >= kExampleValuesMax) {
      example.set_columns_left_out(static_cast<uint32_t>(columns.size()) -
                                   static_cast<uint32_t>(kExampleValuesMax));
      break;
    }
    v1::ExampleValue* value = example.add_values();
    value->set_name(column->name());
    value->set_value(ValueWords(ValueOf(*column, row), *column));
  }
  return example;
}

// The batches of that time, and for each chosen signal the positions of its rows.
struct Recorded {
  std::vector<v1::InferenceBatch> batches;
  std::vector<std::vector<Place>> places;  // by signal
  int rows = 0;
};

absl::Status Read(const v1::Incident& incident, const StoredEvidence& evidence,
                  const Recorder& recorder, const std::vector<const EvidencePin*>& pins,
                  v1::EvidenceBundle* bundle, Recorded* recorded) {
  const auto [begin, end] = TimesOf(incident, evidence);
  std::vector<std::string> ids;
  recorded->places.resize(pins.size());
  absl::Status status = ForEachRecorded(
      recorder, incident.model(), incident.version(), begin, end,
      [&, first = begin, last = end](const v1::InferenceBatch& batch) {
        const int number = static_cast<int>(recorded->batches.size());
        bool any = false;
        for (int row = 0; row < batch.event_times_unix_nano_size(); ++row) {
          const auto time_ns = static_cast<int64_t>(batch.event_times_unix_nano(row));
          if (time_ns < first || time_ns > last) continue;
          any = true;
          ++recorded->rows;
          if (row < batch.prediction_ids_size()) ids.push_back(batch.prediction_ids(row));
          for (size_t i = 0; i < pins.size(); ++i) {
            const v1::Column* column = ColumnOf(batch, pins[i]->facts.name);
            Place place{number, row, time_ns, 0, std::nan(""), kMissing};
            if (column != nullptr) {
              const RecordedValue value = ValueOf(*column, row);
              Measure(*pins[i], value, &place);
              place.cell = CellOf(pins[i]->reference->shape(), value);
            }
            recorded->places[i].push_back(place);
          }
        }
        if (any) recorded->batches.push_back(batch);
        if (ids.size() > 2 * kPredictionIdsMax)
          ids.erase(ids.begin(), ids.end() - kPredictionIdsMax);
        return recorded->rows < kExampleRowsMax;
      });
  const size_t skip = ids.size() > kPredictionIdsMax ? ids.size() - kPredictionIdsMax : 0;
  for (size_t i = skip; i < ids.size(); ++i) {
    bundle->add_prediction_ids(CleanText(ids[i], kExampleValueBytesMax));
  }
  return status;
}

// Takes the best positions that are not taken yet.
template <typename Before>
void Choose(std::vector<Place> places, Before before, v1::ExampleKind kind,
            const std::string& signal, const std::vector<std::string>& first,
            const Recorded& recorded, std::set<std::pair<int, int>>* taken,
            v1::EvidenceBundle* bundle) {
  std::stable_sort(places.begin(), places.end(), before);
  int chosen = 0;
  for (const Place& place : places) {
    if (chosen >= kExamplesOfKindMax) return;
    if (!taken->insert({place.batch, place.row}).second) continue;
    *bundle->add_examples() = MakeExample(recorded.batches[static_cast<size_t>(place.batch)],
                                          place.row, kind, signal, first);
    ++chosen;
  }
}

double Middle(const std::vector<Place>& places) {
  std::vector<double> values;
  for (const Place& place : places) {
    if (std::isfinite(place.value)) values.push_back(place.value);
  }
  if (values.empty()) return 0;
  const auto middle = values.begin() + static_cast<ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

}  // namespace

void AddExamples(const v1::Incident& incident, const StoredEvidence& evidence,
                 const Recorder* recorder, v1::EvidenceBundle* bundle) {
  if (recorder == nullptr) {
    bundle->set_examples_missing("nothing is recorded: recorder.enabled is not set");
    return;
  }
  std::vector<const EvidencePin*> pins;
  std::vector<std::string> first;
  for (const v1::ContributingSignal& signal : bundle->signals()) {
    const EvidencePin* pin = PinOf(evidence, signal.signal());
    if (pin == nullptr) continue;
    first.push_back(signal.signal());
    if (static_cast<int>(pins.size()) < kExampleSignalsMax) pins.push_back(pin);
  }
  Recorded recorded;
  const absl::Status status = Read(incident, evidence, *recorder, pins, bundle, &recorded);
  if (!status.ok()) {
    bundle->set_examples_missing(
        absl::StrCat("the recorder cannot be read: ", std::string(status.message())));
    return;
  }
  std::set<std::pair<int, int>> taken;
  for (size_t i = 0; i < pins.size(); ++i) {
    const std::vector<Place>& places = recorded.places[i];
    const std::string& signal = pins[i]->facts.name;
    const double middle = Middle(places);
    const auto off = [middle](const Place& place) {
      return std::isfinite(place.value) ? std::abs(place.value - middle) : 1e300;
    };
    const std::set<int> grown = GrownCells(pins[i]->reference->summary(), places);
    const auto shows = [&](const Place& place) { return grown.contains(place.cell); };
    Choose(
        places,
        [&](const Place& a, const Place& b) {
          return std::pair(!shows(a), a.time_ns) < std::pair(!shows(b), b.time_ns);
        },
        v1::EXAMPLE_KIND_FIRST_AFTER_CHANGE, signal, first, recorded, &taken, bundle);
    Choose(
        places, [](const Place& a, const Place& b) { return a.distance > b.distance; },
        v1::EXAMPLE_KIND_EXTREME, signal, first, recorded, &taken, bundle);
    Choose(
        places, [&](const Place& a, const Place& b) { return off(a) < off(b); },
        v1::EXAMPLE_KIND_TYPICAL, signal, first, recorded, &taken, bundle);
  }
  if (bundle->examples().empty()) {
    bundle->set_examples_missing("no event of its time is recorded, or no longer");
  }
}

}  // namespace faultline::review

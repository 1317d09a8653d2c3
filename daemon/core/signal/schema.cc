#include "daemon/core/signal/schema.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "daemon/core/settings/limits.h"
#include "detectors/transform/column_transforms.h"

namespace faultline {

ColumnType ColumnTypeOf(v1::SignalType type) {
  if (type == v1::SIGNAL_TYPE_CATEGORICAL) return ColumnType::kString;
  return type == v1::SIGNAL_TYPE_EMBEDDING ? ColumnType::kEmbedding : ColumnType::kNumber;
}

v1::SignalType SignalTypeOf(ColumnType type) {
  if (type == ColumnType::kString) return v1::SIGNAL_TYPE_CATEGORICAL;
  return type == ColumnType::kEmbedding ? v1::SIGNAL_TYPE_EMBEDDING : v1::SIGNAL_TYPE_NUMERIC;
}

std::string_view DescribeType(ColumnType type) {
  if (type == ColumnType::kString) return "strings";
  return type == ColumnType::kEmbedding ? "vectors" : "numbers";
}

SignalFacts SignalFacts::Made(const Transform& transform, std::string_view name) {
  const TransformFacts& of = transform.facts();
  return {
      .name = std::string(name),
      .role = of.derivation == Derivation::kRows ? v1::COLUMN_ROLE_STATUS : v1::COLUMN_ROLE_FEATURE,
      .derivation = of.derivation,
      .owned = of.owned,
      .transform = std::string(of.name)};
}

ColumnValues SignalFacts::values() const {
  if (type == v1::SIGNAL_TYPE_CATEGORICAL) return ColumnValues::kCategories;
  return type == v1::SIGNAL_TYPE_EMBEDDING ? ColumnValues::kVectors : ColumnValues::kNumbers;
}

void SignalFacts::Encode(Encoder* out) const {
  out->String(name);
  out->Varint(type);
  out->Varint(role);
  out->Fixed8(static_cast<uint8_t>(derivation));
  if (!derived()) return;
  out->Fixed8(owned ? 1 : 0);
  out->String(transform);
  out->Signed(source);
}

bool SignalFacts::Decode(Decoder* in) {
  name = std::string(in->String());
  const uint64_t read_type = in->Varint();
  const uint64_t read_role = in->Varint();
  const uint8_t read_derivation = in->Fixed8();
  if (!in->ok() || read_type < 1 || read_type > 3 || read_role < 1 ||
      read_role > v1::ColumnRole_MAX || read_derivation > static_cast<uint8_t>(Derivation::kRows)) {
    return false;
  }
  type = static_cast<v1::SignalType>(read_type);
  role = static_cast<v1::ColumnRole>(read_role);
  derivation = static_cast<Derivation>(read_derivation);
  if (!derived()) return true;
  const uint8_t read_owned = in->Fixed8();
  transform = std::string(in->String());
  const int64_t read_source = in->Signed();
  owned = read_owned == 1;
  source = static_cast<int32_t>(read_source);
  const bool of_column = derivation == Derivation::kColumn;
  return in->ok() && read_owned <= 1 && numeric() && !transform.empty() && read_source == source &&
         (of_column ? source >= 0 : source == -1);
}

Concern ConcernOf(const CatalogEntry& detector, const SignalFacts& signal) {
  const CatalogEntry* maker = signal.owned ? nullptr : FindKind(std::string_view(signal.transform));
  const bool anomaly = maker != nullptr && maker->concern == Concern::kAnomaly;
  return anomaly ? Concern::kAnomaly : detector.concern;
}

void Schema::Append(SignalFacts facts) {
  const bool is_new = by_name_.emplace(facts.name, size()).second;
  FAULTLINE_CHECK(is_new, "callers look a name up before they add it");
  signals_.push_back(std::move(facts));
}

std::vector<SignalFacts> Schema::MadeOf(std::string_view name, v1::SignalType type) {
  std::vector<SignalFacts> signals;
  const ColumnOffer offer = {.signal = name, .values = SignalFacts{.type = type}.values()};
  for (const Transform* transform : ColumnTransforms()) {
    if (!transform->Takes(offer)) continue;
    std::vector<MadeSignal> made;
    const RowColumn column = {.signal = name};
    FAULTLINE_CHECK(transform->Fit({&column, 1}, 0, &made).ok(), "it takes the column");
    for (const MadeSignal& signal : made) {
      signals.push_back(SignalFacts::Made(*transform, signal.name));
    }
  }
  return signals;
}

void Schema::Add(std::string_view name, v1::SignalType type, v1::ColumnRole role) {
  if (role == v1::COLUMN_ROLE_UNSPECIFIED) role = v1::COLUMN_ROLE_FEATURE;
  const auto source = static_cast<int32_t>(size());
  Append({.name = std::string(name), .type = type, .role = role});
  for (SignalFacts& made : MadeOf(name, type)) {
    made.role = role;
    made.source = source;
    Append(std::move(made));
  }
}

void Schema::AddDerived(SignalFacts facts) {
  FAULTLINE_CHECK(facts.derived() && !facts.column(), "those of columns come with them");
  Append(std::move(facts));
}

std::optional<uint32_t> Schema::Find(std::string_view name) const {
  const auto found = by_name_.find(std::string(name));
  if (found == by_name_.end()) return std::nullopt;
  return found->second;
}

v1::Signal Schema::Message(uint32_t signal) const {
  const SignalFacts& facts = signals_[signal];
  v1::Signal message;
  message.set_name(facts.name);
  message.set_type(facts.type);
  message.set_role(facts.role);
  message.set_derived(facts.derived());
  return message;
}

size_t Schema::memory_bytes() const {
  size_t bytes = signals_.capacity() * sizeof(SignalFacts);
  for (const SignalFacts& facts : signals_) {
    bytes += 2 * facts.name.capacity() + facts.transform.capacity() + sizeof(std::string) + 32;
  }
  return bytes;
}

void Schema::Encode(Encoder* out) const {
  out->Varint(signals_.size());
  for (const SignalFacts& facts : signals_) facts.Encode(out);
}

bool Schema::Decode(Decoder* in) {
  const uint64_t count = in->Varint();
  for (uint64_t i = 0; i < count && in->ok(); ++i) {
    SignalFacts facts;
    if (!facts.Decode(in) || Find(facts.name).has_value()) return false;
    if (facts.source >= 0) {
      const auto source = static_cast<uint32_t>(facts.source);
      if (source >= size() || signals_[source].derived()) return false;
      if (FindColumnTransform(facts.transform) == nullptr) return false;
    }
    Append(std::move(facts));
  }
  return in->ok();
}

bool ColumnPlan::Fits(const EventBatch& batch) const {
  if (!made_ || columns_.size() != batch.columns.size()) return false;
  for (size_t i = 0; i < columns_.size(); ++i) {
    if (columns_[i].type != batch.columns[i].type) return false;
    if (columns_[i].name != batch.columns[i].name) return false;
  }
  return true;
}

void ColumnPlan::Make(const EventBatch& batch, const Schema& schema) {
  columns_.clear();
  sent_.clear();
  derived_.clear();
  std::vector<int32_t> column_of(schema.size(), -1);
  for (size_t i = 0; i < batch.columns.size(); ++i) {
    const Column& column = batch.columns[i];
    columns_.push_back({column.name, column.type});
    const std::optional<uint32_t> signal = schema.Find(column.name);
    if (!signal.has_value() || ColumnTypeOf(schema[*signal].type) != column.type) continue;
    column_of[*signal] = static_cast<int32_t>(i);
  }
  // A signal derived from one column comes with that column.
  for (uint32_t signal = 0; signal < schema.size(); ++signal) {
    const SignalFacts& facts = schema[signal];
    if (!facts.column()) continue;
    const int32_t column = column_of[facts.derived() ? facts.source : signal];
    if (column < 0) continue;
    (facts.derived() ? derived_ : sent_).push_back({signal, static_cast<uint32_t>(column)});
  }
  made_ = true;
}

std::optional<uint32_t> ColumnPlan::ColumnOf(uint32_t signal) const {
  for (const std::vector<Place>* places : {&sent_, &derived_}) {
    const auto place = std::ranges::lower_bound(*places, signal, {}, &Place::signal);
    if (place != places->end() && place->signal == signal) return place->column;
  }
  return std::nullopt;
}

size_t ColumnPlan::memory_bytes() const {
  size_t bytes =
      (sent_.capacity() + derived_.capacity()) * sizeof(Place) + columns_.capacity() * sizeof(Seen);
  for (const Seen& seen : columns_) bytes += seen.name.capacity();
  return bytes;
}

}  // namespace faultline

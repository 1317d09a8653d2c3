#include "daemon/core/signal/schema.h"

#include <utility>

#include "base/check.h"
#include "daemon/core/contract/limits.h"

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

bool SignalFacts::owned() const { return derived && source < 0 && name != kRowScoreSignal; }

void Schema::Append(SignalFacts facts) {
  const bool is_new = by_name_.emplace(facts.name, size()).second;
  FAULTLINE_CHECK(is_new, "callers look a name up before they add it");
  signals_.push_back(std::move(facts));
}

void Schema::Add(std::string_view name, v1::SignalType type, v1::ColumnRole role) {
  if (role == v1::COLUMN_ROLE_UNSPECIFIED) role = v1::COLUMN_ROLE_FEATURE;
  const int32_t source = static_cast<int32_t>(size());
  Append({std::string(name), type, role, false, -1});
  if (type == v1::SIGNAL_TYPE_EMBEDDING) {
    Append({std::string(name).append(kNormSuffix), v1::SIGNAL_TYPE_NUMERIC, role, true, source});
  }
}

void Schema::AddDerived(std::string_view name, v1::ColumnRole role) {
  Append({std::string(name), v1::SIGNAL_TYPE_NUMERIC, role, true, -1});
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
  message.set_derived(facts.derived);
  return message;
}

size_t Schema::memory_bytes() const {
  size_t bytes = signals_.capacity() * sizeof(SignalFacts);
  for (const SignalFacts& facts : signals_) {
    bytes += 2 * facts.name.capacity() + sizeof(std::string) + 32;
  }
  return bytes;
}

void Schema::Encode(Encoder* out) const {
  out->Varint(signals_.size());
  for (const SignalFacts& facts : signals_) {
    out->String(facts.name);
    out->Varint(facts.type);
    out->Varint(facts.role);
    out->Fixed8(facts.derived ? 1 : 0);
    out->Signed(facts.source);
  }
}

bool Schema::Decode(Decoder* in) {
  const uint64_t count = in->Varint();
  for (uint64_t i = 0; i < count && in->ok(); ++i) {
    SignalFacts facts;
    facts.name = std::string(in->String());
    const uint64_t type = in->Varint();
    const uint64_t role = in->Varint();
    const uint8_t derived = in->Fixed8();
    const int64_t source = in->Signed();
    if (!in->ok() || type < 1 || type > 3 || role < 1 || role > v1::ColumnRole_MAX || derived > 1 ||
        source < -1 || source >= static_cast<int64_t>(i) || Find(facts.name).has_value()) {
      return false;
    }
    facts.type = static_cast<v1::SignalType>(type);
    facts.role = static_cast<v1::ColumnRole>(role);
    facts.derived = derived == 1;
    facts.source = static_cast<int32_t>(source);
    // What the daemon computes is numbers: of vectors, their norms.
    const bool norm =
        source >= 0 && signals_[static_cast<size_t>(source)].type == v1::SIGNAL_TYPE_EMBEDDING;
    if ((facts.derived && !facts.numeric()) || (source >= 0 && !(facts.derived && norm))) {
      return false;
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
  column_of_.assign(schema.size(), -1);
  for (size_t i = 0; i < batch.columns.size(); ++i) {
    const Column& column = batch.columns[i];
    columns_.push_back({column.name, column.type});
    const std::optional<uint32_t> signal = schema.Find(column.name);
    if (!signal.has_value() || ColumnTypeOf(schema[*signal].type) != column.type) continue;
    column_of_[*signal] = static_cast<int32_t>(i);
  }
  // The norm comes with its vectors.
  for (uint32_t signal = 0; signal < schema.size(); ++signal) {
    if (schema[signal].source >= 0) column_of_[signal] = column_of_[schema[signal].source];
  }
  made_ = true;
}

size_t ColumnPlan::memory_bytes() const {
  size_t bytes = column_of_.capacity() * sizeof(int32_t) + columns_.capacity() * sizeof(Seen);
  for (const Seen& seen : columns_) bytes += seen.name.capacity();
  return bytes;
}

}  // namespace faultline

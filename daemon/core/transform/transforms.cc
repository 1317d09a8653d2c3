#include "daemon/core/transform/transforms.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <cmath>

#include "base/check.h"
#include "storage/tables/records.h"

namespace faultline {
namespace {

constexpr uint32_t kColumnsMax = 1'024;

absl::Status Broken(const char* what) { return absl::DataLossError(what); }

ColumnOffer OfferOf(const SignalFacts& facts, const std::vector<std::string>& patterns) {
  const bool feature = facts.role == v1::COLUMN_ROLE_FEATURE;
  const bool named = std::any_of(patterns.begin(), patterns.end(), [&](const std::string& pattern) {
    return MatchesPattern(pattern, facts.name);
  });
  return {.signal = facts.name,
          .values = facts.values(),
          .feature = feature,
          .chosen = patterns.empty() ? feature : named,
          .derived = facts.derived()};
}

std::string_view View(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// The signal's values on the reference rows, from its fit.
void DeriveReference(const Transform& transform, const MadeSignal& made,
                     std::span<const RowColumn> inputs, uint32_t rows, FittedSignal* to) {
  std::vector<std::byte> memory(transform.facts().memory_bytes);
  to->values.assign(rows, kUnset);
  transform.Derive(made.fitted, inputs, {0, rows}, memory, to->values);
  to->nulls.assign((rows + 63) / 64, 0);
  for (uint32_t row = 0; row < rows; ++row) {
    if (row < made.used_rows || std::isnan(to->values[row])) {
      to->nulls[row / 64] |= uint64_t{1} << (row % 64);
    }
  }
}

}  // namespace

size_t TransformFit::memory_bytes() const {
  return sizeof *this + columns.capacity() * sizeof(uint32_t) + fitted.capacity();
}

void TransformFit::Encode(Encoder* out) const {
  out->String(transform);
  out->String(options);
  out->Varint(version);
  out->Varint(columns.size());
  for (const uint32_t column : columns) out->Varint(column);
  out->String(fitted);
}

bool TransformFit::Decode(Decoder* in) {
  transform = std::string(in->String());
  options = std::string(in->String());
  const uint64_t fitted_to = in->Varint();
  const uint64_t count = in->Varint();
  if (!in->ok() || empty() || fitted_to > UINT32_MAX || count > kColumnsMax) return false;
  version = static_cast<uint32_t>(fitted_to);
  columns.clear();
  for (uint64_t i = 0; i < count; ++i) {
    const uint64_t column = in->Varint();
    if (column > UINT32_MAX) return false;
    columns.push_back(static_cast<uint32_t>(column));
  }
  fitted = std::string(in->String());
  return in->ok();
}

void Transforms::Follow(const ModelSettings& settings) {
  configured_.clear();
  row_signals_.clear();
  for (const DetectorSettings& detector : settings.detectors) {
    const auto& transform = detector.detector.transform;
    if (transform == nullptr) continue;
    const TransformFacts& facts = transform->facts();
    if (facts.derivation == Derivation::kRows) {
      std::vector<MadeSignal> made;
      FAULTLINE_CHECK(transform->Fit({}, 0, &made).ok(), "rows are always there");
      for (const MadeSignal& signal : made) {
        row_signals_.push_back(SignalFacts::Made(*transform, signal.name));
      }
      continue;
    }
    FAULTLINE_CHECK(facts.derivation == Derivation::kFitted, "column transforms are always on");
    // The first entry that derives a signal applies, as everywhere in settings.
    const bool taken =
        std::any_of(configured_.begin(), configured_.end(), [&](const Configured& other) {
          const TransformFacts& of = other.transform->facts();
          return of.name == facts.name && of.options == facts.options;
        });
    if (!taken) configured_.push_back({transform, detector.signals});
  }
  for (auto& [signal, entry] : entries_) Bind(signal, &entry);
}

// Finds the transform of a fit.
void Transforms::Bind(uint32_t signal, Entry* entry) {
  entry->transform = nullptr;
  for (const Configured& one : configured_) {
    const TransformFacts& facts = one.transform->facts();
    if (facts.name != entry->fit.transform || facts.options != entry->fit.options) continue;
    entry->transform = one.transform;
    if (entry->memory.size() == facts.memory_bytes) continue;
    entry->memory.assign(facts.memory_bytes, std::byte{0});
    dirty_.insert({signal, kMemory});
  }
}

std::vector<FittedSignal> Transforms::Fit(const Schema& schema, const CommonRows& rows, bool again,
                                          std::vector<std::string>* failures) const {
  std::vector<FittedSignal> fits;
  for (const Configured& one : configured_) {
    const bool fitted = std::any_of(entries_.begin(), entries_.end(), [&](const auto& entry) {
      return entry.second.transform == one.transform;
    });
    if (!fitted || again) FitOne(one, schema, rows, &fits, failures);
  }
  return fits;
}

void Transforms::FitOne(const Configured& one, const Schema& schema, const CommonRows& rows,
                        std::vector<FittedSignal>* fits, std::vector<std::string>* failures) const {
  const Transform& transform = *one.transform;
  std::vector<uint32_t> signals;
  std::vector<RowColumn> columns;
  std::vector<std::vector<uint64_t>> hashes(rows.signals.size());
  for (size_t i = 0; i < rows.signals.size(); ++i) {
    const SignalFacts& facts = schema[rows.signals[i]];
    if (!facts.column() || !transform.Takes(OfferOf(facts, one.signals))) continue;
    signals.push_back(rows.signals[i]);
    columns.push_back(rows.learnt[i]->AsRowColumn(facts.name, &hashes[i]));
  }
  std::vector<MadeSignal> made;
  const absl::Status status = transform.Fit(columns, rows.rows, &made);
  if (!status.ok()) {
    failures->emplace_back(status.message());
    return;
  }
  for (MadeSignal& signal : made) {
    FittedSignal& to = fits->emplace_back();
    to.facts = SignalFacts::Made(transform, signal.name);
    to.fit = {.transform = std::string(transform.facts().name),
              .options = transform.facts().options,
              .version = rows.version};
    std::vector<RowColumn> inputs;
    for (const uint32_t column : signal.columns) {
      inputs.push_back(columns[column]);
      to.fit.columns.push_back(signals[column]);
    }
    DeriveReference(transform, signal, inputs, rows.rows, &to);
    to.fit.fitted = std::move(signal.fitted);
  }
}

void Transforms::Take(uint32_t signal, TransformFit fit) {
  Entry& entry = entries_[signal];
  entry = {.fit = std::move(fit)};
  Bind(signal, &entry);
  FAULTLINE_CHECK(entry.transform != nullptr, "a fit is taken under the settings it was made by");
  dirty_.insert({signal, kInUse});
  dirty_.insert({signal, kMemory});
}

std::span<const uint32_t> Transforms::InputsOf(uint32_t signal) const {
  const auto entry = entries_.find(signal);
  if (entry == entries_.end()) return {};
  return entry->second.fit.columns;
}

void Transforms::Derive(const Schema& schema, std::span<const SignalState> signals, RowRange run,
                        BatchColumns* columns) {
  for (auto& [signal, entry] : entries_) {
    if (entry.transform == nullptr || !signals[signal].judged()) continue;
    inputs_.clear();
    for (const uint32_t input : entry.fit.columns) {
      const auto& reference = signals[input].reference;
      inputs_.push_back(columns->AsRowColumn(schema[input].name, input,
                                             reference == nullptr ? nullptr : &reference->shape()));
    }
    columns->Derive(*entry.transform, entry.fit.fitted, inputs_, run, entry.memory, signal);
    entry.remembers = !entry.memory.empty();
  }
}

// Every fit, in use or previous, may have changed.
void Transforms::MarkFits() {
  for (const auto& [signal, entry] : entries_) {
    for (const Part part : {kInUse, kMemory}) dirty_.insert({signal, part});
  }
  for (const auto& [signal, fit] : previous_) dirty_.insert({signal, kPrevious});
}

void Transforms::KeepPrevious(const Schema& schema) {
  ForgetPrevious();
  for (const auto& [signal, entry] : entries_) {
    if (schema[signal].owned) continue;
    previous_[signal] = entry.fit;
    dirty_.insert({signal, kPrevious});
  }
}

void Transforms::ForgetPrevious() {
  for (const auto& [signal, fit] : previous_) dirty_.insert({signal, kPrevious});
  previous_.clear();
}

void Transforms::Clear() {
  MarkFits();
  entries_.clear();
}

void Transforms::Rollback(const Schema& schema, uint64_t version) {
  MarkFits();
  std::map<uint32_t, TransformFit> back = std::exchange(previous_, {});
  for (auto entry = entries_.begin(); entry != entries_.end();) {
    const auto& [signal, of] = *entry;
    const auto found = back.find(signal);
    const bool stays = schema[signal].owned
                           ? of.fit.version <= version
                           : found != back.end() && found->second.version == of.fit.version;
    if (!schema[signal].owned) previous_[signal] = of.fit;
    if (stays && found != back.end()) back.erase(found);
    entry = stays ? std::next(entry) : entries_.erase(entry);
  }
  for (auto& [signal, fit] : back) {
    Entry& entry = entries_[signal];
    entry = {.fit = std::move(fit)};
    Bind(signal, &entry);
  }
  MarkFits();
}

void Transforms::InheritFrom(const Transforms& newest) {
  entries_ = newest.entries_;
  for (auto& [signal, entry] : entries_) Bind(signal, &entry);
  MarkFits();
}

// Empty if the signal does not have this part.
std::string Transforms::EncodePart(uint32_t signal, uint32_t part) const {
  std::string payload;
  Encoder out(&payload);
  const auto entry = entries_.find(signal);
  const auto previous = previous_.find(signal);
  if (part == kPrevious) {
    if (previous != previous_.end()) previous->second.Encode(&out);
  } else if (entry != entries_.end()) {
    if (part == kInUse) entry->second.fit.Encode(&out);
    if (part == kMemory) payload = View(entry->second.memory);
  }
  return payload;
}

void Transforms::TakeCheckpoint(Effects* effects) {
  for (auto& [signal, entry] : entries_) {
    if (std::exchange(entry.remembers, false)) dirty_.insert({signal, kMemory});
  }
  for (const auto& [signal, part] : dirty_) {
    const std::string payload = EncodePart(signal, part);
    const std::string key = TransformKey(stream_.model_hash, stream_.ordinal, signal, part);
    if (!payload.empty()) {
      effects->writes.push_back({key, SealRecord(Table::kTransform, payload)});
      stored_.insert({signal, part});
    } else if (stored_.erase({signal, part}) > 0) {
      effects->writes.push_back({key, std::nullopt});
    }
  }
  dirty_.clear();
}

void Transforms::Delete(Effects* effects) {
  Clear();
  ForgetPrevious();
  TakeCheckpoint(effects);
}

absl::Status Transforms::Restore(const Key& key, std::string_view payload, const Schema& schema) {
  const uint32_t signal = key.signal;
  if (signal >= schema.size() || schema[signal].derivation != Derivation::kFitted) {
    return Broken("a fit of a signal that is not fitted");
  }
  stored_.insert({signal, key.index});
  if (key.index == kMemory) {
    const auto bytes = std::as_bytes(std::span(payload));
    entries_[signal].memory.assign(bytes.begin(), bytes.end());
    return absl::OkStatus();
  }
  if (key.index > kPrevious) return Broken("an unknown part of a transform");
  TransformFit fit;
  Decoder in(payload);
  const bool fits = fit.Decode(&in) && in.Done() && fit.transform == schema[signal].transform &&
                    std::all_of(fit.columns.begin(), fit.columns.end(),
                                [&](uint32_t column) { return column < schema.size(); });
  if (!fits) return Broken("a damaged fit of a transform");
  if (key.index == kPrevious) {
    previous_[signal] = std::move(fit);
  } else {
    entries_[signal].fit = std::move(fit);
  }
  return absl::OkStatus();
}

absl::Status Transforms::FinishRestore() {
  for (auto& [signal, entry] : entries_) {
    if (entry.fit.empty()) return Broken("a transform has memory but no fit");
    Bind(signal, &entry);
  }
  return absl::OkStatus();
}

size_t Transforms::memory_bytes() const {
  constexpr size_t kNodeBytes = 48;  // of a map
  size_t bytes = inputs_.capacity() * sizeof(RowColumn);
  for (const auto& [signal, entry] : entries_) {
    bytes += kNodeBytes + sizeof entry + entry.fit.memory_bytes() + entry.memory.capacity();
  }
  for (const auto& [signal, fit] : previous_) bytes += kNodeBytes + fit.memory_bytes();
  return bytes;
}

}  // namespace faultline

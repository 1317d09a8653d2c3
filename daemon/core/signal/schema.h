#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/codec.h"
#include "daemon/core/contract/event.h"
#include "daemon/core/settings/settings.h"
#include "detectors/catalog.h"
#include "detectors/contract/transform.h"
#include "faultline/v1/event.pb.h"
#include "faultline/v1/model.pb.h"

namespace faultline {

// Description of a signal; fixed once it is in a schema.
struct SignalFacts {
  std::string name = {};
  v1::SignalType type = v1::SIGNAL_TYPE_NUMERIC;
  v1::ColumnRole role = v1::COLUMN_ROLE_FEATURE;
  // How a transform derives it (see TransformFacts); kNone: it is not derived.
  Derivation derivation = Derivation::kNone;
  bool owned = false;          // other detectors judge it only if they name it
  std::string transform = {};  // that makes it; empty: the signal is sent
  int32_t source = -1;         // of Derivation::kColumn: the signal it is computed from; else -1

  // Description of a signal that the transform makes; source is not set.
  static SignalFacts Made(const Transform& transform, std::string_view name);

  bool derived() const { return derivation != Derivation::kNone; }
  // Whether it is a column of the model, or is computed from a single one.
  bool column() const { return !derived() || derivation == Derivation::kColumn; }
  // Whether it is counted and judged, as numbers or categories.
  bool counted() const { return type != v1::SIGNAL_TYPE_EMBEDDING; }
  bool numeric() const { return type == v1::SIGNAL_TYPE_NUMERIC; }
  ColumnValues values() const;

  void Encode(Encoder* out) const;
  // False if the bytes are not a signal.
  bool Decode(Decoder* in);
};

// Concern of a detector's alarm on a signal. If a detector of anomalies made the signal, every
// alarm on it is an anomaly.
Concern ConcernOf(const CatalogEntry& detector, const SignalFacts& signal);

// The column type that a signal of this type requires.
ColumnType ColumnTypeOf(v1::SignalType type);
v1::SignalType SignalTypeOf(ColumnType type);
// "numbers", "strings", "vectors".
std::string_view DescribeType(ColumnType type);

// The signals of a model, in the order in which they were first seen. Signals are only ever added.
class Schema {
 public:
  // The name must be new, as must be the names of MadeOf.
  void Add(std::string_view name, v1::SignalType type, v1::ColumnRole role);
  // Adds a signal that a transform makes, besides those of MadeOf. The name must be new.
  void AddDerived(SignalFacts facts);
  std::optional<uint32_t> Find(std::string_view name) const;
  // Signals that column transforms make of such a signal; Add appends them after it.
  static std::vector<SignalFacts> MadeOf(std::string_view name, v1::SignalType type);

  uint32_t size() const { return static_cast<uint32_t>(signals_.size()); }
  const SignalFacts& operator[](uint32_t signal) const { return signals_[signal]; }
  const std::vector<SignalFacts>& signals() const { return signals_; }
  v1::Signal Message(uint32_t signal) const;
  size_t memory_bytes() const;

  void Encode(Encoder* out) const;
  bool Decode(Decoder* in);

 private:
  void Append(SignalFacts facts);

  std::vector<SignalFacts> signals_;
  std::unordered_map<std::string, uint32_t> by_name_;  // never iterated over
};

// Maps the columns of a batch to signals. Kept from batch to batch: while the columns stay the
// same, no name is looked up.
class ColumnPlan {
 public:
  // Whether it was made for these columns.
  bool Fits(const EventBatch& batch) const;
  // Makes it for the columns of a batch; leaves out columns that are not signals.
  void Make(const EventBatch& batch, const Schema& schema);
  void Forget() { made_ = false; }

  struct Place {
    uint32_t signal;
    uint32_t column;
  };
  // Signals that are a column of the batch, in the order of signals.
  std::span<const Place> sent() const { return sent_; }
  // Signals that a column transform makes of a column of the batch, in the order of signals.
  std::span<const Place> derived() const { return derived_; }
  // The column of a sent signal, or of the source of a derived one. Null: the batch has none.
  std::optional<uint32_t> ColumnOf(uint32_t signal) const;
  size_t memory_bytes() const;

 private:
  struct Seen {
    std::string name;
    ColumnType type;
  };
  bool made_ = false;
  std::vector<Seen> columns_;
  std::vector<Place> sent_;
  std::vector<Place> derived_;
};

}  // namespace faultline

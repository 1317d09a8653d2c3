#pragma once

#include <absl/status/status.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/codec.h"
#include "daemon/core/contract/effects.h"
#include "daemon/core/reference/learning.h"
#include "daemon/core/settings/settings.h"
#include "daemon/core/signal/schema.h"
#include "daemon/core/signal/signal_state.h"
#include "daemon/core/transform/batch_columns.h"
#include "detectors/contract/transform.h"
#include "storage/keys.h"

namespace faultline {

// What a transform learnt from reference rows for one signal.
struct TransformFit {
  std::string transform = {};          // its name
  std::string options = {};            // that it was fitted under; see TransformFacts
  uint32_t version = 0;                // of the reference it was fitted to
  std::vector<uint32_t> columns = {};  // signals it takes, in its order
  std::string fitted = {};             // what Transform::Fit wrote

  bool empty() const { return transform.empty(); }
  size_t memory_bytes() const;

  void Encode(Encoder* out) const;
  // False if the bytes are no fit.
  bool Decode(Decoder* in);
};

// Reference rows that several signals have in common.
struct CommonRows {
  uint32_t rows = 0;
  uint32_t version = 0;  // of the reference they become
  std::vector<uint32_t> signals = {};
  std::vector<const LearningRows*> learnt = {};  // by place in `signals`
};

// A signal that a fit brings, and the values of the reference rows, which become its reference.
struct FittedSignal {
  SignalFacts facts;
  TransformFit fit;
  std::vector<double> values;
  std::vector<uint64_t> nulls;
};

// The transforms of a model that are fitted to its reference: their fits, what they remember from
// row to row, and the fits that a rollback brings back. A fit of an owned signal goes with its
// reference; one of a signal that all judge returns with it.
//
// Operation:    Fit and Take when reference rows are complete; Derive per run of rows, before it is
//               counted. Cut asks for the bytes of what changed: one record per fit, one per
//               memory. See docs/formats/model.md.
// Concurrency:  none.
class Transforms {
 public:
  explicit Transforms(uint64_t model_hash) : model_hash_(model_hash) {}

  // Follows the settings. A fit whose transform they no longer have waits.
  void Follow(const ModelSettings& settings);
  // Whether some transform wants reference rows.
  bool FitsRows() const { return !configured_.empty(); }
  // Signals that count rows and have no values, for the detectors of the settings.
  const std::vector<SignalFacts>& row_signals() const { return row_signals_; }

  // Fits transforms to reference rows; `again`: also those that are fitted already. Appends why one
  // could not be to *failures.
  std::vector<FittedSignal> Fit(const Schema& schema, const CommonRows& rows, bool again,
                                std::vector<std::string>* failures) const;
  // Takes a fit into use, with nothing remembered.
  void Take(uint32_t signal, TransformFit fit);
  bool IsFitted(uint32_t signal) const { return entries_.contains(signal); }
  // Signals that a signal is derived from; none if it is not fitted.
  std::span<const uint32_t> InputsOf(uint32_t signal) const;

  // Gives the signals that are judged their values of a run of rows.
  void Derive(const Schema& schema, std::span<const SignalState> signals, RowRange run,
              BatchColumns* columns);

  // The fits in use become those that a rollback brings back, too.
  void KeepPrevious(const Schema& schema);
  void ForgetPrevious();
  // Forgets the fits in use.
  void Clear();
  // Back to the previous fits, and those in use become the previous ones. Those of owned signals
  // stay if they were fitted to this version of the reference or an older one, else they go.
  void Rollback(const Schema& schema, uint64_t version);
  // Takes over what the newest version of the model has fitted and remembers.
  void InheritFrom(const Transforms& newest);

  void Cut(Effects* effects);
  // Appends the deletion of everything that may be stored.
  void Delete(Effects* effects);
  absl::Status Restore(const Key& key, std::string_view payload, const Schema& schema);
  absl::Status FinishRestore();
  size_t memory_bytes() const;

 private:
  // Records of a signal: their index in the key.
  enum Part : uint32_t { kInUse = 0, kMemory = 1, kPrevious = 2 };
  struct Configured {
    std::shared_ptr<const Transform> transform;
    std::vector<std::string> signals;  // patterns that choose the columns; empty: features
  };
  struct Entry {
    TransformFit fit;
    std::shared_ptr<const Transform> transform = nullptr;  // null: not in the settings
    std::vector<std::byte> memory = {};
    bool remembers = false;  // `memory` changed since the last Cut
  };

  void Bind(uint32_t signal, Entry* entry);
  void FitOne(const Configured& one, const Schema& schema, const CommonRows& rows,
              std::vector<FittedSignal>* fits, std::vector<std::string>* failures) const;
  void MarkFits();
  std::string EncodePart(uint32_t signal, uint32_t part) const;

  uint64_t model_hash_;
  std::vector<Configured> configured_;         // to be fitted, in the order of the settings
  std::vector<SignalFacts> row_signals_;       // likewise
  std::map<uint32_t, Entry> entries_;          // by signal
  std::map<uint32_t, TransformFit> previous_;  // by signal
  std::vector<RowColumn> inputs_;              // of the signal at hand

  std::set<std::pair<uint32_t, uint32_t>> dirty_;   // signal, part: to write or to erase
  std::set<std::pair<uint32_t, uint32_t>> stored_;  // likewise
};

}  // namespace faultline

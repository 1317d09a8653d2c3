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
#include "daemon/core/contract/streams.h"
#include "daemon/core/reference/learning.h"
#include "daemon/core/settings/settings.h"
#include "daemon/core/signal/schema.h"
#include "daemon/core/signal/signal_state.h"
#include "daemon/core/transform/batch_columns.h"
#include "detectors/contract/transform.h"
#include "storage/tables/keys.h"

namespace faultline {

// A transform fitted to reference rows, for one signal.
struct TransformFit {
  std::string transform = {};          // name of the transform
  std::string options = {};            // its options when fitted; see TransformFacts
  uint32_t version = 0;                // of the reference it was fitted to
  std::vector<uint32_t> columns = {};  // input signals, in order
  std::string fitted = {};             // output of Transform::Fit

  bool empty() const { return transform.empty(); }
  size_t memory_bytes() const;

  void Encode(Encoder* out) const;
  // False if the bytes are not a fit.
  bool Decode(Decoder* in);
};

// Reference rows shared by several signals.
struct CommonRows {
  uint32_t rows = 0;
  uint32_t version = 0;  // of the reference made from them
  std::vector<uint32_t> signals = {};
  std::vector<const LearningRows*> learnt = {};  // parallel to `signals`
};

// A signal that a fit creates, with its values on the reference rows, from which its reference is
// made.
struct FittedSignal {
  SignalFacts facts;
  TransformFit fit;
  std::vector<double> values;
  std::vector<uint64_t> nulls;
};

// The transforms of a model that are fitted to its reference: their fits, their memory from row to
// row, and the previous fits that a rollback restores. The fit of an owned signal is dropped with
// its reference; that of any other signal is restored with it.
//
// Operation:    Fit and Take when reference rows are complete; Derive for each run of rows before
//               counting it. TakeCheckpoint asks for the bytes of what changed: one record per fit,
//               one per memory. See docs/formats/model.md.
// Concurrency:  none.
class Transforms {
 public:
  explicit Transforms(StreamId stream) : stream_(stream) {}

  // Applies the settings. A fit whose transform is no longer configured is kept, unused.
  void Follow(const ModelSettings& settings);
  // Whether any transform needs reference rows.
  bool FitsRows() const { return !configured_.empty(); }
  // Signals that only count rows, for the configured detectors.
  const std::vector<SignalFacts>& row_signals() const { return row_signals_; }

  // Fits transforms to reference rows; `again`: also those already fitted. Appends the reason of
  // each failure to *failures.
  std::vector<FittedSignal> Fit(const Schema& schema, const CommonRows& rows, bool again,
                                std::vector<std::string>* failures) const;
  // Puts a fit into use, with empty memory.
  void Take(uint32_t signal, TransformFit fit);
  bool IsFitted(uint32_t signal) const { return entries_.contains(signal); }
  // Signals that a signal is derived from; empty if it is not fitted.
  std::span<const uint32_t> InputsOf(uint32_t signal) const;

  // Computes the values of judged signals for a run of rows.
  void Derive(const Schema& schema, std::span<const SignalState> signals, RowRange run,
              BatchColumns* columns);

  // Copies the fits in use to the previous ones, which a rollback restores.
  void KeepPrevious(const Schema& schema);
  void ForgetPrevious();
  // Drops the fits in use.
  void Clear();
  // Swaps the fits in use and the previous ones. Fits of owned signals stay if they were fitted to
  // this version of the reference or an older one; others are dropped.
  void Rollback(const Schema& schema, uint64_t version);
  // Copies the fits and memories of the newest version of the model.
  void InheritFrom(const Transforms& newest);

  void TakeCheckpoint(Effects* effects);
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
    bool remembers = false;  // `memory` changed since the last checkpoint
  };

  void Bind(uint32_t signal, Entry* entry);
  void FitOne(const Configured& one, const Schema& schema, const CommonRows& rows,
              std::vector<FittedSignal>* fits, std::vector<std::string>* failures) const;
  void MarkFits();
  std::string EncodePart(uint32_t signal, uint32_t part) const;

  StreamId stream_;
  std::vector<Configured> configured_;         // to fit, in the order of the settings
  std::vector<SignalFacts> row_signals_;       // in the order of the settings
  std::map<uint32_t, Entry> entries_;          // by signal
  std::map<uint32_t, TransformFit> previous_;  // by signal
  std::vector<RowColumn> inputs_;              // of the current signal

  std::set<std::pair<uint32_t, uint32_t>> dirty_;   // signal, part: to write or to erase
  std::set<std::pair<uint32_t, uint32_t>> stored_;  // signal, part
};

}  // namespace faultline

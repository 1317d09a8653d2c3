#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/codec.h"
#include "daemon/core/contract/effects.h"
#include "daemon/core/contract/snapshot.h"
#include "daemon/core/contract/streams.h"
#include "daemon/core/stream/stored_panes.h"
#include "detectors/contract/detector.h"

namespace faultline {

inline constexpr int64_t kHistorySpanNs = 300LL * 1'000'000'000;
inline constexpr int64_t kHistoryAgeMaxNs = 30LL * 86'400 * 1'000'000'000;
inline constexpr uint64_t kHistoryBytesMax = 32ull << 20;
inline constexpr size_t kHistoryChangesMax = 8;
// Key of the open span.
inline constexpr int64_t kOpenSpan = INT64_MAX;

// Scores of one detector on one signal in a span of 5 minutes. Unknown numbers are NaN.
struct SpanScores {
  struct Change {
    int64_t at_ns = 0;
    VerdictState state = VerdictState::kCannotTell;
    double score = kUnset;
  };
  double lowest = kUnset;
  double highest = kUnset;
  double threshold = kUnset;                       // of the newest verdict
  VerdictState state = VerdictState::kCannotTell;  // of the newest verdict
  uint32_t verdicts = 0;                           // 0: only the earlier state is known
  std::vector<Change> changes;                     // at most kHistoryChangesMax
};

// By name of the signal, then of the detector.
struct ScoreNamesLess {
  using is_transparent = void;
  template <typename A, typename B>
  bool operator()(const A& a, const B& b) const {
    const int order = std::string_view(a.first).compare(b.first);
    return order != 0 ? order < 0 : std::string_view(a.second) < std::string_view(b.second);
  }
};
// The scores of a block of signals in one span, as they are stored.
using SpanBlock = std::map<std::pair<std::string, std::string>, SpanScores, ScoreNamesLess>;
void EncodeSpanBlock(int64_t span, const SpanBlock& block, Encoder* out);
// DATA_LOSS if the bytes are damaged. *span: number of the span, also of the open one. `wants`:
// which series to return; null: all.
using WantsSeries = std::function<bool(std::string_view signal, std::string_view detector)>;
absl::StatusOr<SpanBlock> DecodeSpanBlock(std::string_view payload, int64_t* span,
                                          const WantsSeries& wants = nullptr);

// The scores of one stream over time: for each detector with a threshold, the extremes of every 5
// minutes of event time and the changes of state. See docs/formats/history.md.
//
// Operation:    Add the readings of each closed pane, in order of panes; TakeCheckpoint asks for
//               the writes.
// Concurrency:  none.
// Limitations:  kHistoryAgeMaxNs and kHistoryBytesMax per stream: the oldest spans are deleted
//               first.
class ScoreHistory {
 public:
  explicit ScoreHistory(StreamId stream) : stream_(stream) {}

  // Adds the readings of a signal for the pane that ended at end_ns.
  void Add(uint32_t signal, const SignalReading& reading, int64_t end_ns, Effects* effects);
  // Asks for what changed since the last checkpoint.
  void TakeCheckpoint(Effects* effects);
  // Asks for the deletion of everything.
  void Clear(Effects* effects);

  // One stored record; `bytes`: of the sealed value.
  absl::Status Restore(int64_t span, uint32_t block, std::string_view payload, uint64_t bytes);
  size_t memory_bytes() const;

 private:
  void EndSpan(Effects* effects);

  StreamId stream_;
  int64_t span_ = 0;                    // number of the open span
  std::map<uint32_t, SpanBlock> open_;  // by block
  std::set<uint32_t> dirty_;            // blocks of the open span to write
  StoredPanes stored_;                  // closed spans
};

}  // namespace faultline

#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>

#include "detectors/contract/season.h"
#include "detectors/summary/summary.h"

namespace faultline {

struct ReferenceLaw;

enum class VerdictState : uint8_t { kQuiet = 1, kAlarm = 2, kCannotTell = 3 };

inline constexpr double kUnset = std::numeric_limits<double>::quiet_NaN();

// What one detector says of one signal at one time. Numbers that are not known are NaN.
struct Verdict {
  VerdictState state = VerdictState::kCannotTell;
  // It cannot tell, and no more rows will change that: this reference is not for this kind.
  bool inapplicable = false;
  Season season = Season::kNone;  // that it was held against
  double score = kUnset;          // in the detector's unit
  double threshold = kUnset;      // NaN: none, so it can never alarm
  double effect_size = kUnset;    // in the detector's stated unit of effect
  double noise_floor = kUnset;    // the score expected on unchanged traffic with this many rows
  double p_value = kUnset;        // of this one look
  uint64_t rows = 0;              // looked at
  uint64_t reference_rows = 0;
  std::string detail;  // what is missing if it cannot tell; else what it saw, or nothing

  // Of detectors on the alarm budget, whose score is evidence: log10 of the factor by which one
  // pane's budget increment has grown. See detectors/evidence/ledger.h.
  double effect_low = kUnset;   // confidence sequence of the effect size: at all times at once it
  double effect_high = kUnset;  // holds the true one in 95 of 100 streams
  int64_t change_ns = 0;        // event time at which it most likely changed; 0 = not known
  int64_t change_from_ns = 0;   // it changed between these, as far as the evidence tells
  int64_t change_to_ns = 0;
  double dispersion = kUnset;  // rows that count as one independent row
  // Share of the model's budget increment that went to this detector on this signal, 0 to 1; set
  // by the caller, which divides the budget.
  double budget_share = kUnset;

  // score / threshold; NaN if either is not known.
  double ratio() const { return threshold > 0 ? score / threshold : kUnset; }
};

// Two contracts, because two things are asked of detectors. Both are stateless objects made once
// from validated options and shared by every signal and thread; what must be remembered is flat
// bytes that the caller keeps. A third contract, Transform (transform.h), derives the signals that
// such a detector judges.

// Holds a window's summary against the reference's, whenever a pane closes. Windows are shared:
// every compare detector of a signal reads the same summary.
class CompareDetector {
 public:
  virtual ~CompareDetector() = default;
  virtual bool Judges(SignalType type) const = 0;
  // Both summaries have the same shape. Pure: same arguments, same bits.
  virtual Verdict Compare(const Summary& reference, const Summary& window) const = 0;
};

// What a follow detector is given of one closed pane.
struct FollowInput {
  const Summary& reference;
  const ReferenceLaw& law;
  const Summary& pane;
  // Event time of the pane, seconds since 1970.
  double begin_s = 0;
  double end_s = 0;
  // What the pane adds to this detector's evidence, and the evidence that is an alarm, in the same
  // unit: seconds or rows of the alarm budget. 0 and infinity without a budget.
  double budget_increment = 0;
  double threshold = std::numeric_limits<double>::infinity();
  // Panes that must find an alarm's effect gone before the alarm ends.
  uint32_t resolve_looks = 3;
};

// Follows a signal's closed panes in order: sequential evidence.
class FollowDetector {
 public:
  virtual ~FollowDetector() = default;
  virtual bool Judges(SignalType type) const = 0;
  // Size of the state of one signal; constant for the object's life. At most 1 KiB.
  virtual size_t state_bytes() const = 0;
  // Writes the state of a signal that has seen nothing yet.
  virtual void Start(std::span<std::byte> state) const = 0;
  // Takes one closed pane. State bytes that no Start or Follow of this kind and version wrote are
  // treated as a fresh start.
  virtual Verdict Follow(const FollowInput& input, std::span<std::byte> state) const = 0;
};

}  // namespace faultline

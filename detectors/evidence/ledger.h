#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "detectors/contract/detector.h"
#include "detectors/evidence/e_detector.h"

namespace faultline {

// The evidence of one detector on one signal against the alarm budget: a bank of bets
// (e_detector.h) and the course of an alarm. Flat bytes between panes (tagged_state.h).
//
// While the ledger is armed, each batch adds its share of the pane's budget increment to the bank
// and multiplies the bank by its e-values. Mass at or above the threshold is an alarm: the bank is
// cleared, and the alarm stands, whatever the evidence, until its effect is plainly gone; then the
// ledger is armed again. The effect is gone when the odds of no effect against half the effect seen
// at the alarm (at least the smallest that the detector can see) have risen a thousandfold, over at
// least `resolve_looks` panes.
//
// Rows count as effective rows: divided by the dispersion, which is the larger of the reference's
// and of that among the earlier panes (ledger.cc). An e-value to a power below 1 is an e-value,
// also if the power depends on the past.
//
// Operation:    Construct, ask Dispersion, then AddBatch per batch, NotePane and Finish; or
//               CannotTell or Inapplicable at once. The last of these saves the state.
// Concurrency:  none.
class Ledger {
 public:
  static constexpr size_t kBetsMax = 20;
  static constexpr size_t kExtraMax = 68;

  // The state that a kind keeps.
  struct Layout {
    uint32_t tag = 0;  // of the kind and its state version
    uint32_t bets = 0;
    uint32_t extra = 0;  // numbers of its own
    uint32_t lag = 0;    // batches that its bets may need to learn a change before they gain
  };
  static size_t Bytes(const Layout& layout);
  static void Start(const Layout& layout, std::span<std::byte> bytes);

  // Loads the state; foreign state, or state of another version of the shape, starts afresh.
  Ledger(const Layout& layout, const FollowInput& input, std::span<std::byte> bytes);

  bool latched() const { return state_.latched != 0; }
  // log10 of the factor by which one pane's increment has grown so far.
  double score() const { return Score(TotalMass({bets_.data(), layout_.bets})); }
  std::span<double> extra() { return {extra_.data(), layout_.extra}; }
  // Rows per effective row, given the dispersion of the reference.
  double Dispersion(double of_reference);

  // Adds one batch of the pane: weights and logarithms of e-values by bet, for effective rows.
  // share: of the pane's increment; time: end of the batch. `capped`: no single batch may decide
  // (for sums, where one value can have unbounded weight): its e-value counts for at most the
  // square root of threshold / increment.
  void AddBatch(std::span<const double> weights, std::span<const double> log_values, double share,
                double time_s, bool capped);

  // Spreads a share of the mass evenly over all bets, so that another bet can take over.
  void Jump(double share);

  // The effect in a pane: its mean over `rows`, and the standard deviation of one row's. least: the
  // smallest effect that the detector can see. Advances a standing alarm.
  struct Effect {
    double mean = 0;
    double deviation = 1;
    double rows = 0;  // not effective ones
    double least = 0;
  };
  void NotePane(const Effect& effect);

  // Returns the verdict and saves the state. reference_error: the reference's part of the standard
  // error of the effect.
  Verdict Finish(double reference_error);
  Verdict CannotTell(std::string missing);
  // The same, where no amount of live traffic will change it.
  Verdict Inapplicable(std::string why);

  // Mean effect since the estimated change.
  double effect() const;

 private:
  // Sum of the effect over effective rows since a time.
  struct Span {
    double since_s = 0;
    double sum = 0;
    double rows = 0;
    void Add(double mean, double more) {
      sum += mean * more;
      rows += more;
    }
    double mean() const { return rows > 0 ? sum / rows : 0; }
  };
  // The mean effect of a pane, and its precision: rows / variance of one row's.
  struct Waiting {
    double mean = 0;
    double precision = 0;
  };
  static constexpr size_t kPanesWaiting = 4;
  struct State {
    uint64_t rows = 0;
    uint32_t panes = 0;
    uint32_t latched = 0;
    // Variation among panes; the newest panes wait in case an alarm follows.
    double slow_mean = 0;
    double spread = 1;
    std::array<Waiting, kPanesWaiting> waiting = {};
    uint64_t waiting_panes = 0;
    // The effect: two spans, the newer within the older.
    Span older = {};
    Span newer = {};
    // The standing alarm.
    double alarm_score = 0;
    double change_s = 0;
    double change_deviation_s = 0;
    double half = 0;  // of the effect seen at the alarm
    double over = 0;  // evidence that the alarm is over
    uint64_t looks = 0;
    double increment = 0;  // the newest above 0
  };

  uint64_t Tag() const;
  void Load();
  void Save();
  void Alarm(double batch_from_s, double time_s);
  void MoveAlarm(const Effect& effect);
  void MoveSpans(double mean, double rows);
  void NoteSpread(const Waiting& pane);
  double Score(double mass) const;
  const Span& BestSpan() const;

  const Layout layout_;
  const FollowInput& input_;
  std::span<std::byte> bytes_;
  State state_;
  std::array<BetState, kBetsMax> bets_{};
  std::array<double, kExtraMax> extra_{};
  double dispersion_ = 1;
  double deviation_ = 1;
  double batch_from_s_ = 0;  // end of the previous batch
};

}  // namespace faultline

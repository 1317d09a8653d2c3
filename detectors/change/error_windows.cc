// Detectors that keep the last errors of a learner, fed 1 for an error and 0 for none.
//
// RDDM: Barros et al., RDDM: Reactive drift detection method, 2017. FHDDM, FHDDMS: Pesaranghader,
// Viktor, Fast Hoeffding drift detection method, 2016. MDDM: Pesaranghader et al., McDiarmid drift
// detection methods, 2018; its arithmetic, Euler and geometric weights.
//
// Blind to: FHDDM and MDDM to changes slower than their window; RDDM needs its warning zone.

#include <array>
#include <limits>

#include "detectors/change/sequence_rule.h"
#include "detectors/stats/elementary.h"

namespace faultline {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr int64_t kNone = -1;

size_t RoundedUp(size_t bytes) { return (bytes + 7) / 8 * 8; }

struct RddmRule {
  static constexpr SequenceInput kInput = SequenceInput::kErrors;
  struct State {
    double n = 0;
    double p = 0;
    double s = 0;
    double p_min = kInfinity;
    double s_min = kInfinity;
    double ps_min = kInfinity;
    int64_t first = 0;  // ring of the last errors
    int64_t last = -1;
    int64_t stored = 0;
    int64_t warned_at = kNone;     // where the warning zone was entered: by value,
    int64_t warned_place = kNone;  // and by place in the ring
    int64_t values = 0;
    int64_t pending = 0;  // the next value rebuilds the rate from the ring,
    int64_t changed = 0;  // and the minimum too
  };
  double warm_start, warning_threshold, drift_threshold;
  int64_t buffer_size, max_concept_size, warning_limit;

  size_t tail_bytes() const { return RoundedUp(static_cast<size_t>(buffer_size)); }
  void Begin(State& state, std::byte* /*tail*/) const { state = State(); }

  void KeepLeast(State& state) const {
    if (state.p + state.s >= state.ps_min) return;
    state.p_min = state.p;
    state.s_min = state.s;
    state.ps_min = state.p + state.s;
  }
  void React(State& state, const std::byte* tail) const {
    if (state.changed != 0) state.p_min = state.s_min = state.ps_min = kInfinity;
    state.n = 1;
    state.p = 1;
    state.s = 0;
    if (state.warned_place != kNone) {
      state.first = state.warned_place;
      state.stored = state.last - state.first + 1;
      if (state.stored <= 0) state.stored += buffer_size;
    }
    int64_t at = state.first;
    for (int64_t i = 0; i < state.stored; ++i) {
      state.p += (static_cast<double>(tail[at]) - state.p) / state.n;
      state.s = std::sqrt(std::max(state.p * (1 - state.p), 0.0) / state.n);
      if (state.changed != 0 && state.n > warm_start) KeepLeast(state);
      state.n += 1;
      at = (at + 1) % buffer_size;
    }
    state.warned_at = state.warned_place = kNone;
    state.pending = state.changed = 0;
  }
  void Store(State& state, std::byte* tail, double x) const {
    state.values += 1;
    state.last = (state.last + 1) % buffer_size;
    tail[state.last] = static_cast<std::byte>(x);
    if (state.stored < buffer_size) {
      state.stored += 1;
      return;
    }
    state.first = (state.first + 1) % buffer_size;
    if (state.warned_place == state.last) state.warned_place = kNone;
  }
  static RuleStep Change(State& state, bool restart, bool changed) {
    const uint64_t ago =
        state.warned_at == kNone ? 1 : static_cast<uint64_t>(state.values - state.warned_at + 1);
    state.pending = 1;
    if (changed) state.changed = 1;
    if (restart) {
      state.first = state.last;
      state.stored = 1;
    }
    return {SequenceReport::kChange, ago};
  }
  RuleStep Step(State& state, std::byte* tail, double x) const {
    if (state.pending != 0) React(state, tail);
    Store(state, tail, x);
    state.n += 1;
    state.p += (x - state.p) / state.n;
    state.s = std::sqrt(std::max(state.p * (1 - state.p), 0.0) / state.n);
    if (state.n <= warm_start) return {};
    KeepLeast(state);
    const double now = state.p + state.s;
    if (now > state.p_min + drift_threshold * state.s_min) {
      return Change(state, state.warned_place == kNone, true);
    }
    if (now > state.p_min + warning_threshold * state.s_min) {
      if (state.warned_at == kNone) {
        state.warned_at = state.values;
        state.warned_place = state.last;
      }
      if (state.warned_at + warning_limit > state.values) return {SequenceReport::kWarning, 0};
      const RuleStep step = Change(state, true, true);
      state.warned_at = state.warned_place = kNone;
      return step;
    }
    state.warned_at = state.warned_place = kNone;
    if (state.n > static_cast<double>(max_concept_size)) return Change(state, false, false);
    return {};
  }
};

struct FhddmRule {
  static constexpr SequenceInput kInput = SequenceInput::kErrors;
  struct State {
    uint64_t values = 0;
    uint64_t right = 0;        // of the window
    uint64_t short_right = 0;  // of its newest part
    uint64_t most = 0;
    uint64_t short_most = 0;
  };
  uint64_t window, short_window;  // 0: none
  double epsilon, short_epsilon;

  size_t tail_bytes() const { return RoundedUp(window); }
  void Begin(State& state, std::byte* /*tail*/) const { state = State(); }
  static double Share(uint64_t count, uint64_t of) {
    return static_cast<double>(count) / static_cast<double>(of);
  }
  RuleStep Step(State& state, std::byte* tail, double x) const {
    const uint64_t right = x == 0 ? 1 : 0;
    const uint64_t at = state.values % window;
    if (state.values >= window) state.right -= static_cast<uint64_t>(tail[at]);
    if (short_window > 0 && state.values >= short_window) {
      state.short_right -= static_cast<uint64_t>(tail[(state.values - short_window) % window]);
    }
    tail[at] = static_cast<std::byte>(right);
    state.right += right;
    state.short_right += right;
    state.values += 1;
    if (state.values < window) return {};
    state.most = std::max(state.most, state.right);
    bool changed = Share(state.most, window) - Share(state.right, window) > epsilon;
    uint64_t ago = window;
    if (short_window > 0) {
      state.short_most = std::max(state.short_most, state.short_right);
      if (Share(state.short_most, short_window) - Share(state.short_right, short_window) >
          short_epsilon) {
        changed = true;
        ago = short_window;
      }
    }
    if (!changed) return {};
    state = State();
    return {SequenceReport::kChange, ago};
  }
};

// Weights grow from the oldest value to the newest: 1 + i * step, or ratio^i. Both sums are updated
// without a pass over the window: the first in integers, the second with one division, which
// shrinks earlier rounding errors.
struct MddmRule {
  static constexpr SequenceInput kInput = SequenceInput::kErrors;
  struct State {
    uint64_t values = 0;
    uint64_t right = 0;         // of the window
    uint64_t right_places = 0;  // sum of their places, 0 for the oldest
    double weighted = 0;        // ratio only
    double most = 0;
  };
  uint64_t window;
  double step;  // 0: by ratio
  double ratio;
  double newest;  // weight of the newest value, by ratio
  double weights;
  double epsilon, warning_epsilon;

  size_t tail_bytes() const { return RoundedUp(window); }
  void Begin(State& state, std::byte* /*tail*/) const { state = State(); }
  RuleStep Step(State& state, std::byte* tail, double x) const {
    const uint64_t right = x == 0 ? 1 : 0;
    const uint64_t at = state.values % window;
    if (state.values >= window) {
      const auto oldest = static_cast<uint64_t>(tail[at]);
      state.right -= oldest;
      state.right_places -= state.right;
      state.weighted = (state.weighted - static_cast<double>(oldest)) / ratio;
    }
    tail[at] = static_cast<std::byte>(right);
    const uint64_t place = std::min(state.values, window - 1);
    state.right += right;
    state.right_places += right * place;
    if (right != 0) state.weighted += place == window - 1 ? newest : Power(place);
    state.values += 1;
    if (state.values < window) return {};
    const double sum =
        step > 0 ? static_cast<double>(state.right) + step * static_cast<double>(state.right_places)
                 : state.weighted;
    const double mean = sum / weights;
    state.most = std::max(state.most, mean);
    if (state.most - mean > epsilon) {
      state = State();
      return {SequenceReport::kChange, window};
    }
    return {state.most - mean > warning_epsilon ? SequenceReport::kWarning : SequenceReport::kNone,
            0};
  }
  double Power(uint64_t exponent) const { return Exp(static_cast<double>(exponent) * Log(ratio)); }
};

std::shared_ptr<const SequenceDetector> MakeMddm(SequenceOptions o, uint64_t tag, double step,
                                                 double ratio) {
  MddmRule rule{.window = static_cast<uint64_t>(o[0]),
                .step = step,
                .ratio = ratio,
                .newest = 0,
                .weights = 0,
                .epsilon = 0,
                .warning_epsilon = 0};
  rule.newest = rule.Power(rule.window - 1);
  double squares = 0;
  for (uint64_t i = 0; i < rule.window; ++i) {
    const double weight = step > 0 ? 1 + static_cast<double>(i) * step : rule.Power(i);
    rule.weights += weight;
    squares += weight * weight;
  }
  squares /= rule.weights * rule.weights;
  rule.epsilon = std::sqrt(0.5 * squares * Log(1 / o[2]));
  rule.warning_epsilon = std::sqrt(0.5 * squares * Log(1 / o[3]));
  return SequenceFrom(rule, tag);
}

}  // namespace

std::shared_ptr<const SequenceDetector> MakeRddm(SequenceOptions o, uint64_t tag) {
  if (o[1] >= o[2]) return nullptr;
  return SequenceFrom(RddmRule{o[0], o[1], o[2], static_cast<int64_t>(o[3]),
                               static_cast<int64_t>(o[4]), static_cast<int64_t>(o[5])},
                      tag);
}

std::shared_ptr<const SequenceDetector> MakeFhddm(SequenceOptions o, uint64_t tag) {
  if (o[2] >= o[0]) return nullptr;
  const double log = Log(1 / o[1]);
  return SequenceFrom(
      FhddmRule{static_cast<uint64_t>(o[0]), static_cast<uint64_t>(o[2]),
                std::sqrt(log / (2 * o[0])), o[2] > 0 ? std::sqrt(log / (2 * o[2])) : kInfinity},
      tag);
}

std::shared_ptr<const SequenceDetector> MakeMddmA(SequenceOptions o, uint64_t tag) {
  return MakeMddm(o, tag, o[1], 1);
}
std::shared_ptr<const SequenceDetector> MakeMddmE(SequenceOptions o, uint64_t tag) {
  return MakeMddm(o, tag, 0, Exp(o[1]));
}
std::shared_ptr<const SequenceDetector> MakeMddmG(SequenceOptions o, uint64_t tag) {
  return MakeMddm(o, tag, 0, o[1]);
}

}  // namespace faultline

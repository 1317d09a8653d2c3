// Detectors that watch the error rate of a learner, fed 1 for an error and 0 for none.
//
// DDM: Gama et al., Learning with drift detection, SBIA 2004. EDDM: Baena-Garcia et al., Early
// drift detection method, 2006. HDDM: Frias-Blanco et al., Online and non-parametric drift
// detection methods based on Hoeffding's bounds, TKDE 2015. All as river 0.26.1 has them, to the
// bit.
//
// Blind to: DDM to slow drift (its minimum sticks); HDDM_W to small changes. Their levels hold per
// step, not over time; EDDM alarms often where errors are irregularly spaced.

#include <limits>

#include "detectors/change/sequence_rule.h"
#include "detectors/stats/elementary.h"

namespace faultline {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

struct DdmRule {
  static constexpr SequenceInput kInput = SequenceInput::kErrors;
  struct State {
    RunningMean p = {};
    double p_min = 0;
    double s_min = 0;
    double ps_min = kInfinity;
    double since_min = 0;
  };
  double warm_start, warning_threshold, drift_threshold;

  size_t tail_bytes() const { return 0; }
  void Begin(State& state, std::byte* /*tail*/) const { state = State(); }
  RuleStep Step(State& state, std::byte* /*tail*/, double x) const {
    state.p.Add(x);
    const double p = state.p.mean;
    const double s = std::sqrt(std::max(p * (1 - p), 0.0) / state.p.n);
    if (state.p.n <= warm_start) return {};
    state.since_min += 1;
    if (p + s <= state.ps_min) {
      state.p_min = p;
      state.s_min = s;
      state.ps_min = p + s;
      state.since_min = 0;
    }
    if (p + s > state.p_min + drift_threshold * state.s_min) {
      const auto ago = static_cast<uint64_t>(state.since_min);
      state = State();
      return {SequenceReport::kChange, ago};
    }
    const bool warning = p + s > state.p_min + warning_threshold * state.s_min;
    return {warning ? SequenceReport::kWarning : SequenceReport::kNone, 0};
  }
};

struct EddmRule {
  static constexpr SequenceInput kInput = SequenceInput::kErrors;
  struct State {
    RunningVariance distances = {};
    double n = 0;
    double last_error = 0;
    double errors = 0;
    double most = -1;
    double warning = 0;
  };
  double warm_start, alpha, beta;

  size_t tail_bytes() const { return 0; }
  void Begin(State& state, std::byte* /*tail*/) const { state = State(); }
  RuleStep Step(State& state, std::byte* /*tail*/, double x) const {
    state.n += 1;
    if (x == 1) {
      state.errors += 1;
      state.distances.Add(state.n - state.last_error);
      state.last_error = state.n;
      if (state.n > warm_start && Judge(state)) {
        state = State();
        return {SequenceReport::kChange, 0};
      }
    }
    return {state.warning != 0 ? SequenceReport::kWarning : SequenceReport::kNone, 0};
  }
  bool Judge(State& state) const {
    const double deviation = std::sqrt(std::max(state.distances.variance(), 0.0));
    const double now = state.distances.mean.mean + 2 * deviation;
    if (now > state.most) {
      state.most = now;
    } else if (state.errors > warm_start) {
      const double level = now / state.most;
      if (level < beta) return true;
      state.warning = level < alpha ? 1 : 0;
    }
    return false;
  }
};

struct HddmARule {
  static constexpr SequenceInput kInput = SequenceInput::kErrors;
  struct State {
    RunningMean all = {};
    RunningMean least = {};  // up to the cut from which it may have risen
    RunningMean most = {};
  };
  double log_drift, log_drift_two, log_warning_two;
  bool two_sided;

  size_t tail_bytes() const { return 0; }
  void Begin(State& state, std::byte* /*tail*/) const { state = State(); }

  double Bound(double n) const { return std::sqrt(1 / (2 * n) * log_drift); }
  // Whether the mean of all values has moved away from the mean up to the cut, in direction `sign`.
  static bool Moved(const RunningMean& all, const RunningMean& cut, double sign, double log_two) {
    if (cut.n == all.n) return false;
    const double m = (all.n - cut.n) / cut.n * (1 / all.n);
    return sign * (all.mean - cut.mean) >= std::sqrt(m / 2 * log_two);
  }
  RuleStep Step(State& state, std::byte* /*tail*/, double x) const {
    state.all.Add(x);
    if (state.least.n == 0) state.least = state.all;
    if (state.most.n == 0) state.most = state.all;
    const double bound = Bound(state.all.n);
    if (state.least.mean + Bound(state.least.n) >= state.all.mean + bound) {
      state.least = state.all;
    }
    if (state.most.mean - Bound(state.most.n) <= state.all.mean - bound) state.most = state.all;
    const bool rose = Moved(state.all, state.least, 1, log_drift_two);
    if (rose || (two_sided && Moved(state.all, state.most, -1, log_drift_two))) {
      const double cut = rose ? state.least.n : state.most.n;
      const auto ago = static_cast<uint64_t>(state.all.n - cut);
      state = State();
      return {SequenceReport::kChange, ago};
    }
    const bool warning = Moved(state.all, state.least, 1, log_warning_two) ||
                         (two_sided && Moved(state.all, state.most, -1, log_warning_two));
    return {warning ? SequenceReport::kWarning : SequenceReport::kNone, 0};
  }
};

// An exponentially weighted mean and the sum of its squared weights.
struct WeightedMean {
  double mean = 0;
  double squares = 1;
  double n = 0;
  void Add(double x, double lambda) {
    mean = n == 0 ? x : lambda * x + (1 - lambda) * mean;
    squares = lambda * lambda + (1 - lambda) * (1 - lambda) * squares;
    n += 1;
  }
};

struct HddmWRule {
  static constexpr SequenceInput kInput = SequenceInput::kErrors;
  struct State {
    WeightedMean all = {};
    WeightedMean before_rise = {};
    WeightedMean after_rise = {};
    WeightedMean before_fall = {};
    WeightedMean after_fall = {};
    double rise_cut = kInfinity;
    double fall_cut = -kInfinity;
  };
  double log_drift, log_warning, lambda;
  bool two_sided;

  size_t tail_bytes() const { return 0; }
  void Begin(State& state, std::byte* /*tail*/) const { state = State(); }

  static bool Above(const WeightedMean& high, const WeightedMean& low, double log) {
    if (high.n == 0 || low.n == 0) return false;
    return high.mean - low.mean > std::sqrt((high.squares + low.squares) * log / 2);
  }
  RuleStep Step(State& state, std::byte* /*tail*/, double x) const {
    state.all.Add(x, lambda);
    const double bound = std::sqrt(state.all.squares * log_drift / 2);
    if (state.all.mean + bound < state.rise_cut) {
      state.rise_cut = state.all.mean + bound;
      state.before_rise = state.all;
      state.after_rise = WeightedMean();
    } else {
      state.after_rise.Add(x, lambda);
    }
    if (state.all.mean - bound > state.fall_cut) {
      state.fall_cut = state.all.mean - bound;
      state.before_fall = state.all;
      state.after_fall = WeightedMean();
    } else {
      state.after_fall.Add(x, lambda);
    }
    const bool rose = Above(state.after_rise, state.before_rise, log_drift);
    if (rose || (two_sided && Above(state.before_fall, state.after_fall, log_drift))) {
      const auto ago = static_cast<uint64_t>(rose ? state.after_rise.n : state.after_fall.n);
      state = State();
      return {SequenceReport::kChange, ago};
    }
    const bool warning = Above(state.after_rise, state.before_rise, log_warning) ||
                         (two_sided && Above(state.before_fall, state.after_fall, log_warning));
    return {warning ? SequenceReport::kWarning : SequenceReport::kNone, 0};
  }
};

}  // namespace

std::shared_ptr<const SequenceDetector> MakeDdm(SequenceOptions o, uint64_t tag) {
  if (o[1] > o[2]) return nullptr;
  return SequenceFrom(DdmRule{o[0], o[1], o[2]}, tag);
}
std::shared_ptr<const SequenceDetector> MakeEddm(SequenceOptions o, uint64_t tag) {
  if (o[1] < o[2]) return nullptr;
  return SequenceFrom(EddmRule{o[0], o[1], o[2]}, tag);
}
std::shared_ptr<const SequenceDetector> MakeHddmA(SequenceOptions o, uint64_t tag) {
  return SequenceFrom(HddmARule{Log(1 / o[0]), Log(2 / o[0]), Log(2 / o[1]), o[2] != 0}, tag);
}
std::shared_ptr<const SequenceDetector> MakeHddmW(SequenceOptions o, uint64_t tag) {
  return SequenceFrom(HddmWRule{Log(1 / o[0]), Log(1 / o[1]), o[2], o[3] != 0}, tag);
}

}  // namespace faultline

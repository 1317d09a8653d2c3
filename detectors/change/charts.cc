// The classical control charts and Page-Hinkley, value by value, in the forms of river: the
// reference mean and deviation come from the first min_instances values, or are updated as values
// arrive. Scale-free except for Page-Hinkley, whose threshold and delta are in the signal's unit.
//
// CUSUM: Page, Continuous inspection schemes, 1954. EWMA: Roberts, 1959. Shewhart, 1939.
// Page-Hinkley with a fading factor: as in MOA; river 0.26.1 to the bit.
//
// Blind to: CUSUM and Shewhart to a change present while they learnt; Page-Hinkley to changes below
// delta. None bounds its false alarms on autocorrelated or heavy-tailed signals.

#include "detectors/change/sequence_rule.h"

namespace faultline {
namespace {

// `mode` of river: up = 1, down = -1, both = 0.
bool Beyond(double mode, double up, double down, double limit) {
  return (mode >= 0 && up > limit) || (mode <= 0 && down > limit);
}

struct PageHinkleyRule {
  static constexpr SequenceInput kInput = SequenceInput::kNumbers;
  struct State {
    RunningMean mean = {};
    double increase = 0;
    double decrease = 0;
    double least = std::numeric_limits<double>::infinity();
    double most = -1;
    double since_least = 0;
    double since_most = 0;
  };
  double min_instances, delta, threshold, alpha, mode;

  size_t tail_bytes() const { return 0; }
  void Begin(State& state, std::byte* /*tail*/) const { state = State(); }
  RuleStep Step(State& state, std::byte* /*tail*/, double x) const {
    state.mean.Add(x);
    const double off = x - state.mean.mean;
    state.increase = alpha * state.increase + off - delta;
    state.decrease = alpha * state.decrease + off + delta;
    state.since_least += 1;
    state.since_most += 1;
    if (state.increase < state.least) {
      state.least = state.increase;
      state.since_least = 0;
    }
    if (state.decrease > state.most) {
      state.most = state.decrease;
      state.since_most = 0;
    }
    if (state.mean.n < min_instances) return {};
    const double up = state.increase - state.least;
    const double down = state.most - state.decrease;
    if (!Beyond(mode, up, down, threshold)) return {};
    const double ago = mode >= 0 && up > threshold ? state.since_least : state.since_most;
    state = State();
    return {SequenceReport::kChange, static_cast<uint64_t>(ago)};
  }
};

// Mean and deviation of the first values, with which later ones are compared.
struct Baseline {
  RunningVariance seen = {};
  double center = 0;
  double deviation = 0;

  // False while it learns.
  bool Add(double x, double min_instances) {
    seen.Add(x);
    if (seen.mean.n == min_instances) {
      center = seen.mean.mean;
      deviation = std::sqrt(std::max(seen.variance(), 0.0));
    }
    return seen.mean.n >= min_instances;
  }
};

struct CusumRule {
  static constexpr SequenceInput kInput = SequenceInput::kNumbers;
  struct State {
    Baseline base = {};
    double up = 0;
    double down = 0;
    double up_values = 0;  // since it was last 0
    double down_values = 0;
  };
  double min_instances, slack, threshold, mode;

  size_t tail_bytes() const { return 0; }
  void Begin(State& state, std::byte* /*tail*/) const { state = State(); }
  RuleStep Step(State& state, std::byte* /*tail*/, double x) const {
    if (!state.base.Add(x, min_instances)) return {};
    const double k = slack * state.base.deviation;
    const double off = x - state.base.center;
    state.up = std::max(0.0, state.up + off - k);
    state.down = std::max(0.0, state.down - off - k);
    state.up_values = state.up > 0 ? state.up_values + 1 : 0;
    state.down_values = state.down > 0 ? state.down_values + 1 : 0;
    const double limit = threshold * state.base.deviation;
    if (!Beyond(mode, state.up, state.down, limit)) return {};
    const bool rose = mode >= 0 && state.up > limit;
    const double ago = rose ? state.up_values : state.down_values;
    state = State();
    return {SequenceReport::kChange, static_cast<uint64_t>(ago)};
  }
};

struct EwmaRule {
  static constexpr SequenceInput kInput = SequenceInput::kNumbers;
  struct State {
    RunningMean mean = {};
    double z = 0;
    double fading_square = 0;
    double left = 1;  // (1 - alpha)^(2 n)
  };
  double alpha, threshold, min_instances, mode;

  size_t tail_bytes() const { return 0; }
  void Begin(State& state, std::byte* /*tail*/) const { state = State(); }
  RuleStep Step(State& state, std::byte* /*tail*/, double x) const {
    const bool first = state.mean.n == 0;
    state.z = first ? x : alpha * x + (1 - alpha) * state.z;
    state.fading_square = first ? x * x : alpha * (x * x) + (1 - alpha) * state.fading_square;
    state.mean.Add(x);
    state.left *= (1 - alpha) * (1 - alpha);
    if (state.mean.n < min_instances) return {};
    const double variance = std::max(state.fading_square - state.z * state.z, 0.0);
    const double factor = alpha / (2 - alpha) * (1 - state.left);
    const double limit = threshold * std::sqrt(variance) * std::sqrt(factor);
    const double off = state.z - state.mean.mean;
    if (!Beyond(mode, off, -off, limit)) return {};
    state = State();
    return {SequenceReport::kChange, 0};
  }
};

struct ShewhartRule {
  static constexpr SequenceInput kInput = SequenceInput::kNumbers;
  struct State {
    Baseline base = {};
  };
  double k, min_instances, mode;

  size_t tail_bytes() const { return 0; }
  void Begin(State& state, std::byte* /*tail*/) const { state = State(); }
  RuleStep Step(State& state, std::byte* /*tail*/, double x) const {
    if (!state.base.Add(x, min_instances)) return {};
    const double off = x - state.base.center;
    if (!Beyond(mode, off, -off, k * state.base.deviation)) return {};
    state = State();
    return {SequenceReport::kChange, 1};
  }
};

}  // namespace

std::shared_ptr<const SequenceDetector> MakePageHinkleyValues(SequenceOptions o, uint64_t tag) {
  return SequenceFrom(PageHinkleyRule{o[0], o[1], o[2], o[3], o[4]}, tag);
}
std::shared_ptr<const SequenceDetector> MakeCusum(SequenceOptions o, uint64_t tag) {
  return SequenceFrom(CusumRule{o[0], o[1], o[2], o[3]}, tag);
}
std::shared_ptr<const SequenceDetector> MakeEwma(SequenceOptions o, uint64_t tag) {
  return SequenceFrom(EwmaRule{o[0], o[1], o[2], o[3]}, tag);
}
std::shared_ptr<const SequenceDetector> MakeShewhart(SequenceOptions o, uint64_t tag) {
  return SequenceFrom(ShewhartRule{o[0], o[1], o[2]}, tag);
}

}  // namespace faultline

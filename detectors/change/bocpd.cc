// Bayesian online change-point detection (Adams, MacKay 2007): the posterior of the run length, the
// number of values since the last change, for normal values of unknown mean and variance (prior
// normal-inverse-gamma, so predictions are Student's t) and a constant hazard. Run lengths with a
// posterior below 1e-12, and the least probable beyond `run_lengths` of them, are forgotten.
//
// Reports a change when the most probable run length is shorter by more than `fall` values than it
// would be without a change.
//
// Weak where values within a run are not normal; single outliers look like changes. Scale the
// values so that the prior (mean 0, deviation about 1) is plausible.

#include <limits>
#include <vector>

#include "detectors/change/sequence_rule.h"
#include "detectors/stats/elementary.h"

namespace faultline {
namespace {

constexpr double kTwoPi = 6.28318530717958647693;
constexpr uint64_t kTabled = 2048;
// Run lengths with a smaller log posterior are dropped: ln 1e-12.
constexpr double kLogShareLeast = -27.631021115928547;

// One candidate run length.
struct Run {
  double length = 0;
  double log_share = 0;  // of the posterior, up to a constant that all share
  double mean = 0;
  double beta = 0;
};

struct BocpdRule {
  static constexpr SequenceInput kInput = SequenceInput::kNumbers;
  struct State {
    uint64_t count = 0;
    double likely = 0;  // most probable run length
  };
  double log_change, log_stay;
  double mean, kappa, alpha, beta;
  uint64_t runs_most;
  double fall;
  // By run length: ln of the t density's constant without the scale.
  std::vector<double> constants;

  size_t tail_bytes() const { return (runs_most + 1) * sizeof(Run); }

  void Begin(State& state, std::byte* tail) const {
    state = State{.count = 1, .likely = 0};
    new (tail) Run{.length = 0, .log_share = 0, .mean = mean, .beta = beta};
  }

  static double Constant(double alpha) {
    return LogGamma(alpha + 0.5) - LogGamma(alpha) - 0.5 * Log(kTwoPi * alpha);
  }
  // ln of the density of the next value given a run.
  double LogPrediction(const Run& run, double x) const {
    const double a = alpha + run.length / 2;
    const double k = kappa + run.length;
    const double square_scale = run.beta * (k + 1) / (a * k);
    const auto length = static_cast<uint64_t>(run.length);
    const double constant = length < kTabled ? constants[length] : Constant(a);
    const double off = x - run.mean;
    return constant - 0.5 * Log(square_scale) -
           (a + 0.5) * Log(1 + off * off / (2 * a * square_scale));
  }
  void Learn(Run& run, double x) const {
    const double k = kappa + run.length;
    const double off = x - run.mean;
    run.beta += k * off * off / (2 * (k + 1));
    run.mean += off / (k + 1);
    run.length += 1;
  }
  // ln of the sum, relative to the largest.
  static double LogSum(const Run* runs, uint64_t count) {
    double most = runs[0].log_share;
    for (uint64_t i = 1; i < count; ++i) most = std::max(most, runs[i].log_share);
    double sum = 0;
    for (uint64_t i = 0; i < count; ++i) sum += Exp(runs[i].log_share - most);
    return most + Log(sum);
  }
  // Drops run lengths that are too improbable, and the least probable one if all places are taken.
  void Forget(State& state, Run* runs) const {
    uint64_t kept = 0;
    uint64_t least = 0;
    for (uint64_t i = 0; i < state.count; ++i) {
      if (runs[i].log_share < kLogShareLeast) continue;
      runs[kept] = runs[i];
      if (runs[kept].log_share < runs[least].log_share) least = kept;
      ++kept;
    }
    if (kept >= runs_most) {
      std::copy(runs + least + 1, runs + kept, runs + least);
      --kept;
    }
    state.count = kept;
  }
  // Runs are in order of length, the longest first; a change adds length 0 at the end.
  RuleStep Step(State& state, std::byte* tail, double x) const {
    Run* runs = reinterpret_cast<Run*>(tail);
    for (uint64_t i = 0; i < state.count; ++i) {
      runs[i].log_share += LogPrediction(runs[i], x);
      Learn(runs[i], x);
    }
    const double total = LogSum(runs, state.count);
    const Run begun{.length = 0, .log_share = log_change, .mean = mean, .beta = beta};
    uint64_t likely = 0;
    for (uint64_t i = 0; i < state.count; ++i) {
      runs[i].log_share += log_stay - total;
      if (runs[i].log_share > runs[likely].log_share) likely = i;
    }
    const double length =
        runs[likely].log_share >= begun.log_share ? runs[likely].length : begun.length;
    const double behind = state.likely + 1 - length;
    state.likely = length;
    Forget(state, runs);
    runs[state.count++] = begun;
    if (behind <= fall) return {};
    return {SequenceReport::kChange, static_cast<uint64_t>(length)};
  }
};

}  // namespace

std::shared_ptr<const SequenceDetector> MakeBocpd(SequenceOptions o, uint64_t tag) {
  BocpdRule rule{.log_change = Log(1 / o[0]),
                 .log_stay = Log(1 - 1 / o[0]),
                 .mean = o[1],
                 .kappa = o[2],
                 .alpha = o[3],
                 .beta = o[4],
                 .runs_most = static_cast<uint64_t>(o[5]),
                 .fall = o[6],
                 .constants = {}};
  for (uint64_t length = 0; length < kTabled; ++length) {
    rule.constants.push_back(BocpdRule::Constant(rule.alpha + static_cast<double>(length) / 2));
  }
  return SequenceFrom(std::move(rule), tag);
}

}  // namespace faultline

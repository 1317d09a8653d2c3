// Delay of the engine, value by value with the law before the change known, as a multiple of the
// delay of a CUSUM that is told both laws: delay_bench [REPETITIONS].
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "detectors/change/sequence.h"
#include "detectors/evidence/e_detector.h"
#include "detectors/evidence/reference_law.h"
#include "tests/bench/cusum_oracle.h"
#include "tests/bench/figures.h"
#include "tests/support/streams.h"

namespace faultline::bench {
namespace {

// A bank of bets with even weights on sums of values, whose costs are known.
class Bank {
 public:
  Bank(std::vector<TiltedBet> bets)
      : bets_(std::move(bets)),
        states_(bets_.size()),
        weights_(bets_.size(), 1.0 / static_cast<double>(bets_.size())),
        log_values_(bets_.size()) {}

  // The value that brings the alarm, counted from 1.
  template <typename Next>
  uint64_t RunUntilAlarm(double threshold, const Next& next) {
    Clear(states_);
    for (uint64_t n = 1;; ++n) {
      Step(next(n));
      if (TotalMass(states_) >= threshold) return n;
    }
  }
  void Step(double value) {
    AddIncrement(DetectorForm::kShiryaevRoberts, weights_, 1, 0, states_);
    for (size_t k = 0; k < bets_.size(); ++k) {
      log_values_[k] = bets_[k].rate * value - bets_[k].cost;
    }
    Multiply(log_values_, states_);
  }

 private:
  std::vector<TiltedBet> bets_;
  std::vector<BetState> states_;
  std::vector<double> weights_;
  std::vector<double> log_values_;
};

Bank NormalBank(bool two_sided) {
  std::vector<TiltedBet> bets(2 * ReferenceLaw::kMeanRates);
  SetMeanRates(0.1, bets);
  if (!two_sided) bets.resize(ReferenceLaw::kMeanRates);
  for (TiltedBet& bet : bets) bet.cost = bet.rate * bet.rate / 2;
  return Bank(bets);
}

// Tilts towards a list of odds ratios.
Bank BernoulliBank(double p) {
  std::vector<TiltedBet> bets;
  for (const double odds : {1.2, 1.35, 1.55, 1.85, 2.3, 3.0, 4.2, 6.5}) {
    bets.push_back({std::log(odds), std::log(1 - p + p * odds)});
  }
  return Bank(bets);
}

// Mean delay of a change after `quiet` values, over runs that were quiet until then.
template <typename Before, typename After>
double Delay(Bank bank, double threshold, uint64_t quiet, int repetitions, const Before& before,
             const After& after) {
  double sum = 0;
  int runs = 0;
  for (int i = 0; i < repetitions; ++i) {
    testing::Random random(static_cast<uint64_t>(i) + 1);
    const uint64_t at = bank.RunUntilAlarm(
        threshold, [&](uint64_t n) { return n <= quiet ? before(random) : after(random); });
    if (at <= quiet) continue;
    sum += static_cast<double>(at - quiet);
    ++runs;
  }
  return sum / runs;
}

void Normals(double run_length, int repetitions) {
  const std::string level = std::to_string(static_cast<int>(std::log10(run_length)));
  for (const double shift : {0.1, 0.25, 0.5, 1.0, 2.0}) {
    const CusumOracle oracle = NormalCusum(shift, run_length);
    std::printf("    oracle: N(0, 1) to N(%g, 1), run length 1e%s: threshold %.3f, delay %.1f\n",
                shift, level.c_str(), oracle.threshold, oracle.delay);
    const auto before = [](testing::Random& random) { return random.Normal(); };
    const auto after = [shift](testing::Random& random) { return shift + random.Normal(); };
    const std::string of = ".1e" + level + "." + std::to_string(shift).substr(0, 4);
    const auto ratio = [&](bool two_sided, uint64_t quiet) {
      return Delay(NormalBank(two_sided), run_length, quiet, repetitions, before, after) /
             oracle.delay;
    };
    if (shift <= 1) {
      Print("delay.one_sided.steady" + of, ratio(false, 500), "x oracle", 1.12, Better::kLower);
      Print("delay.one_sided.start" + of, ratio(false, 0), "x oracle", 1.25, Better::kLower);
    }
    if (shift >= 0.25) {
      Print("delay.two_sided.steady" + of, ratio(true, 500), "x oracle",
            run_length < 1e5 ? 1.25 : 1.20, Better::kLower);
    }
  }
}

// How much longer than promised the bank runs without a change: what the proof leaves on the table.
void RunLengths(int repetitions) {
  const auto same = [](testing::Random& random) { return random.Normal(); };
  for (const bool two_sided : {false, true}) {
    const double length = Delay(NormalBank(two_sided), 1e4, 0, repetitions, same, same);
    Print(std::string("delay.run_length.1e4.") + (two_sided ? "two_sided" : "one_sided"),
          length / 1e4, "x promised", 1, Better::kHigher);
  }
}

// Mean and deviation learnt from 1000 rows, anew for every run: what that costs.
void LearntFromRows(int repetitions) {
  constexpr uint32_t kRows = 1'000;
  constexpr double kBudget = 1e4;
  constexpr uint64_t kLongest = 100'000;
  double length = 0, delay = 0, known = 0;
  for (int i = 1; i <= repetitions; ++i) {
    const auto seed = static_cast<uint64_t>(i);
    const std::vector<double> rows = testing::Normals(seed, kRows);
    const Shape shape = MakeNumericShape(rows, 1, {});
    Summary reference(&shape);
    reference.CountNumbers(rows, nullptr, {0, kRows});
    const ReferenceLaw law = LearnNumericLaw(reference, rows, nullptr, {});
    std::vector<TiltedBet> bets;
    std::copy_if(law.mean_bets.begin(), law.mean_bets.end(), std::back_inserter(bets),
                 [](const TiltedBet& bet) { return std::isfinite(bet.cost); });
    double mean = 0, square = 0;
    for (const double x : rows) mean += x / kRows;
    for (const double x : rows) square += (x - mean) * (x - mean) / kRows;
    testing::Random random(1'000'000 + seed);
    const auto next = [&](double shift) {
      return (shift + random.Normal() - mean) / std::sqrt(square);
    };
    Bank bank(bets);
    length += static_cast<double>(
        bank.RunUntilAlarm(kBudget, [&](uint64_t n) { return n < kLongest ? next(0) : 1e6; }));
    delay += static_cast<double>(
        bank.RunUntilAlarm(kBudget, [&](uint64_t n) { return next(n <= 500 ? 0 : 0.5); }) - 500.0);
    known += static_cast<double>(NormalBank(true).RunUntilAlarm(kBudget, [&](uint64_t n) {
      return random.Normal() + (n <= 500 ? 0 : 0.5);
    }) - 500.0);
  }
  Print("delay.learnt_from_1000_rows.run_length", length / repetitions / kBudget, "x promised", 1,
        Better::kHigher);
  Print("delay.learnt_from_1000_rows.0.50", delay / known, "x known law", 1.5, Better::kLower);
}

// Errors at a rate of 0.1 that becomes 0.15 after 2000 values: ADWIN with its usual options, which
// learns the rate, against the bank that is told it. Both at most one false alarm per million.
void AgainstAdwin(int repetitions) {
  constexpr uint64_t kQuiet = 2'000;
  constexpr uint64_t kLongest = 50'000;
  const auto adwin = *MakeSequence("adwin");
  std::vector<std::byte> state(adwin->state_bytes());
  double of_adwin = 0;
  double nanoseconds = 0;
  std::vector<double> values(kQuiet + kLongest);
  for (int i = 1; i <= repetitions; ++i) {
    testing::Random random(static_cast<uint64_t>(i));
    for (size_t n = 0; n < values.size(); ++n) {
      values[n] = random.Uniform() < (n < kQuiet ? 0.1 : 0.15) ? 1 : 0;
    }
    adwin->Start(state);
    const auto begin = std::chrono::steady_clock::now();
    size_t at = 0;
    while (at < values.size()) {
      const SequenceStep step = adwin->Take(std::span<const double>(values).subspan(at), state);
      at += step.taken;
      if (step.report == SequenceReport::kChange && at > kQuiet) break;
    }
    const std::chrono::duration<double, std::nano> took = std::chrono::steady_clock::now() - begin;
    nanoseconds += took.count() / static_cast<double>(at) / repetitions;
    of_adwin += static_cast<double>(at - kQuiet) / repetitions;
  }
  const auto draw = [](double share) {
    return [share](testing::Random& random) { return random.Uniform() < share ? 1.0 : 0.0; };
  };
  const double engine = Delay(BernoulliBank(0.1), 1e6, kQuiet, repetitions, draw(0.1), draw(0.15));
  std::printf("    ADWIN %.0f values, %.0f ns a value; engine %.0f values\n", of_adwin, nanoseconds,
              engine);
  Print("delay.adwin", of_adwin / engine, "x engine", 5, Better::kHigher);
}

void Bernoullis(int repetitions) {
  const std::pair<double, double> cases[] = {{0.12, 1.25}, {0.15, 1.06}, {0.2, 1.08}, {0.3, 1.03}};
  for (const auto& [q, target] : cases) {
    const CusumOracle oracle = BernoulliCusum(0.1, q, 1e6);
    const auto draw = [](double share) {
      return [share](testing::Random& random) { return random.Uniform() < share ? 1.0 : 0.0; };
    };
    const double delay = Delay(BernoulliBank(0.1), 1e6, 500, repetitions, draw(0.1), draw(q));
    std::printf("    oracle: Bernoulli 0.1 to %g, run length %.4g: delay %.1f; engine %.1f\n", q,
                oracle.run_length, oracle.delay, delay);
    Print("delay.bernoulli.1e6." + std::to_string(q).substr(0, 4), delay / oracle.delay, "x oracle",
          target, Better::kLower);
  }
}

void Speed() {
  std::vector<TiltedBet> bets(20);
  SetMeanRates(0.1, bets);
  for (TiltedBet& bet : bets) bet.cost = bet.rate * bet.rate / 2;
  Bank bank(bets);
  const std::vector<double> values = testing::Normals(1, 1 << 20);
  const auto begin = std::chrono::steady_clock::now();
  for (const double value : values) bank.Step(value);
  const std::chrono::duration<double, std::nano> took = std::chrono::steady_clock::now() - begin;
  Print("delay.bank_of_20_rates", took.count() / static_cast<double>(values.size()), "ns/value", 25,
        Better::kLower);
}

}  // namespace
}  // namespace faultline::bench

int main(int argc, char** argv) {
  const int repetitions = argc > 1 ? std::atoi(argv[1]) : 2'000;
  faultline::bench::Normals(1e4, repetitions);
  faultline::bench::Normals(1e6, repetitions);
  faultline::bench::RunLengths(repetitions / 10);
  faultline::bench::LearntFromRows(repetitions / 10);
  faultline::bench::Bernoullis(repetitions);
  faultline::bench::AgainstAdwin(repetitions / 10);
  faultline::bench::Speed();
}

#include "tests/bench/arl_run.h"

#include <algorithm>
#include <memory>
#include <vector>

#include "detectors/evidence/reference_law.h"
#include "detectors/stats/elementary.h"
#include "tests/bench/budgeted_kinds.h"

namespace faultline::bench {
namespace {

// One signal: its reference, its law, the states of its detectors.
class Signal {
 public:
  Signal(const NullStream& stream, const std::vector<BudgetedKind>& kinds,
         const ArlSetting& setting, uint64_t seed)
      : stream_(stream), kinds_(kinds), past_{testing::Random(seed)}, values_(setting.pane_rows) {
    std::vector<double> rows(setting.reference_rows);
    for (double& value : rows) value = stream.next(&past_);
    shape_ = MakeNumericShape(rows, 1, {});
    reference_ = std::make_unique<Summary>(&shape_);
    reference_->CountNumbers(rows, nullptr, {0, setting.reference_rows});
    law_ = LearnNumericLaw(*reference_, rows, nullptr, {});
    pane_ = std::make_unique<Summary>(&shape_);
    for (const BudgetedKind& kind : kinds) {
      kind.follow->Start(states_.emplace_back(kind.follow->state_bytes()));
    }
  }

  void Pane(double at_s, double increment, double threshold, ArlCount* count) {
    const auto rows = static_cast<uint32_t>(values_.size());
    for (double& value : values_) value = stream_.next(&past_);
    pane_->Clear();
    pane_->CountNumbers(values_, nullptr, {0, rows});
    FollowInput input = {.reference = *reference_, .law = law_, .pane = *pane_};
    input.begin_s = at_s;
    input.end_s = at_s + rows;
    input.budget_increment = increment;
    input.threshold = threshold;
    for (size_t k = 0; k < kinds_.size(); ++k) {
      const Verdict verdict = kinds_[k].follow->Follow(input, states_[k]);
      if (verdict.state != VerdictState::kAlarm) continue;
      count->alarms += 1;
      count->by_kind[kinds_[k].name] += 1;
      kinds_[k].follow->Start(states_[k]);
    }
  }

 private:
  const NullStream& stream_;
  const std::vector<BudgetedKind>& kinds_;
  NullStream::Past past_;
  std::vector<double> values_;
  Shape shape_;
  std::unique_ptr<Summary> reference_;
  ReferenceLaw law_;
  std::unique_ptr<Summary> pane_;
  std::vector<std::vector<std::byte>> states_;
};

// P(count or fewer | mean).
double PoissonAtMost(double count, double mean) { return GammaQ(count + 1, mean); }

template <typename TooSmall>
double Bisect(double high, const TooSmall& too_small) {
  double low = 0;
  for (int i = 0; i < 100; ++i) {
    const double middle = (low + high) / 2;
    (too_small(middle) ? low : high) = middle;
  }
  return (low + high) / 2;
}

}  // namespace

void RunNullStream(const NullStream& stream, const ArlSetting& setting, uint64_t seed,
                   ArlCount* count) {
  static const std::vector<BudgetedKind> kinds = BudgetedKinds(false);
  std::vector<std::unique_ptr<Signal>> signals;
  for (uint32_t i = 0; i < setting.signals; ++i) {
    signals.push_back(std::make_unique<Signal>(stream, kinds, setting, seed * 1'000'003 + i));
  }
  const double pairs = static_cast<double>(kinds.size()) * setting.signals;
  const double length =
      setting.stream_rows > 0 ? static_cast<double>(setting.stream_rows) : setting.budget_rows;
  for (double rows = 0; rows < length; rows += setting.pane_rows) {
    for (const auto& signal : signals) {
      signal->Pane(1e9 + rows, setting.pane_rows / pairs, setting.budget_rows, count);
    }
    count->rows += setting.pane_rows;
  }
}

double LowerLimit99(double count) {
  if (count == 0) return 0;
  return Bisect(count, [&](double mean) { return 1 - PoissonAtMost(count - 1, mean) < 0.01; });
}

double UpperLimit99(double count) {
  return Bisect(2 * count + 20, [&](double mean) { return PoissonAtMost(count, mean) > 0.01; });
}

}  // namespace faultline::bench

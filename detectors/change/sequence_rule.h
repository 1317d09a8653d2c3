#pragma once

#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>
#include <type_traits>

#include "base/check.h"
#include "detectors/change/sequence.h"
#include "detectors/contract/tagged_state.h"

namespace faultline {

// The outcome of one value.
struct RuleStep {
  SequenceReport report = SequenceReport::kNone;
  uint64_t ago = 0;
};

// The mean of a stream as river's stats.Mean keeps it, to the bit.
struct RunningMean {
  double n = 0;
  double mean = 0;
  void Add(double x) {
    n += 1;
    mean += (1 / n) * (x - mean);
  }
};

// The variance (divisor n - 1) as river's stats.Var keeps it.
struct RunningVariance {
  RunningMean mean;
  double squares = 0;
  void Add(double x) {
    const double before = mean.mean;
    mean.Add(x);
    squares += (x - before) * (x - mean.mean);
  }
  double variance() const { return mean.n > 1 ? squares / (mean.n - 1) : 0; }
};

// Makes a detector from a rule. A rule is an object of options with
//   struct State;                       flat; its initial value is State()
//   static constexpr SequenceInput kInput;
//   size_t tail_bytes() const;          size of further state, initially 0; a multiple of 8
//   void Begin(State&, std::byte* tail) const;
//   RuleStep Step(State&, std::byte* tail, double x) const;
template <typename Rule>
class SequenceOf final : public SequenceDetector {
 public:
  using State = typename Rule::State;
  static_assert(std::is_trivially_copyable_v<State>, "stored as it lies in memory");

  // `tag` names kind, version and options: state with another tag is foreign.
  SequenceOf(Rule rule, uint64_t tag) : rule_(std::move(rule)), tag_(tag) {}

  size_t state_bytes() const override { return StateBytes(sizeof(Whole) + rule_.tail_bytes()); }

  void Start(std::span<std::byte> bytes) const override {
    Check(bytes);
    std::memset(bytes.data(), 0, bytes.size());
    Whole* whole = new (StateBody(bytes).data()) Whole{};
    rule_.Begin(whole->state, Tail(bytes));
    SealState(tag_, bytes);
  }

  SequenceStep Take(std::span<const double> values, std::span<std::byte> bytes) const override {
    Check(bytes);
    if (!IsStateOf(tag_, bytes)) Start(bytes);
    Whole* whole = reinterpret_cast<Whole*>(StateBody(bytes).data());
    std::byte* const tail = Tail(bytes);
    SequenceStep step;
    for (const double value : values) {
      ++step.taken;
      double x = value;
      if constexpr (Rule::kInput == SequenceInput::kErrors) {
        if (x != 0 && x != 1) continue;
      } else {
        if (!std::isfinite(x)) continue;
        x = std::clamp(x, -kMost, kMost);
      }
      const RuleStep said = rule_.Step(whole->state, tail, x);
      const bool warned = whole->warned != 0;
      whole->warned = said.report == SequenceReport::kWarning;
      if (said.report == SequenceReport::kChange || whole->warned > static_cast<uint64_t>(warned)) {
        step.report = said.report;
        step.ago = said.ago;
        break;
      }
    }
    SealState(tag_, bytes);
    return step;
  }

 private:
  static constexpr double kMost = 1e100;

  struct Whole {
    uint64_t warned = 0;
    State state = {};
  };

  void Check(std::span<std::byte> bytes) const {
    FAULTLINE_CHECK(bytes.size() == state_bytes(), "the caller asks state_bytes()");
    FAULTLINE_CHECK(reinterpret_cast<uintptr_t>(bytes.data()) % alignof(Whole) == 0,
                    "the caller aligns it as a double");
  }
  static std::byte* Tail(std::span<std::byte> bytes) {
    return StateBody(bytes).data() + sizeof(Whole);
  }
  Rule rule_;
  uint64_t tag_;
};

template <typename Rule>
std::shared_ptr<const SequenceDetector> SequenceFrom(Rule rule, uint64_t tag) {
  return std::make_shared<SequenceOf<Rule>>(std::move(rule), tag);
}

// The factories behind the table; `tag` is that of the state.
using SequenceOptions = std::span<const double>;
std::shared_ptr<const SequenceDetector> MakeAdwin(SequenceOptions options, uint64_t tag);
std::shared_ptr<const SequenceDetector> MakePageHinkleyValues(SequenceOptions options,
                                                              uint64_t tag);
std::shared_ptr<const SequenceDetector> MakeCusum(SequenceOptions options, uint64_t tag);
std::shared_ptr<const SequenceDetector> MakeEwma(SequenceOptions options, uint64_t tag);
std::shared_ptr<const SequenceDetector> MakeShewhart(SequenceOptions options, uint64_t tag);
std::shared_ptr<const SequenceDetector> MakeDdm(SequenceOptions options, uint64_t tag);
std::shared_ptr<const SequenceDetector> MakeEddm(SequenceOptions options, uint64_t tag);
std::shared_ptr<const SequenceDetector> MakeRddm(SequenceOptions options, uint64_t tag);
std::shared_ptr<const SequenceDetector> MakeHddmA(SequenceOptions options, uint64_t tag);
std::shared_ptr<const SequenceDetector> MakeHddmW(SequenceOptions options, uint64_t tag);
std::shared_ptr<const SequenceDetector> MakeFhddm(SequenceOptions options, uint64_t tag);
std::shared_ptr<const SequenceDetector> MakeMddmA(SequenceOptions options, uint64_t tag);
std::shared_ptr<const SequenceDetector> MakeMddmE(SequenceOptions options, uint64_t tag);
std::shared_ptr<const SequenceDetector> MakeMddmG(SequenceOptions options, uint64_t tag);
std::shared_ptr<const SequenceDetector> MakeKswin(SequenceOptions options, uint64_t tag);
std::shared_ptr<const SequenceDetector> MakeBocpd(SequenceOptions options, uint64_t tag);

}  // namespace faultline

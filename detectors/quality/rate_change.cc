// Four kinds that see a lasting change of a share of rows: missing_change and invalid_change (up
// and down), range_change and unseen_change (up). Bets: likelihood ratios of a share against the
// end of the interval that the reference leaves open for it, which hold for every share inside.
#include <absl/strings/str_format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "detectors/evidence/confidence.h"
#include "detectors/evidence/few_cells.h"
#include "detectors/evidence/ledger.h"
#include "detectors/evidence/sums.h"
#include "detectors/judgement.h"
#include "detectors/kinds.h"
#include "detectors/stats/elementary.h"

namespace faultline {
namespace {

// A chance of one in a thousand, one-sided, in normal deviations.
constexpr double kRare = 3.09;
// What the odds are multiplied by, as logarithms.
constexpr std::array<double, 5> kUp = {0.3, 0.7, 1.5, 3, 6};
constexpr std::array<double, 4> kDown = {0.3, 0.7, 1.5, 3};
constexpr uint32_t kBets = kUp.size() + kDown.size();
constexpr double kShareMin = 1e-9;

// What is counted: `count` of `rows`, here and in the reference.
struct Share {
  double count = 0;
  double rows = 0;
  double reference_count = 0;  // more than was seen, where what was not seen has a share too
  double reference_rows = 0;
  double dispersion = 1;
};

struct RateKind {
  const char* name;
  uint32_t tag;
  const char* what;  // "missing"
  bool both_ways;
  bool (*judges)(SignalType type);
  Share (*share)(const FollowInput& input);
};

double Logit(double share) { return Log(share / (1 - share)); }
double FromLogit(double odds) { return 1 / (1 + Exp(-odds)); }

// The interval of shares that the reference leaves open.
struct OpenShares {
  double low;
  double high;
};

OpenShares OpenFor(const Share& share, double tolerance) {
  const double n = share.reference_rows / share.dispersion;
  const double count = share.reference_count / share.dispersion;
  // By the rarer of the two outcomes: a Poisson limit is good for rare ones.
  OpenShares open{};
  if (2 * count <= n) {
    open = {PoissonLower(count, kRare) / n, PoissonUpper(count, kRare) / n};
  } else {
    open = {1 - PoissonUpper(n - count, kRare) / n, 1 - PoissonLower(n - count, kRare) / n};
  }
  open.low = std::clamp(open.low - tolerance, 0.0, 1 - 2 * kShareMin);
  open.high = std::clamp(open.high + tolerance, 2 * kShareMin, 1 - kShareMin);
  return open;
}

double LogRatio(double count, double others, double from, double to) {
  return count * Log(to / from) + others * Log((1 - to) / (1 - from));
}

class RateChange final : public FollowDetector {
 public:
  RateChange(const RateKind& kind, double tolerance)
      : kind_(kind), layout_{.tag = kind.tag, .bets = kBets}, tolerance_(tolerance) {}

  bool Judges(SignalType type) const override { return kind_.judges(type); }
  size_t state_bytes() const override { return Ledger::Bytes(layout_); }
  void Start(std::span<std::byte> state) const override { Ledger::Start(layout_, state); }

  Verdict Follow(const FollowInput& input, std::span<std::byte> state) const override {
    Ledger ledger(layout_, input, state);
    Share share = kind_.share(input);
    Verdict missing;
    if (!HasRows(static_cast<uint64_t>(share.reference_rows), 0, {kUnset, 0}, &missing)) {
      return ledger.CannotTell(missing.detail);
    }
    share.dispersion = ledger.Dispersion(share.dispersion);
    const OpenShares open = OpenFor(share, tolerance_);
    Bet(share, open, input, &ledger);
    const double before = share.reference_count / share.reference_rows;
    const double smooth = (share.reference_count + 0.5) / (share.reference_rows + 1);
    const double deviation = std::sqrt(smooth * (1 - smooth));
    if (share.rows > 0) {
      const double now = share.count / share.rows;
      const double worst = std::max(smooth * (1 - smooth), now * (1 - now));
      ledger.NotePane({now - before, std::sqrt(worst), share.rows, open.high - before});
    }
    Verdict verdict = ledger.Finish(deviation * std::sqrt(share.dispersion / share.reference_rows));
    if (verdict.state == VerdictState::kAlarm) {
      verdict.detail =
          absl::StrFormat("%s: about %.3g %% of rows, %.3g %% in the reference", kind_.what,
                          100 * (before + verdict.effect_size), 100 * before);
    }
    return verdict;
  }

 private:
  void Bet(const Share& share, const OpenShares& open, const FollowInput& input,
           Ledger* ledger) const {
    std::array<double, kBets> weights{};
    std::array<double, kBets> log_values{};
    const bool down = kind_.both_ways && open.low > kShareMin;
    const double each = 1.0 / static_cast<double>(down ? kBets : kUp.size());
    const double count = share.count / share.dispersion;
    const double others = (share.rows - share.count) / share.dispersion;
    for (uint32_t k = 0; k < kBets; ++k) {
      const bool up = k < kUp.size();
      if (!up && !down) continue;
      const double from = up ? open.high : open.low;
      const double step = up ? kUp[k] : -kDown[k - kUp.size()];
      const double to = std::clamp(FromLogit(Logit(from) + step), kShareMin, 1 - kShareMin);
      weights[k] = each;
      log_values[k] = LogRatio(count, others, from, to);
    }
    ledger->AddBatch(weights, log_values, 1, input.end_s, false);
  }

  const RateKind& kind_;
  const Ledger::Layout layout_;
  double tolerance_;
};

bool Any(SignalType) { return true; }
bool Numeric(SignalType type) { return type == SignalType::kNumeric; }
bool Categorical(SignalType type) { return type == SignalType::kCategorical; }

double Count(uint64_t count) { return static_cast<double>(count); }

constexpr RateKind kMissing = {
    "missing_change", 0x6d69'0001, "missing", true, Any, [](const FollowInput& input) {
      return Share{Count(input.pane.missing()), Count(input.pane.rows()),
                   Count(input.reference.missing()), Count(input.reference.rows()),
                   input.law.missing_dispersion};
    }};

constexpr RateKind kInvalid = {
    "invalid_change", 0x696e'0001, "not a number", true, Numeric, [](const FollowInput& input) {
      return Share{Count(input.pane.invalid()), Count(input.pane.rows() - input.pane.missing()),
                   Count(input.reference.invalid()),
                   Count(input.reference.rows() - input.reference.missing()),
                   input.law.invalid_dispersion};
    }};

// The reference's range is where its own least and largest value lie: of further values two in
// n + 1 lie outside.
constexpr RateKind kRange = {
    "range_change", 0x7261'0001, "out of range", false, Numeric, [](const FollowInput& input) {
      const double outside = input.reference.shape().constant() ? 0 : 2;
      return Share{Count(input.pane.under() + input.pane.over()), Count(input.pane.values()),
                   outside, Count(input.reference.values()), input.law.cell_dispersion};
    }};

// Of categories like those seen once, more are still to come.
constexpr RateKind kUnseen = {"unseen_change",
                              0x756e'0001,
                              "not a category of the reference",
                              false,
                              Categorical,
                              [](const FollowInput& input) {
                                return Share{Count(input.pane.unseen()), Count(input.pane.values()),
                                             SeenOnce(input.reference),
                                             Count(input.reference.values()),
                                             input.law.cell_dispersion};
                              }};

template <typename Options>
absl::StatusOr<Detector> Make(const RateKind& kind, const Options& options) {
  const double tolerance = options.has_tolerance() ? options.tolerance() : 0;
  if (!(tolerance >= 0 && tolerance < 1)) return OptionError(kind.name, "tolerance", "0 to 1");
  return Detector{.name = kind.name, .follow = std::make_shared<RateChange>(kind, tolerance)};
}

}  // namespace

absl::StatusOr<Detector> MakeMissingChange(const v1::DetectorSpec& spec) {
  return Make(kMissing, spec.missing_change());
}
absl::StatusOr<Detector> MakeInvalidChange(const v1::DetectorSpec& spec) {
  return Make(kInvalid, spec.invalid_change());
}
absl::StatusOr<Detector> MakeRangeChange(const v1::DetectorSpec& spec) {
  return Make(kRange, spec.range_change());
}
absl::StatusOr<Detector> MakeUnseenChange(const v1::DetectorSpec& spec) {
  return Make(kUnseen, spec.unseen_change());
}

}  // namespace faultline

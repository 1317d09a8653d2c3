// Detects a lasting change of the spread around the reference's mean: wider or narrower. A shift of
// the mean widens it too. Blind on heavy tails, where no bet on squares is safe;
// distribution_change covers those. Bets: exponential tilts of the sub-sums of squares.
#include <array>
#include <cmath>

#include "detectors/contract/judgement.h"
#include "detectors/evidence/evidence_detector.h"
#include "detectors/evidence/reference_law.h"
#include "detectors/evidence/sums.h"
#include "detectors/kinds.h"
#include "faultline/v1/detector.pb.h"

namespace faultline {
namespace {

constexpr uint32_t kBets = 2 * ReferenceLaw::kScaleRates;
// Standard deviation of the square of a standard normal value.
const double kDeviation = std::sqrt(2.0);
// The smallest change of the variance that counts as a change.
constexpr double kLeast = 0.1;

class ScaleChange final : public EvidenceDetector {
 public:
  explicit ScaleChange(double tolerance)
      : EvidenceDetector({.tag = 0x7363'0001, .bets = kBets}), tolerance_(tolerance) {}

  bool Judges(SignalType type) const override { return type == SignalType::kNumeric; }

 protected:
  Obstacle ObstacleTo(const FollowInput& input) const override { return ObstacleToSums(input); }

  Verdict Judge(const FollowInput& input, Ledger* ledger) const override {
    std::array<double, kBets> weights;
    if (!ShareOut(input.law.scale_bets, weights)) {
      return ledger->Inapplicable(
          input.reference.values() < kScaleRowsMin
              ? "a reference of at least 200 values"
              : "tails too heavy to bet on the variance: use distribution_change");
    }
    const double dispersion = ledger->Dispersion(input.law.scale_dispersion);
    const PaneSums pane(input);
    double sum = 0;
    for (const SubSum& run : input.pane.sub_sums().runs()) {
      const double off = pane.SumOfSquares(run) - run.count;
      const double rows = run.count / dispersion;
      std::array<double, kBets> log_values;
      for (uint32_t k = 0; k < kBets; ++k) {
        const TiltedBet& bet = input.law.scale_bets[k];
        const double cost = bet.cost + std::fabs(bet.rate) * tolerance_;
        log_values[k] = weights[k] > 0 ? bet.rate * off / dispersion - rows * cost : 0;
      }
      ledger->AddBatch(weights, log_values, pane.Share(run), pane.TimeAfter(run), true);
      sum += off;
    }
    const double values = static_cast<double>(input.pane.values());
    if (values > 0) ledger->NotePane({sum / values, kDeviation, values, tolerance_ + kLeast});
    Verdict verdict =
        ledger->Finish(kDeviation * std::sqrt(input.law.scale_dispersion /
                                              static_cast<double>(input.reference.values())));
    if (verdict.state == VerdictState::kAlarm) {
      verdict.detail =
          "variance is " + NumberInWords(1 + verdict.effect_size) + " times the reference variance";
    }
    return verdict;
  }

 private:
  double tolerance_;
};

}  // namespace

absl::StatusOr<Detector> MakeScaleChange(const v1::DetectorSpec& spec) {
  const auto tolerance = ReadTolerance("scale_change", spec.scale_change());
  if (!tolerance.ok()) return tolerance.status();
  return Detector{.name = "scale_change", .follow = std::make_shared<ScaleChange>(*tolerance)};
}

}  // namespace faultline

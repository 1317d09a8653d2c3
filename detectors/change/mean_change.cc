// Detects a lasting shift of the mean, up or down, from about a twentieth of a standard deviation
// on. Blind to changes that keep the mean, and on very heavy tails, where no bet on sums is safe;
// distribution_change covers those. Bets: exponential tilts of sub-sums (Shin, Ramdas, Rinaldo
// 2024, section 4; costs learnt from the reference).
#include <array>
#include <cmath>

#include "detectors/change/mean_follow.h"
#include "detectors/contract/judgement.h"
#include "detectors/evidence/evidence_detector.h"
#include "detectors/evidence/reference_law.h"
#include "detectors/evidence/sums.h"
#include "detectors/kinds.h"
#include "faultline/v1/detector.pb.h"

namespace faultline {
namespace {

constexpr uint32_t kBets = 2 * ReferenceLaw::kMeanRates;

class MeanChange final : public EvidenceDetector {
 public:
  MeanChange(uint32_t tag, double tolerance, DescribeEffect describe)
      : EvidenceDetector({.tag = tag, .bets = kBets}), tolerance_(tolerance), describe_(describe) {}

  bool Judges(SignalType type) const override { return type == SignalType::kNumeric; }

 protected:
  Obstacle ObstacleTo(const FollowInput& input) const override { return ObstacleToSums(input); }

  Verdict Judge(const FollowInput& input, Ledger* ledger) const override {
    std::array<double, kBets> weights;
    if (!ShareOut(input.law.mean_bets, weights)) {
      return ledger->Inapplicable("tails too heavy to bet on the mean: use distribution_change");
    }
    const double dispersion = ledger->Dispersion(input.law.mean_dispersion);
    const PaneSums pane(input);
    double sum = 0;
    for (const SubSum& run : input.pane.sub_sums().runs()) {
      const double standard = pane.Sum(run);
      const double rows = run.count / dispersion;
      std::array<double, kBets> log_values;
      for (uint32_t k = 0; k < kBets; ++k) {
        const TiltedBet& bet = input.law.mean_bets[k];
        const double cost = bet.cost + std::fabs(bet.rate) * tolerance_ + pane.ExtraCost(bet.rate);
        log_values[k] = weights[k] > 0 ? bet.rate * standard / dispersion - rows * cost : 0;
      }
      ledger->AddBatch(weights, log_values, pane.Share(run), pane.TimeAfter(run), true);
      sum += standard;
    }
    const double values = static_cast<double>(input.pane.values());
    const double least = tolerance_ + input.law.mean_bets[0].rate / 2;
    if (values > 0) ledger->NotePane({sum / values, 1, values, least});
    Verdict verdict = ledger->Finish(
        std::sqrt(input.law.mean_dispersion / static_cast<double>(input.reference.values())));
    if (verdict.state == VerdictState::kAlarm) {
      verdict.detail = describe_(input, verdict.effect_size);
    }
    return verdict;
  }

 private:
  const double tolerance_;
  const DescribeEffect describe_;
};

std::string Describe(const FollowInput& /*input*/, double effect) {
  return "mean shifted by " + NumberInWords(effect) + " reference standard deviations";
}

}  // namespace

std::shared_ptr<const FollowDetector> FollowMean(uint32_t tag, double tolerance,
                                                 DescribeEffect describe) {
  return std::make_shared<MeanChange>(tag, tolerance, describe);
}

absl::StatusOr<Detector> MakeMeanChange(const v1::DetectorSpec& spec) {
  const auto tolerance = ReadTolerance("mean_change", spec.mean_change());
  if (!tolerance.ok()) return tolerance.status();
  return Detector{.name = "mean_change", .follow = FollowMean(0x6d65'0001, *tolerance, Describe)};
}

}  // namespace faultline

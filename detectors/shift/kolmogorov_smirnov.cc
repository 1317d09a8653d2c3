#include "detectors/contract/judgement.h"
#include "detectors/kinds.h"
#include "detectors/shift/coarse_cells.h"
#include "detectors/stats/distances.h"
#include "faultline/v1/detector.pb.h"

namespace faultline {
namespace {

class KolmogorovSmirnovTest final : public CompareDetector {
 public:
  explicit KolmogorovSmirnovTest(FixedRule rule) : rule_(rule) {}

  bool Judges(SignalType type) const override { return type == SignalType::kNumeric; }

  Verdict Compare(const Summary& reference, const Summary& window) const override {
    Verdict verdict;
    const bool enough = HasRows(reference.values(), window.values(), rule_, &verdict);
    if (!HasShape(reference, &verdict) || !enough) return verdict;
    const std::vector<uint64_t> before = AscendingCells(reference);
    const std::vector<uint64_t> now = AscendingCells(window);
    verdict.score = KolmogorovSmirnov(before, now);
    verdict.effect_size = verdict.score;
    verdict.p_value = KolmogorovSmirnovPValue(verdict.score, reference.values(), window.values());
    verdict.noise_floor = KolmogorovSmirnovNoise(reference.values(), window.values());
    Decide(&verdict);
    return verdict;
  }

 private:
  FixedRule rule_;
};

}  // namespace

absl::StatusOr<Detector> MakeKolmogorovSmirnov(const v1::DetectorSpec& spec) {
  const auto rule = ReadFixedRule("kolmogorov_smirnov", spec.kolmogorov_smirnov(), 1, 100);
  if (!rule.ok()) return rule.status();
  return Detector{.name = "kolmogorov_smirnov",
                  .compare = std::make_shared<KolmogorovSmirnovTest>(*rule)};
}

}  // namespace faultline

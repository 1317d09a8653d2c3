#include "detectors/contract/judgement.h"
#include "detectors/kinds.h"
#include "detectors/shift/coarse_cells.h"
#include "detectors/stats/distances.h"
#include "faultline/v1/detector.pb.h"

namespace faultline {
namespace {

class ChiSquareTest final : public CompareDetector {
 public:
  explicit ChiSquareTest(FixedRule rule) : rule_(rule) {}

  bool Judges(SignalType) const override { return true; }

  Verdict Compare(const Summary& reference, const Summary& window) const override {
    Verdict verdict;
    const bool enough = HasRows(reference.rows(), window.rows(), rule_, &verdict);
    if (!HasShape(reference, &verdict) || !enough) return verdict;
    const CoarseCells cells = MakeCoarseCells(reference, window);
    const uint32_t used = UsedCells(cells.reference, cells.window);
    verdict.effect_size = TotalVariation(cells.reference, cells.window);
    const ChiSquareResult test = ChiSquare(cells.reference, cells.window);
    verdict.score = test.cramers_v;
    verdict.p_value = test.p_value;
    verdict.noise_floor = CramersVNoise(used, reference.rows(), window.rows());
    Decide(&verdict);
    return verdict;
  }

 private:
  FixedRule rule_;
};

}  // namespace

absl::StatusOr<Detector> MakeChiSquare(const v1::DetectorSpec& spec) {
  const auto rule = ReadFixedRule("chi_square", spec.chi_square(), 1, 100);
  if (!rule.ok()) return rule.status();
  return Detector{.name = "chi_square", .compare = std::make_shared<ChiSquareTest>(*rule)};
}

}  // namespace faultline

#include <limits>

#include "detectors/contract/judgement.h"
#include "detectors/kinds.h"
#include "detectors/shift/coarse_cells.h"
#include "detectors/stats/distances.h"
#include "faultline/v1/detector.pb.h"

namespace faultline {
namespace {

// The score is a squared distance, so chance spreads it wider around its mean than a distance.
constexpr double kSquareMargin = 3;

class PopulationStability final : public CompareDetector {
 public:
  explicit PopulationStability(FixedRule rule) : rule_(rule) {}

  bool Judges(SignalType) const override { return true; }

  Verdict Compare(const Summary& reference, const Summary& window) const override {
    Verdict verdict;
    const bool enough = HasRows(reference.rows(), window.rows(), rule_, &verdict);
    if (!HasShape(reference, &verdict) || !enough) return verdict;
    const CoarseCells cells = MakeCoarseCells(reference, window);
    const uint32_t used = UsedCells(cells.reference, cells.window);
    verdict.effect_size = TotalVariation(cells.reference, cells.window);
    verdict.score = Psi(cells.reference, cells.window);
    verdict.noise_floor = PsiNoise(used, reference.rows(), window.rows());
    Decide(&verdict, kSquareMargin);
    return verdict;
  }

 private:
  FixedRule rule_;
};

}  // namespace

absl::StatusOr<Detector> MakePsi(const v1::DetectorSpec& spec) {
  const auto rule = ReadFixedRule("psi", spec.psi(), std::numeric_limits<double>::infinity(), 100);
  if (!rule.ok()) return rule.status();
  return Detector{.name = "psi", .compare = std::make_shared<PopulationStability>(*rule)};
}

}  // namespace faultline

#include <limits>

#include "detectors/contract/judgement.h"
#include "detectors/kinds.h"
#include "detectors/shift/coarse_cells.h"
#include "detectors/stats/distances.h"
#include "faultline/v1/detector.pb.h"

namespace faultline {
namespace {

class Wasserstein final : public CompareDetector {
 public:
  explicit Wasserstein(FixedRule rule) : rule_(rule) {}

  bool Judges(SignalType type) const override { return type == SignalType::kNumeric; }

  Verdict Compare(const Summary& reference, const Summary& window) const override {
    Verdict verdict;
    const bool enough = HasRows(reference.values(), window.values(), rule_, &verdict);
    if (!HasShape(reference, &verdict) || !enough) return verdict;
    const std::vector<uint64_t> before = AscendingCells(reference);
    const std::vector<uint64_t> now = AscendingCells(window);
    const Shape& shape = reference.shape();
    verdict.score = WassersteinOnBins(shape.boundaries, shape.scale, before, now);
    verdict.effect_size = MeanShift(reference, window);
    verdict.noise_floor = WassersteinNoise(shape.boundaries, shape.scale, before,
                                           reference.values(), window.values());
    Decide(&verdict);
    return verdict;
  }

 private:
  FixedRule rule_;
};

}  // namespace

absl::StatusOr<Detector> MakeWasserstein(const v1::DetectorSpec& spec) {
  const auto rule = ReadFixedRule("wasserstein", spec.wasserstein(),
                                  std::numeric_limits<double>::infinity(), 100);
  if (!rule.ok()) return rule.status();
  return Detector{.name = "wasserstein", .compare = std::make_shared<Wasserstein>(*rule)};
}

}  // namespace faultline

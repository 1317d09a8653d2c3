#include "detectors/contract/judgement.h"
#include "detectors/kinds.h"
#include "detectors/shift/coarse_cells.h"
#include "detectors/stats/distances.h"
#include "faultline/v1/detector.pb.h"

namespace faultline {
namespace {

class JensenShannon final : public CompareDetector {
 public:
  explicit JensenShannon(FixedRule rule) : rule_(rule) {}

  bool Judges(SignalType) const override { return true; }

  Verdict Compare(const Summary& reference, const Summary& window) const override {
    Verdict verdict;
    const bool enough = HasRows(reference.rows(), window.rows(), rule_, &verdict);
    if (!HasShape(reference, &verdict) || !enough) return verdict;
    const CoarseCells cells = MakeCoarseCells(reference, window);
    const uint32_t used = UsedCells(cells.reference, cells.window);
    verdict.effect_size = TotalVariation(cells.reference, cells.window);
    verdict.score = JensenShannonDistance(cells.reference, cells.window);
    verdict.noise_floor = JensenShannonNoise(used, reference.rows(), window.rows());
    Decide(&verdict);
    return verdict;
  }

 private:
  FixedRule rule_;
};

}  // namespace

absl::StatusOr<Detector> MakeJensenShannon(const v1::DetectorSpec& spec) {
  const auto rule = ReadFixedRule("jensen_shannon", spec.jensen_shannon(), 1, 100);
  if (!rule.ok()) return rule.status();
  return Detector{.name = "jensen_shannon", .compare = std::make_shared<JensenShannon>(*rule)};
}

// The same distance between two references: slow changes that no window is long enough to show.
absl::StatusOr<Detector> MakeReferenceDisagreement(const v1::DetectorSpec& spec) {
  constexpr const char* kName = "reference_disagreement";
  const auto rule = ReadFixedRule(kName, spec.reference_disagreement(), 1, 1'000);
  if (!rule.ok()) return rule.status();
  return Detector{.name = kName, .compare = std::make_shared<JensenShannon>(*rule)};
}

}  // namespace faultline

#include "detectors/contract/judgement.h"
#include "detectors/kinds.h"
#include "detectors/quality/rate.h"
#include "faultline/v1/detector.pb.h"

namespace faultline {
namespace {

class MissingRate final : public CompareDetector {
 public:
  explicit MissingRate(FixedRule rule) : rule_(rule) {}

  bool Judges(SignalType) const override { return true; }

  Verdict Compare(const Summary& reference, const Summary& window) const override {
    Verdict verdict;
    if (!HasRows(reference.rows(), window.rows(), rule_, &verdict)) return verdict;
    JudgeRate(reference.missing(), window.missing(), &verdict);
    return verdict;
  }

 private:
  FixedRule rule_;
};

}  // namespace

absl::StatusOr<Detector> MakeMissingRate(const v1::DetectorSpec& spec) {
  const auto rule = ReadFixedRule("missing_rate", spec.missing_rate(), 1, 30);
  if (!rule.ok()) return rule.status();
  return Detector{.name = "missing_rate", .compare = std::make_shared<MissingRate>(*rule)};
}

}  // namespace faultline

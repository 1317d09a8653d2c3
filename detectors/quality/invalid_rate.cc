#include "detectors/contract/judgement.h"
#include "detectors/kinds.h"
#include "detectors/quality/rate.h"
#include "faultline/v1/detector.pb.h"

namespace faultline {
namespace {

class InvalidRate final : public CompareDetector {
 public:
  explicit InvalidRate(FixedRule rule) : rule_(rule) {}

  bool Judges(SignalType type) const override { return type == SignalType::kNumeric; }

  Verdict Compare(const Summary& reference, const Summary& window) const override {
    Verdict verdict;
    if (!HasRows(reference.rows(), window.rows(), rule_, &verdict)) return verdict;
    JudgeRate(reference.invalid(), window.invalid(), &verdict);
    return verdict;
  }

 private:
  FixedRule rule_;
};

}  // namespace

absl::StatusOr<Detector> MakeInvalidRate(const v1::DetectorSpec& spec) {
  const auto rule = ReadFixedRule("invalid_rate", spec.invalid_rate(), 1, 30);
  if (!rule.ok()) return rule.status();
  return Detector{.name = "invalid_rate", .compare = std::make_shared<InvalidRate>(*rule)};
}

}  // namespace faultline

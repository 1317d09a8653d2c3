#include <string>

#include "detectors/contract/judgement.h"
#include "detectors/kinds.h"
#include "faultline/v1/detector.pb.h"

namespace faultline {
namespace {

class OutOfRange final : public CompareDetector {
 public:
  explicit OutOfRange(FixedRule rule) : rule_(rule) {}

  bool Judges(SignalType type) const override { return type == SignalType::kNumeric; }

  Verdict Compare(const Summary& reference, const Summary& window) const override {
    Verdict verdict;
    const bool enough = HasRows(reference.values(), window.values(), rule_, &verdict);
    if (!HasShape(reference, &verdict) || !enough) return verdict;
    const double rows = static_cast<double>(window.values());
    verdict.score = static_cast<double>(window.under() + window.over()) / rows;
    verdict.effect_size = verdict.score;
    // The last of n + 1 exchangeable values is the smallest or the largest with at most this
    // probability.
    verdict.noise_floor = 2 / (static_cast<double>(reference.values()) + 1);
    Decide(&verdict);
    if (verdict.score > 0) Describe(reference.shape(), window, &verdict);
    return verdict;
  }

 private:
  static void Describe(const Shape& shape, const Summary& window, Verdict* verdict) {
    std::string seen;
    if (shape.constant()) {
      seen = "left its constant reference value " + NumberInWords(shape.low);
    } else {
      seen = "outside the reference range " + NumberInWords(shape.low) + " to " +
             NumberInWords(shape.high);
    }
    seen += ": smallest " + NumberInWords(window.least()) + ", largest " +
            NumberInWords(window.largest());
    verdict->detail += verdict->detail.empty() ? seen : "; " + seen;
  }

  FixedRule rule_;
};

}  // namespace

absl::StatusOr<Detector> MakeOutOfRange(const v1::DetectorSpec& spec) {
  const auto rule = ReadFixedRule("out_of_range", spec.out_of_range(), 1, 30);
  if (!rule.ok()) return rule.status();
  return Detector{.name = "out_of_range", .compare = std::make_shared<OutOfRange>(*rule)};
}

}  // namespace faultline

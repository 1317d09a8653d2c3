#include <algorithm>
#include <string>

#include "detectors/contract/judgement.h"
#include "detectors/kinds.h"
#include "faultline/v1/detector.pb.h"

namespace faultline {
namespace {

class UnseenCategory final : public CompareDetector {
 public:
  explicit UnseenCategory(FixedRule rule) : rule_(rule) {}

  bool Judges(SignalType type) const override { return type == SignalType::kCategorical; }

  Verdict Compare(const Summary& reference, const Summary& window) const override {
    Verdict verdict;
    const bool enough = HasRows(reference.values(), window.values(), rule_, &verdict);
    if (!HasShape(reference, &verdict) || !enough) return verdict;
    const double rows = static_cast<double>(window.values());
    verdict.score = static_cast<double>(window.unseen()) / rows;
    verdict.effect_size = verdict.score;
    verdict.noise_floor = ChanceOfNew(reference);
    Decide(&verdict);
    if (verdict.score > 0) Describe(window, &verdict);
    return verdict;
  }

 private:
  static constexpr size_t kNamedMax = 3;

  // Good (1953): the probability that the next row has a new category is about the share of rows
  // whose category occurred once. Unknown if categories share the cell "other".
  static double ChanceOfNew(const Summary& reference) {
    if (reference.other() > 0) return kUnset;
    const std::span<const uint64_t> counts =
        reference.cells().first(reference.shape().categories.size());
    const auto once = std::count(counts.begin(), counts.end(), uint64_t{1});
    return static_cast<double>(once) / static_cast<double>(reference.values());
  }

  static void Describe(const Summary& window, Verdict* verdict) {
    std::string seen = "unseen:";
    const std::vector<TopK::Entry> ranked = window.unseen_top().Ranked();
    for (size_t i = 0; i < ranked.size() && i < kNamedMax; ++i) {
      seen += (i == 0 ? " " : ", ") + ranked[i].label;
    }
    if (ranked.empty()) seen += " too many to name";
    verdict->detail += verdict->detail.empty() ? seen : "; " + seen;
  }

  FixedRule rule_;
};

}  // namespace

absl::StatusOr<Detector> MakeUnseenCategory(const v1::DetectorSpec& spec) {
  const auto rule = ReadFixedRule("unseen_category", spec.unseen_category(), 1, 30);
  if (!rule.ok()) return rule.status();
  return Detector{.name = "unseen_category", .compare = std::make_shared<UnseenCategory>(*rule)};
}

}  // namespace faultline

// Four kinds that detect a lasting change of a share of rows: missing_change and invalid_change (up
// and down), range_change and unseen_change (up).
#include <memory>

#include "detectors/evidence/few_cells.h"
#include "detectors/evidence/reference_law.h"
#include "detectors/kinds.h"
#include "detectors/quality/share_change.h"
#include "faultline/v1/detector.pb.h"

namespace faultline {
namespace {

struct RateKind {
  ShareChange::Kind kind;
  bool (*judges)(SignalType type);
  Share (*share)(const FollowInput& input);
};

class RateChange final : public ShareChange {
 public:
  RateChange(const RateKind& rate, double tolerance)
      : ShareChange(rate.kind, tolerance), rate_(rate) {}

  bool Judges(SignalType type) const override { return rate_.judges(type); }

 protected:
  Share ShareOf(const FollowInput& input) const override { return rate_.share(input); }

 private:
  const RateKind& rate_;
};

bool Any(SignalType) { return true; }
bool Numeric(SignalType type) { return type == SignalType::kNumeric; }
bool Categorical(SignalType type) { return type == SignalType::kCategorical; }

double Count(uint64_t count) { return static_cast<double>(count); }

constexpr RateKind kMissing = {
    {"missing_change", 0x6d69'0001, "missing", true}, Any, [](const FollowInput& input) {
      return Share{Count(input.pane.missing()), Count(input.pane.rows()),
                   Count(input.reference.missing()), Count(input.reference.rows()),
                   input.law.missing_dispersion};
    }};

constexpr RateKind kInvalid = {
    {"invalid_change", 0x696e'0001, "not a number", true}, Numeric, [](const FollowInput& input) {
      return Share{Count(input.pane.invalid()), Count(input.pane.rows() - input.pane.missing()),
                   Count(input.reference.invalid()),
                   Count(input.reference.rows() - input.reference.missing()),
                   input.law.invalid_dispersion};
    }};

// The reference range is bounded by its own smallest and largest value: of further values, an
// expected 2 in n + 1 lie outside.
constexpr RateKind kRange = {
    {"range_change", 0x7261'0001, "out of range", false}, Numeric, [](const FollowInput& input) {
      const double outside = input.reference.shape().constant() ? 0 : 2;
      return Share{Count(input.pane.under() + input.pane.over()), Count(input.pane.values()),
                   outside, Count(input.reference.values()), input.law.cell_dispersion};
    }};

// More categories like those seen once are to be expected.
constexpr RateKind kUnseen = {{"unseen_change", 0x756e'0001, "unseen categories", false},
                              Categorical,
                              [](const FollowInput& input) {
                                return Share{Count(input.pane.unseen()), Count(input.pane.values()),
                                             SeenOnce(input.reference),
                                             Count(input.reference.values()),
                                             input.law.cell_dispersion};
                              }};

template <typename Options>
absl::StatusOr<Detector> Make(const RateKind& rate, const Options& options) {
  const auto tolerance = ReadShareTolerance(rate.kind.name, options);
  if (!tolerance.ok()) return tolerance.status();
  return Detector{.name = rate.kind.name, .follow = std::make_shared<RateChange>(rate, *tolerance)};
}

}  // namespace

absl::StatusOr<Detector> MakeMissingChange(const v1::DetectorSpec& spec) {
  return Make(kMissing, spec.missing_change());
}
absl::StatusOr<Detector> MakeInvalidChange(const v1::DetectorSpec& spec) {
  return Make(kInvalid, spec.invalid_change());
}
absl::StatusOr<Detector> MakeRangeChange(const v1::DetectorSpec& spec) {
  return Make(kRange, spec.range_change());
}
absl::StatusOr<Detector> MakeUnseenChange(const v1::DetectorSpec& spec) {
  return Make(kUnseen, spec.unseen_change());
}

}  // namespace faultline

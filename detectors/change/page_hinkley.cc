#include <algorithm>
#include <array>
#include <cmath>
#include <string>

#include "detectors/contract/judgement.h"
#include "detectors/contract/tagged_state.h"
#include "detectors/kinds.h"
#include "faultline/v1/detector.pb.h"

namespace faultline {
namespace {

constexpr double kDeltaDefault = 0.5;
// Standard errors of the reference's own mean that are tolerated on top of delta.
constexpr double kReferenceErrors = 2;
// Log-likelihood ratio at which an excursion counts as over: ln 1000.
constexpr double kEnded = 6.907755278982137;
constexpr double kShiftMin = 0.5;
constexpr double kSumMax = 1e12;

// Evidence in one direction. z below is the sub-sum's deviation from the reference in standard
// errors, with the sign of the direction.
struct Side {
  double sum = 0;            // Page's sum; since it was last 0:
  double z_sum = 0;          //   sum of z
  double runs = 0;           //   number of sub-sums
  double deviation_sum = 0;  //   deviation from the reference's mean, in its deviations, x values
  double values = 0;
  double shift = 0;  // latched: mean z beyond the tolerance that counts as going on; else 0
  double ended = 0;  // latched: evidence that the excursion is over
};

struct State {
  uint64_t values = 0;
  Side up = {};
  Side down = {};
};
static_assert(sizeof(State) == 15 * 8, "no padding: the bytes are hashed and stored");

constexpr uint64_t kTag = 0x7068'0001;

// Sums are in units of the reference: state of another one is foreign.
uint64_t TagFor(const Shape& shape) { return kTag << 32 | shape.version; }

class PageHinkley final : public FollowDetector {
 public:
  PageHinkley(double threshold, double delta) : threshold_(threshold), delta_(delta) {}

  bool Judges(SignalType type) const override { return type == SignalType::kNumeric; }

  size_t state_bytes() const override { return StateBytes(sizeof(State)); }

  void Start(std::span<std::byte> bytes) const override {
    std::fill(bytes.begin(), bytes.end(), std::byte{0});
  }

  Verdict Follow(const FollowInput& input, std::span<std::byte> bytes) const override {
    const Summary& reference = input.reference;
    const uint64_t tag = TagFor(reference.shape());
    State state;
    if (!ReadState(tag, bytes, {StatePart(state)})) state = State();
    Verdict verdict;
    verdict.threshold = threshold_;
    verdict.reference_rows = reference.values();
    const double deviation = std::sqrt(reference.moments().variance());
    if (!HasReference(reference, deviation, &verdict)) {
      WriteState(tag, {StatePart(state)}, bytes);
      return verdict;
    }
    const double mean = reference.moments().mean();
    for (const SubSum& run : input.pane.sub_sums().runs()) {
      const double count = run.count;
      const double off = (static_cast<double>(run.sum) / count / kUnit - mean) / deviation;
      const double reference_error =
          kReferenceErrors * std::sqrt(count / static_cast<double>(reference.values()));
      const double tolerance = delta_ + reference_error;
      Advance(off, count, tolerance, &state.up);
      Advance(-off, count, tolerance, &state.down);
      state.values += run.count;
    }
    WriteState(tag, {StatePart(state)}, bytes);
    Judge(state, &verdict);
    return verdict;
  }

 private:
  static bool HasReference(const Summary& reference, double deviation, Verdict* verdict) {
    if (!HasShape(reference, verdict)) return false;
    if (!HasRows(reference.values(), 0, {verdict->threshold, 0}, verdict)) return false;
    if (deviation > 0) return true;
    verdict->detail = "the reference is constant: its standard deviation is 0";
    return false;
  }

  void Advance(double off, double count, double tolerance, Side* side) const {
    const double z = off * std::sqrt(count);
    side->sum = std::min(side->sum + z - tolerance, kSumMax);
    if (side->shift > 0) {
      // Wald's test of z at the tolerance against z `shift` beyond it; until it decides, the alarm
      // stands.
      side->ended = std::max(0.0, side->ended + side->shift * (side->shift / 2 + tolerance - z));
      side->sum = std::max(side->sum, threshold_);
    }
    if (side->sum <= 0 || side->ended >= kEnded) {
      *side = Side();
      return;
    }
    side->z_sum += z;
    side->runs += 1;
    side->deviation_sum += off * count;
    side->values += count;
    if (side->shift == 0 && side->sum >= threshold_) {
      // Half the observed shift: at an alarm it is biased upwards, and an excursion that goes on
      // must not count as over.
      side->shift = std::max((side->z_sum / side->runs - tolerance) / 2, kShiftMin);
    }
  }

  void Judge(const State& state, Verdict* verdict) const {
    const bool up = state.up.sum >= state.down.sum;
    const Side& side = up ? state.up : state.down;
    verdict->rows = state.values;
    if (state.values == 0) {
      verdict->detail = "no rows yet";
      return;
    }
    verdict->score = side.sum;
    const double off = side.values > 0 ? side.deviation_sum / side.values : 0;
    verdict->effect_size = up ? off : -off;
    if (std::isnan(threshold_)) {
      verdict->detail = "no threshold is set";
    } else if (state.up.shift > 0 || state.down.shift > 0) {
      verdict->state = VerdictState::kAlarm;
      verdict->detail = "mean shifted by " + NumberInWords(verdict->effect_size) +
                        " reference standard deviations over the last " +
                        RowsInWords(static_cast<uint64_t>(side.values));
    } else {
      verdict->state = VerdictState::kQuiet;
    }
  }

  double threshold_;
  double delta_;
};

}  // namespace

absl::StatusOr<Detector> MakePageHinkley(const v1::DetectorSpec& spec) {
  const v1::PageHinkleyOptions& options = spec.page_hinkley();
  const double threshold = options.has_threshold() ? options.threshold() : kUnset;
  const double delta = options.has_delta() ? options.delta() : kDeltaDefault;
  if (options.has_threshold() && !(threshold > 0 && threshold <= kSumMax)) {
    return OptionError("page_hinkley", "threshold", "above 0, at most 1e12");
  }
  if (!(delta >= 0) || std::isinf(delta)) {
    return OptionError("page_hinkley", "delta", "0 or more");
  }
  return Detector{.name = "page_hinkley",
                  .follow = std::make_shared<PageHinkley>(threshold, delta)};
}

}  // namespace faultline

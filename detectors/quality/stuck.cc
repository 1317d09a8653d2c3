// Detects a signal that repeats one value. Blind to a stuck part of the traffic: a pane counts only
// if all of its values are equal. Bet: half of the stake on the pane repeating the previous pane's
// single value or, if that had several, on the pane having a single value. Under the null this has
// probability at most share^repeats, where share is the reference's share of values equal to the
// previous one.
#include <algorithm>
#include <cmath>

#include "detectors/contract/judgement.h"
#include "detectors/evidence/evidence_detector.h"
#include "detectors/evidence/few_cells.h"
#include "detectors/evidence/reference_law.h"
#include "detectors/kinds.h"
#include "detectors/stats/elementary.h"
#include "faultline/v1/detector.pb.h"

namespace faultline {
namespace {

constexpr double kShareMax = 0.999;
const double kLogHalf = -0.6931471805599453;

class Stuck final : public EvidenceDetector {
 public:
  Stuck() : EvidenceDetector(kLayout) {}

  bool Judges(SignalType type) const override { return type == SignalType::kNumeric; }

 protected:
  Obstacle ObstacleTo(const FollowInput& input) const override {
    if (Obstacle obstacle = ObstacleOf(input.reference); !obstacle.why.empty()) return obstacle;
    if (input.reference.shape().constant()) {
      return {"the reference is constant, so a constant signal is normal", true};
    }
    if (input.law.repeats >= kShareMax) {
      return {"reference values hardly ever change", true};
    }
    return {};
  }

  Verdict Judge(const FollowInput& input, Ledger* ledger) const override {
    const double values = static_cast<double>(input.pane.values());
    if (values > 0) {
      const bool same = input.pane.least() == input.pane.largest();
      Bet(input, same, values, ledger);
      ledger->NotePane({same ? 1.0 : 0.0, 0.5, values, 0.5});
    }
    Verdict verdict = ledger->Finish(0);
    if (verdict.state == VerdictState::kAlarm) {
      verdict.detail = "every value is " + NumberInWords(ledger->extra()[1]);
    }
    return verdict;
  }

 private:
  static void Bet(const FollowInput& input, bool same, double values, Ledger* ledger) {
    // extra: whether the previous pane had a single value, and which.
    const std::span<double> last = ledger->extra();
    const bool stood = last[0] != 0;
    const bool stands = same && (!stood || last[1] == input.pane.least());
    const double repeats = stood ? values : values - 1;
    if (same || !ledger->latched()) {
      last[0] = same ? 1 : 0;
      last[1] = input.pane.least();
    }
    const double gain = stands ? -repeats * Log(input.law.repeats) : -1e300;
    // ln(1/2 + 1/2 e^gain)
    const double log_value = kLogHalf + (gain > 30 ? gain : Log(1 + Exp(gain)));
    const double weight = 1;
    ledger->AddBatch({&weight, 1}, {&log_value, 1}, 1, input.end_s, false);
  }

  static constexpr Ledger::Layout kLayout = {.tag = 0x7374'0001, .bets = 1, .extra = 2};
};

}  // namespace

absl::StatusOr<Detector> MakeStuck(const v1::DetectorSpec&) {
  return Detector{.name = "stuck", .follow = std::make_shared<Stuck>()};
}

}  // namespace faultline

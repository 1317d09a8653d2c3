// Detects that values rank differently among the reference values, whatever their distribution:
// made for scores. Bets: the simple jumper of Vovk, Petej, Nouretdinov, Ahlberg, Carlsson,
// Gammerman: "Retrain or not retrain: conformal test martingales for change-point detection"
// (2021), on the mean conformal p-value of each cell, with the reference's sampling error in the
// cost; jumps happen between panes.
#include <array>
#include <cmath>

#include "detectors/contract/judgement.h"
#include "detectors/evidence/evidence_detector.h"
#include "detectors/evidence/reference_law.h"
#include "detectors/kinds.h"
#include "detectors/stats/elementary.h"
#include "faultline/v1/detector.pb.h"

namespace faultline {
namespace {

constexpr double kJumpDefault = 0.01;
constexpr std::array<double, 5> kDirections = {-1.9, -1, 0, 1, 1.9};
constexpr uint32_t kBets = kDirections.size();
// Standard deviation of a uniform p-value.
const double kDeviation = std::sqrt(1.0 / 12);

class ConformalChange final : public EvidenceDetector {
 public:
  explicit ConformalChange(double jump) : EvidenceDetector(kLayout), jump_(jump) {}

  bool Judges(SignalType type) const override { return type == SignalType::kNumeric; }

 protected:
  Verdict Judge(const FollowInput& input, Ledger* ledger) const override {
    const double dispersion = ledger->Dispersion(input.law.cell_dispersion);
    const double rows = static_cast<double>(input.reference.values()) / dispersion;
    const double error = kDeviation / std::sqrt(rows);
    const double values = static_cast<double>(input.pane.values());
    if (values > 0) {
      ledger->Jump(jump_);
      Bet(input, dispersion, error, ledger);
      ledger->NotePane(
          {MeanP(input) - 0.5, kDeviation, values, ReferenceLaw::kReferenceErrors * error + 0.02});
    }
    Verdict verdict = ledger->Finish(error);
    if (verdict.state == VerdictState::kAlarm) {
      verdict.detail = "mean percentile among reference values: " +
                       NumberInWords(100 * (0.5 + verdict.effect_size));
    }
    return verdict;
  }

 private:
  static constexpr Ledger::Layout kLayout = {.tag = 0x6366'0001, .bets = kBets};

  // Calls visit(count of the pane, mean p-value) for each cell.
  template <typename Visit>
  static void ForEachCell(const FollowInput& input, const Visit& visit) {
    const uint32_t bins = input.reference.shape().bins();
    const double total = static_cast<double>(input.reference.values()) + 1;
    visit(input.pane.under(), 0.5 / total);
    double below = 0.5;
    for (uint32_t i = 0; i < bins; ++i) {
      const double count = static_cast<double>(input.reference.cells()[i]);
      visit(input.pane.cells()[i], (below + count / 2) / total);
      below += count;
    }
    visit(input.pane.over(), 1 - 0.5 / total);
  }

  static double MeanP(const FollowInput& input) {
    double sum = 0;
    ForEachCell(input, [&](uint64_t count, double p) { sum += static_cast<double>(count) * p; });
    return sum / static_cast<double>(input.pane.values());
  }

  static void Bet(const FollowInput& input, double dispersion, double error, Ledger* ledger) {
    std::array<double, kBets> weights;
    std::array<double, kBets> log_values;
    for (uint32_t k = 0; k < kBets; ++k) {
      const double direction = kDirections[k];
      weights[k] = 1.0 / kBets;
      const double cost = Log(1 + ReferenceLaw::kReferenceErrors * std::fabs(direction) * error);
      double sum = -static_cast<double>(input.pane.values()) * cost;
      ForEachCell(input, [&](uint64_t count, double p) {
        if (count > 0) sum += static_cast<double>(count) * Log(1 + direction * (p - 0.5));
      });
      log_values[k] = sum / dispersion;
    }
    ledger->AddBatch(weights, log_values, 1, input.end_s, false);
  }

  double jump_;
};

}  // namespace

absl::StatusOr<Detector> MakeConformalChange(const v1::DetectorSpec& spec) {
  const v1::ConformalChangeOptions& options = spec.conformal_change();
  const double jump = options.has_jump() ? options.jump() : kJumpDefault;
  if (!(jump > 0 && jump <= 0.5)) {
    return OptionError("conformal_change", "jump", "above 0, at most 0.5");
  }
  return Detector{.name = "conformal_change", .follow = std::make_shared<ConformalChange>(jump)};
}

}  // namespace faultline

// Detects reference-like values in another unit, and names it: times 10, 100, 1000 and their
// inverses, Celsius, Fahrenheit and Kelvin, the sign, an offset of more than two standard
// deviations (a smaller one is a shift like others). Blind to units that leave most values in their
// cells, and to a mixture of both units. Bets: the likelihood ratio of the converted reference
// against the reference, and nothing unless the pane's least, largest and mean value fit that unit,
// so that no other large shift counts as a change of unit.
#include <absl/strings/str_cat.h>

#include <algorithm>
#include <array>
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

struct Unit {
  double factor;
  double offset;
  const char* name;
};

constexpr std::array<Unit, 12> kUnits = {{{10, 0, "times 10"},
                                          {0.1, 0, "divided by 10"},
                                          {100, 0, "times 100"},
                                          {0.01, 0, "divided by 100"},
                                          {1000, 0, "times 1000"},
                                          {0.001, 0, "divided by 1000"},
                                          {1.8, 32, "in Fahrenheit instead of Celsius"},
                                          {1 / 1.8, -32 / 1.8, "in Celsius instead of Fahrenheit"},
                                          {1, 273.15, "in Kelvin instead of Celsius"},
                                          {1, -273.15, "in Celsius instead of Kelvin"},
                                          {-1, 0, "with the opposite sign"},
                                          {1, 0, "offset"}}};
constexpr uint32_t kBets = kUnits.size();
constexpr uint32_t kOffset = kBets - 1;
// With fewer distinct cells a unit cannot be recognised.
constexpr uint32_t kCellsMin = 6;
// Share of rows that must have left their cells before units are tried.
constexpr double kMovedMin = 0.25;
// How far beyond the converted reference range values may lie, and how much of it they must cover,
// as shares of that range.
constexpr double kSlack = 0.3;
constexpr double kFilledMin = 0.2;
constexpr uint64_t kValuesMin = 5;
// How far the pane's mean may lie from the converted reference mean: in converted standard
// deviations, plus in standard errors.
constexpr double kMeanSlack = 0.3;
constexpr double kMeanErrors = 3;
constexpr double kOffsetMin = 2;
// Share of rows with arbitrary values.
constexpr double kStray = 0.02;

// Share of the reference's values below x, interpolated evenly within a bin.
double ShareBelow(const Summary& reference, double x) {
  const Shape& shape = reference.shape();
  if (x <= shape.low) return 0;
  if (x >= shape.high) return 1;
  const auto above = std::upper_bound(shape.boundaries.begin(), shape.boundaries.end(), x);
  const auto bin = static_cast<size_t>(above - shape.boundaries.begin()) - 1;
  double below = 0;
  for (size_t i = 0; i < bin; ++i) below += static_cast<double>(reference.cells()[i]);
  const double width = shape.boundaries[bin + 1] - shape.boundaries[bin];
  below += static_cast<double>(reference.cells()[bin]) * (x - shape.boundaries[bin]) / width;
  return below / static_cast<double>(reference.values());
}

class UnitChange final : public EvidenceDetector {
 public:
  UnitChange() : EvidenceDetector(kLayout) {}

  bool Judges(SignalType type) const override { return type == SignalType::kNumeric; }

 protected:
  Verdict Judge(const FollowInput& input, Ledger* ledger) const override {
    const FewCells few(input.reference);
    if (few.size() < kCellsMin) {
      return ledger->Inapplicable("the reference has too few distinct values to recognise a unit");
    }
    const double dispersion = ledger->Dispersion(input.law.cell_dispersion);
    const FewCells::Counts counts = few.Join(input.pane);
    const FewCells::Counts before = few.Join(input.reference);
    const double moved = Moved(few, counts, before);
    const double values = static_cast<double>(input.pane.values());
    if (values > 0) {
      if (!ledger->latched()) Bet(input, few, counts, before, moved, dispersion, ledger);
      ledger->NotePane({moved, 0.5, values, kMovedMin});
      ledger->extra()[0] = input.pane.mean() - input.reference.mean();
    }
    Verdict verdict = ledger->Finish(0);
    if (verdict.state == VerdictState::kAlarm) Describe(ledger->extra(), &verdict);
    return verdict;
  }

 private:
  // extra: distance of the newest pane's mean from the reference's; the unit of the alarm, and its
  // offset.
  static constexpr Ledger::Layout kLayout = {
      .tag = 0x756e'6974, .bets = kBets, .extra = 3, .lag = 4};

  static double Moved(const FewCells& few, const FewCells::Counts& counts,
                      const FewCells::Counts& before) {
    double total = 0;
    double reference = 0;
    for (uint32_t i = 0; i < few.size(); ++i) {
      total += static_cast<double>(counts[i]);
      reference += static_cast<double>(before[i]);
    }
    if (!(total > 0)) return 0;
    double sum = 0;
    for (uint32_t i = 0; i < few.size(); ++i) {
      sum += std::fabs(static_cast<double>(counts[i]) / total -
                       static_cast<double>(before[i]) / reference);
    }
    return sum / 2;
  }

  static void Bet(const FollowInput& input, const FewCells& few, const FewCells::Counts& counts,
                  const FewCells::Counts& before, double moved, double dispersion, Ledger* ledger) {
    std::array<double, kBets> weights;
    std::array<double, kBets> log_values;
    weights.fill(1.0 / kBets);
    log_values.fill(-std::numeric_limits<double>::infinity());
    uint32_t best = kOffset;
    for (uint32_t k = 0; k < kBets && moved >= kMovedMin; ++k) {
      Unit unit = kUnits[k];
      if (k == kOffset) unit.offset = ledger->extra()[0];
      if (!Fits(input, unit, k == kOffset)) continue;
      log_values[k] = LogRatio(input.reference, few, counts, before, unit) / dispersion;
      if (!std::isfinite(log_values[best]) || log_values[k] > log_values[best]) best = k;
    }
    ledger->AddBatch(weights, log_values, 1, input.end_s, false);
    if (!ledger->latched()) return;
    ledger->extra()[1] = best;
    ledger->extra()[2] = input.pane.mean() - input.reference.mean();
  }

  static bool Fits(const FollowInput& input, const Unit& unit, bool any_offset) {
    const Shape& shape = input.reference.shape();
    double low = unit.factor * shape.low + unit.offset;
    double high = unit.factor * shape.high + unit.offset;
    if (low > high) std::swap(low, high);
    const double range = high - low;
    const double least = input.pane.least();
    const double largest = input.pane.largest();
    const double deviation = std::sqrt(input.reference.variance());
    if (any_offset && std::fabs(unit.offset) < kOffsetMin * deviation) return false;
    return MeanFits(input, unit, deviation) && input.pane.values() >= kValuesMin &&
           least >= low - kSlack * range && largest <= high + kSlack * range &&
           largest - least >= kFilledMin * range;
  }

  // True if the mean cannot be compared, because moments are of clipped values.
  static bool MeanFits(const FollowInput& input, const Unit& unit, double deviation) {
    const Shape& shape = input.reference.shape();
    const double expected = unit.factor * input.reference.mean() + unit.offset;
    const double spread = std::fabs(unit.factor) * deviation;
    if (std::fabs(expected - shape.center) + kMeanErrors * spread > kClip * shape.scale) {
      return true;
    }
    const double error = spread / std::sqrt(static_cast<double>(input.pane.values()));
    return std::fabs(input.pane.mean() - expected) <= kMeanSlack * spread + kMeanErrors * error;
  }

  static double LogRatio(const Summary& reference, const FewCells& few,
                         const FewCells::Counts& counts, const FewCells::Counts& before,
                         const Unit& unit) {
    const double rows = static_cast<double>(reference.values());
    const double smoothed = rows + 0.5 * few.size();
    double chi = 0;
    double sum = 0;
    double total = 0;
    for (uint32_t i = 0; i < few.size(); ++i) {
      const double p = (static_cast<double>(before[i]) + 0.5) / smoothed;
      const double q = (1 - kStray) * MassIn(reference, few, i, unit) + kStray * p;
      chi += (q - p) * (q - p) / p;
      sum += static_cast<double>(counts[i]) * Log(q / p);
      total += static_cast<double>(counts[i]);
    }
    const double error = ReferenceLaw::kReferenceErrors * std::sqrt(chi / rows);
    return sum - total * Log(1 + error);
  }

  // Share of the converted reference values in a cell.
  static double MassIn(const Summary& reference, const FewCells& few, uint32_t cell,
                       const Unit& unit) {
    const Shape& shape = reference.shape();
    double from = -std::numeric_limits<double>::infinity();
    double to = std::numeric_limits<double>::infinity();
    if (cell + 2 < few.size()) {
      from = shape.boundaries[few.begin(cell)];
      to = shape.boundaries[few.end(cell)];
    } else if (cell + 2 == few.size()) {
      to = shape.low;
    } else {
      from = shape.high;
    }
    double a = (from - unit.offset) / unit.factor;
    double b = (to - unit.offset) / unit.factor;
    if (a > b) std::swap(a, b);
    return std::max(0.0, ShareBelow(reference, b) - ShareBelow(reference, a));
  }

  static void Describe(std::span<const double> extra, Verdict* verdict) {
    // Out of range if another kind wrote it.
    if (!(extra[1] >= 0 && extra[1] <= kOffset)) return;
    const auto best = static_cast<uint32_t>(extra[1]);
    verdict->detail = absl::StrCat("values look like reference values ", kUnits[best].name);
    if (best == kOffset) absl::StrAppend(&verdict->detail, " by ", NumberInWords(extra[2]));
  }
};

}  // namespace

absl::StatusOr<Detector> MakeUnitChange(const v1::DetectorSpec&) {
  return Detector{.name = "unit_change", .follow = std::make_shared<UnitChange>()};
}

}  // namespace faultline

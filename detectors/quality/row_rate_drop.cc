// Detects that rows arrive at a lower rate than usual, or not at all. Blind to a decline so slow
// that the usual rate follows it, and to a rise. The usual rate is learnt from the panes: the lower
// of a short and a long mean, relative to the hour of the week or day once every such hour has
// occurred twice. Bets: likelihood ratios of a Poisson count, in effective rows; the evidence of a
// single pane is bounded by the number of panes seen, none of which was as low.
#include <absl/strings/str_format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "detectors/contract/judgement.h"
#include "detectors/evidence/evidence_detector.h"
#include "detectors/kinds.h"
#include "detectors/quality/week_of_rates.h"
#include "detectors/stats/elementary.h"
#include "faultline/v1/detector.pb.h"

namespace faultline {
namespace {

constexpr char kName[] = "row_rate_drop";
constexpr std::string_view kSignal = "row_rate";
// Rate under each bet, as a share of the lowest rate that the null allows.
constexpr std::array<double, 5> kLeft = {0.85, 0.6, 0.3, 0.1, 0.01};
constexpr uint32_t kBets = kLeft.size();
constexpr double kToleranceDefault = 0.25;
constexpr double kPanesMin = 20;
constexpr double kRowsMin = 20;
// Panes over which the two means average.
constexpr double kShortMemory = 64;
constexpr double kLongMemory = 512;
// With evidence of a drop, the usual rate adapts more slowly by this factor.
constexpr double kSuspicion = 2;  // log10
constexpr double kSlower = 8;
// Cap on a pane's rate, relative to the usual one: the end of a peak is not a drop.
constexpr double kRiseMax = 2;
constexpr double kErrors = 2;
// Largest relative error of the usual rate.
constexpr double kDoubtMax = 0.5;
// Longer gaps between panes, relative to a pane, count as not watched.
constexpr double kGapMax = 60;
// With fewer expected rows a pane is no evidence.
constexpr double kExpectedMin = 0.1;

// The state beside the ledger's.
struct Learnt {
  double end_s = 0;     // of the newest pane
  double silent_s = 0;  // event time since which no row came
  double panes = 0;
  double rows = 0;
  double short_rate = 0;  // rows a second, over the season's
  double long_rate = 0;   // likewise
  double season = 0;      // hours, to which the rates are relative
  WeekOfRates week;

  double rate() const { return std::min(short_rate, long_rate); }
};
constexpr double kCountMax = 1e15;  // whole numbers are exact far beyond
constexpr uint32_t kNumbers = 7 + WeekOfRates::kNumbers;

// Nothing learnt if Write did not write the numbers.
Learnt Read(std::span<const double> numbers) {
  Learnt learnt = {numbers[0], numbers[1], numbers[2], numbers[3],
                   numbers[4], numbers[5], numbers[6], {}};
  const bool week = learnt.week.Read(numbers.subspan<7, WeekOfRates::kNumbers>());
  const bool season = learnt.season == 0 || learnt.season == 24 || learnt.season == 168;
  const bool counts = learnt.rows >= 0 && learnt.rows <= kCountMax && learnt.panes >= 0 &&
                      learnt.panes <= kCountMax;
  return week && season && counts ? learnt : Learnt();
}

void Write(const Learnt& learnt, std::span<double> numbers) {
  const double own[] = {learnt.end_s,      learnt.silent_s,  learnt.panes, learnt.rows,
                        learnt.short_rate, learnt.long_rate, learnt.season};
  std::copy(std::begin(own), std::end(own), numbers.begin());
  learnt.week.Write(numbers.subspan<7, WeekOfRates::kNumbers>());
}

// What one pane adds.
struct Look {
  double rows = 0;
  double seconds = 0;   // watched
  double season = 1;    // seasonal rows a second, or 1
  double expected = 0;  // rows
};

class RowRateDrop final : public EvidenceDetector {
 public:
  explicit RowRateDrop(double tolerance) : EvidenceDetector(kLayout), tolerance_(tolerance) {}

  bool Judges(SignalType type) const override { return type == SignalType::kNumeric; }

 protected:
  // Its reference is what it learns itself.
  Obstacle ObstacleTo(const FollowInput& /*input*/) const override { return {}; }

  Verdict Judge(const FollowInput& input, Ledger* ledger) const override {
    Learnt learnt = Read(ledger->extra());
    std::string missing;
    double error = 0;
    if (input.end_s > learnt.end_s) {
      const Look look = LookAt(input, &learnt);
      const double dispersion = ledger->Dispersion(1);
      missing = Missing(learnt, look, dispersion, &error);
      if (missing.empty() && look.expected >= kExpectedMin) {
        Bet(learnt, look, dispersion, error, input, ledger);
      }
      if (learnt.panes > 0 && look.expected >= kExpectedMin) {
        ledger->NotePane(
            {look.rows / look.expected - 1, 1, look.expected, tolerance_ + kErrors * error});
      }
      Learn(look, input, ledger->latched(), ledger->score(), &learnt);
    }
    Write(learnt, ledger->extra());
    if (!missing.empty()) return ledger->CannotTell(std::move(missing));
    Verdict verdict = ledger->Finish(error);
    verdict.reference_rows = static_cast<uint64_t>(learnt.rows);
    verdict.season = static_cast<Season>(static_cast<uint8_t>(learnt.season));
    if (verdict.state == VerdictState::kAlarm) {
      verdict.detail = Describe(learnt, input, verdict.effect_size);
    }
    return verdict;
  }

 private:
  static constexpr Ledger::Layout kLayout = {.tag = 0x7272'0001, .bets = kBets, .extra = kNumbers};

  static Look LookAt(const FollowInput& input, Learnt* learnt) {
    Look look = {.rows = static_cast<double>(input.pane.rows()),
                 .seconds = input.end_s - input.begin_s};
    const double since = input.end_s - learnt->end_s;
    if (learnt->end_s > 0 && since <= kGapMax * look.seconds) look.seconds = since;
    const double middle = input.end_s - look.seconds / 2;
    const double season = learnt->week.season();
    // Rescale the rates to the new season, so that the expectation for this hour stays.
    if (season != learnt->season) {
      const double factor = learnt->week.RateAt(learnt->season, middle) /
                            std::max(learnt->week.RateAt(season, middle), 1e-12);
      learnt->short_rate *= factor;
      learnt->long_rate *= factor;
      learnt->season = season;
    }
    look.season = learnt->week.RateAt(season, middle);
    look.expected = learnt->rate() * look.season * look.seconds;
    return look;
  }

  static std::string Missing(const Learnt& learnt, const Look& look, double dispersion,
                             double* error) {
    if (learnt.panes < kPanesMin) {
      return absl::StrFormat("%.0f more reference panes to learn the usual rate",
                             kPanesMin - learnt.panes);
    }
    if (learnt.rows < kRowsMin) {
      return absl::StrFormat("%.0f more reference rows to learn the usual rate",
                             kRowsMin - learnt.rows);
    }
    const double remembered = std::min(learnt.panes, kShortMemory) * look.expected;
    *error = remembered > 0 ? std::sqrt(dispersion / remembered) : 1;
    if (kErrors * *error > kDoubtMax && look.expected >= kExpectedMin) {
      return "more rows per pane: the usual rate is known to no better than 50 %";
    }
    return "";
  }

  void Bet(const Learnt& learnt, const Look& look, double dispersion, double error,
           const FollowInput& input, Ledger* ledger) const {
    std::array<double, kBets> weights;
    std::array<double, kBets> log_values;
    const double least = look.expected * (1 - tolerance_) * (1 - kErrors * error);
    const double most = Log(learnt.panes + 1);
    for (uint32_t k = 0; k < kBets; ++k) {
      weights[k] = 1.0 / kBets;
      const double ratio = look.rows * Log(kLeft[k]) + least * (1 - kLeft[k]);
      log_values[k] = std::min(ratio / dispersion, most);
    }
    ledger->AddBatch(weights, log_values, 1, input.end_s, true);
  }

  static void Learn(const Look& look, const FollowInput& input, bool alarm, double score,
                    Learnt* learnt) {
    learnt->end_s = input.end_s;
    if (look.rows > 0 || learnt->silent_s == 0) learnt->silent_s = input.end_s;
    learnt->week.Add(look.rows, look.seconds, input.end_s - look.seconds / 2);
    if (alarm || !(look.season * look.seconds > 0)) return;
    double rate = look.rows / (look.season * look.seconds);
    if (learnt->panes >= kPanesMin) rate = std::min(rate, kRiseMax * learnt->rate());
    const double slower = score > kSuspicion ? kSlower : 1;
    const auto move = [&](double memory, double* to) {
      *to += (rate - *to) / (std::min(learnt->panes + 1, memory) * slower);
    };
    move(kShortMemory, &learnt->short_rate);
    move(kLongMemory, &learnt->long_rate);
    learnt->panes += 1;
    learnt->rows += look.rows;
  }

  static std::string Describe(const Learnt& learnt, const FollowInput& input, double effect) {
    const double usual = learnt.rate() * learnt.week.RateAt(learnt.season, input.end_s);
    if (input.pane.rows() == 0 && input.end_s > learnt.silent_s) {
      return absl::StrFormat("no rows for %.0f seconds; usual rate: %s rows a second",
                             input.end_s - learnt.silent_s, NumberInWords(usual));
    }
    return absl::StrFormat("row rate is %.3g %% of the usual %s rows a second",
                           100 * std::max(0.0, 1 + effect), NumberInWords(usual));
  }

  double tolerance_;
};

// The rows of the model as such.
class RowRate final : public Transform {
 public:
  RowRate() : Transform({.name = kName, .derivation = Derivation::kRows, .owned = true}) {}

  bool Takes(const ColumnOffer& /*column*/) const override { return false; }
  bool Makes(std::string_view signal) const override { return signal == kSignal; }
  absl::Status Fit(std::span<const RowColumn> /*columns*/, uint32_t /*rows*/,
                   std::vector<MadeSignal>* made) const override {
    made->push_back({.name = std::string(kSignal)});
    return absl::OkStatus();
  }
  void Derive(std::string_view /*fitted*/, std::span<const RowColumn> /*columns*/, RowRange range,
              std::span<std::byte> /*memory*/, std::span<double> values) const override {
    std::fill(values.begin() + range.begin, values.begin() + range.end, kUnset);
  }
};

}  // namespace

absl::StatusOr<Detector> MakeRowRateDrop(const v1::DetectorSpec& spec) {
  const v1::RowRateDropOptions& options = spec.row_rate_drop();
  const double tolerance = options.has_tolerance() ? options.tolerance() : kToleranceDefault;
  if (!(tolerance >= 0 && tolerance <= 0.9)) return OptionError(kName, "tolerance", "0 to 0.9");
  return Detector{.name = kName,
                  .follow = std::make_shared<RowRateDrop>(tolerance),
                  .transform = std::make_shared<RowRate>()};
}

}  // namespace faultline

// Detects any lasting change of the distribution over the few cells of the reference, also with
// heavy tails, ties and categories, including new and vanished categories. Blind within a cell.
// Bets: tilts of the normal scores of ranks (numbers), and the distribution of the earlier panes
// against the reference's. The null includes the reference's sampling error: each bet is an e-value
// for every distribution within a ball around the reference's (Cauchy and Schwarz).
#include <algorithm>
#include <array>
#include <cmath>

#include "detectors/contract/judgement.h"
#include "detectors/evidence/evidence_detector.h"
#include "detectors/evidence/few_cells.h"
#include "detectors/evidence/reference_law.h"
#include "detectors/evidence/sums.h"
#include "detectors/kinds.h"
#include "detectors/stats/elementary.h"
#include "faultline/v1/detector.pb.h"

namespace faultline {
namespace {

constexpr uint32_t kCells = FewCells::kMax;
// Panes over which the next distribution is learnt, and reference rows mixed into it.
constexpr std::array<double, 2> kMemories = {4, 32};
constexpr double kShrink = 50;
constexpr uint32_t kLearnt = 2 * kMemories.size();
constexpr std::array<double, 3> kLocation = {0.15, 0.4, 1};
constexpr std::array<double, 2> kSpread = {0.15, 0.5};
constexpr uint32_t kBets = kLearnt + 2 * (kLocation.size() + kSpread.size());
// Normal quantile of a one-sided probability of 1 in 1000.
constexpr double kRare = 3.09;

using Shares = std::array<double, kCells>;

struct Cells {
  uint32_t size = 0;
  bool numeric = false;
  Shares reference{};  // smoothed: all above 0
  FewCells::Counts counts{};
  double rows = 0;
};

// Normal scores of the mid-ranks of the cells, under and over included: mean about 0 and variance
// about 1 under the reference. Uses the quantile of Tukey's lambda distribution with 0.1349, which
// is within 0.01 of the normal quantile where it matters.
Shares Scores(const Cells& cells) {
  Shares scores{};
  const uint32_t bins = cells.size - 2;
  const auto score = [](double rank) {
    constexpr double kLambda = 0.1349;
    return (Exp(kLambda * Log(rank)) - Exp(kLambda * Log(1 - rank))) / 0.1975;
  };
  double below = cells.reference[bins];
  scores[bins] = score(below / 2);
  for (uint32_t i = 0; i < bins; ++i) {
    scores[i] = score(below + cells.reference[i] / 2);
    below += cells.reference[i];
  }
  scores[bins + 1] = score(1 - cells.reference[bins + 1] / 2);
  return scores;
}

double ChiDistance(const Cells& cells, const Shares& to) {
  double sum = 0;
  for (uint32_t i = 0; i < cells.size; ++i) {
    const double off = to[i] - cells.reference[i];
    sum += off * off / cells.reference[i];
  }
  return std::sqrt(sum);
}

class DistributionChange final : public EvidenceDetector {
 public:
  explicit DistributionChange(double tolerance)
      : EvidenceDetector(kLayout), tolerance_(tolerance) {}

  bool Judges(SignalType) const override { return true; }

 protected:
  Verdict Judge(const FollowInput& input, Ledger* ledger) const override {
    const Cells cells = CellsOf(input);
    const double dispersion = ledger->Dispersion(input.law.cell_dispersion);
    const double rows = static_cast<double>(input.reference.values()) / dispersion;
    const double freedom = cells.size - 1;
    const double ball =
        tolerance_ + std::sqrt((freedom + kRare * std::sqrt(2 * freedom) + kRare) / rows);
    if (cells.rows > 0) {
      const Shares learnt = Learnt(cells, 0, ledger->extra());
      Bet(input, cells, ball, dispersion, rows, ledger);
      ledger->NotePane({Distance(cells, learnt), 1, cells.rows, 2 * ball});
      Remember(cells, ledger->extra());
    }
    Verdict verdict = ledger->Finish(ball / kRare);
    if (verdict.state == VerdictState::kAlarm) Describe(input, cells, &verdict);
    return verdict;
  }

 private:
  static constexpr Ledger::Layout kLayout = {
      .tag = 0x6463'0001, .bets = kBets, .extra = kMemories.size() * kCells, .lag = 4};

  static Cells CellsOf(const FollowInput& input) {
    const FewCells few(input.reference);
    Cells cells;
    cells.size = few.size();
    cells.numeric = input.reference.shape().type == SignalType::kNumeric;
    cells.counts = few.Join(input.pane);
    const FewCells::Counts before = few.Join(input.reference);
    const double smoothed = static_cast<double>(input.reference.values()) + 0.5 * cells.size;
    for (uint32_t i = 0; i < cells.size; ++i) {
      cells.reference[i] = (static_cast<double>(before[i]) + 0.5) / smoothed;
      cells.rows += static_cast<double>(cells.counts[i]);
    }
    return cells;
  }

  // The distribution learnt from the earlier panes.
  static Shares Learnt(const Cells& cells, size_t memory, std::span<const double> remembered) {
    const std::span<const double> counts = remembered.subspan(memory * kCells, cells.size);
    double total = kShrink;
    for (const double count : counts) total += count;
    Shares shares{};
    for (uint32_t i = 0; i < cells.size; ++i) {
      shares[i] = (counts[i] + kShrink * cells.reference[i]) / total;
    }
    return shares;
  }

  static void Remember(const Cells& cells, std::span<double> remembered) {
    for (size_t memory = 0; memory < kMemories.size(); ++memory) {
      for (uint32_t i = 0; i < cells.size; ++i) {
        double& count = remembered[memory * kCells + i];
        count += static_cast<double>(cells.counts[i]) - count / kMemories[memory];
      }
    }
  }

  void Bet(const FollowInput& input, const Cells& cells, double ball, double dispersion,
           double reference_rows, Ledger* ledger) const {
    std::array<double, kBets> weights{};
    std::array<double, kBets> log_values{};
    uint32_t k = 0;
    const double part = cells.numeric ? 0.5 : 1;
    for (size_t memory = 0; memory < kMemories.size(); ++memory) {
      const Shares learnt = Learnt(cells, memory, ledger->extra());
      for (const double trust : {1.0, 0.5}) {
        Shares to{};
        for (uint32_t i = 0; i < cells.size; ++i) {
          to[i] = trust * learnt[i] + (1 - trust) * cells.reference[i];
        }
        weights[k] = part / kLearnt;
        log_values[k++] = LogValue(cells, to, Log(1 + ball * ChiDistance(cells, to)), dispersion);
      }
    }
    if (cells.numeric) {
      const Shares scores = Scores(cells);
      const double error = ReferenceLaw::kReferenceErrors / std::sqrt(reference_rows);
      const auto tilt = [&](double rate, bool spread) {
        weights[k] = part / (kBets - kLearnt);
        log_values[k++] = Tilted(cells, scores, rate, spread, error, dispersion);
      };
      for (const double rate : kLocation) tilt(rate, false), tilt(-rate, false);
      for (const double rate : kSpread) tilt(rate, true), tilt(-rate, true);
    }
    ledger->AddBatch(weights, log_values, 1, input.end_s, false);
  }

  double Tilted(const Cells& cells, const Shares& scores, double rate, bool spread, double error,
                double dispersion) const {
    Shares factor{};
    double mean = 0;
    double square = 0;
    for (uint32_t i = 0; i < cells.size; ++i) {
      factor[i] = Exp(rate * (spread ? scores[i] * scores[i] - 1 : scores[i]));
      mean += cells.reference[i] * factor[i];
      square += cells.reference[i] * factor[i] * factor[i];
    }
    const double deviation = std::sqrt(std::max(0.0, square / (mean * mean) - 1));
    const double cost = Log(1 + (error + tolerance_) * deviation);
    Shares to{};
    for (uint32_t i = 0; i < cells.size; ++i) to[i] = cells.reference[i] * factor[i] / mean;
    return LogValue(cells, to, cost, dispersion);
  }

  static double LogValue(const Cells& cells, const Shares& to, double cost, double dispersion) {
    double sum = -cells.rows * cost;
    for (uint32_t i = 0; i < cells.size; ++i) {
      if (cells.counts[i] == 0) continue;
      sum += static_cast<double>(cells.counts[i]) * Log(to[i] / cells.reference[i]);
    }
    return sum / dispersion;
  }

  // The pane's deviation in the direction of the earlier panes, in chi distance: additive, with
  // mean 0 if nothing has changed.
  static double Distance(const Cells& cells, const Shares& learnt) {
    const double length = ChiDistance(cells, learnt);
    if (!(length > 1e-6)) return 0;
    double sum = 0;
    for (uint32_t i = 0; i < cells.size; ++i) {
      const double score = (learnt[i] / cells.reference[i] - 1) / length;
      sum += static_cast<double>(cells.counts[i]) * score;
    }
    return sum / cells.rows;
  }

  static void Describe(const FollowInput& input, const Cells& cells, Verdict* verdict) {
    uint32_t most = 0;
    double largest = -1;
    for (uint32_t i = 0; i < cells.size && cells.rows > 0; ++i) {
      const double off =
          std::fabs(static_cast<double>(cells.counts[i]) / cells.rows - cells.reference[i]);
      if (off > largest) largest = off, most = i;
    }
    const Shape& shape = input.reference.shape();
    std::string name = most + 2 == cells.size
                           ? (cells.numeric ? "below the reference range" : "rare categories")
                           : "";
    if (most + 1 == cells.size)
      name = cells.numeric ? "above the reference range" : "new categories";
    if (name.empty()) {
      name = cells.numeric ? "between two reference deciles" : "\"" + shape.categories[most] + "\"";
    }
    const double now = cells.rows > 0 ? static_cast<double>(cells.counts[most]) / cells.rows : 0;
    verdict->detail = "distribution changed, most of all " + name + ": " +
                      NumberInWords(100 * now) + " % of the last pane, " +
                      NumberInWords(100 * cells.reference[most]) + " % of the reference";
  }

  double tolerance_;
};

}  // namespace

absl::StatusOr<Detector> MakeDistributionChange(const v1::DetectorSpec& spec) {
  const auto tolerance = ReadTolerance("distribution_change", spec.distribution_change());
  if (!tolerance.ok()) return tolerance.status();
  return Detector{.name = "distribution_change",
                  .follow = std::make_shared<DistributionChange>(*tolerance)};
}

}  // namespace faultline

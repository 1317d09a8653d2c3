#include "detectors/quality/share_change.h"

#include <absl/strings/str_format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <string>
#include <utility>

#include "detectors/evidence/confidence.h"
#include "detectors/evidence/reference_law.h"
#include "detectors/stats/elementary.h"
#include "detectors/summary/binning.h"

namespace faultline {
namespace {

// Normal quantile of a one-sided probability of 1 in 1000.
constexpr double kRare = 3.09;
// Logarithms of the factors on the odds.
constexpr std::array<double, 5> kUp = {0.3, 0.7, 1.5, 3, 6};
constexpr std::array<double, 4> kDown = {0.3, 0.7, 1.5, 3};
constexpr uint32_t kBets = kUp.size() + kDown.size();
constexpr double kShareMin = 1e-9;

double Logit(double share) { return Log(share / (1 - share)); }
double FromLogit(double odds) { return 1 / (1 + Exp(-odds)); }

double LogRatio(double count, double others, double from, double to) {
  return count * Log(to / from) + others * Log((1 - to) / (1 - from));
}

}  // namespace

// The interval of shares that the reference allows.
struct ShareChange::Open {
  double low;
  double high;
};

ShareChange::ShareChange(const Kind& kind, double tolerance)
    : EvidenceDetector({.tag = kind.tag, .bets = kBets}), kind_(kind), tolerance_(tolerance) {}

ShareChange::Open ShareChange::OpenFor(const Share& share) const {
  const double n = share.reference_rows / share.dispersion;
  const double count = share.reference_count / share.dispersion;
  // By the rarer of the two outcomes, because Poisson limits are accurate for rare ones.
  Open open{};
  if (2 * count <= n) {
    open = {PoissonLower(count, kRare) / n, PoissonUpper(count, kRare) / n};
  } else {
    open = {1 - PoissonUpper(n - count, kRare) / n, 1 - PoissonLower(n - count, kRare) / n};
  }
  open.low = std::clamp(open.low - tolerance_, 0.0, 1 - 2 * kShareMin);
  open.high = std::clamp(open.high + tolerance_, 2 * kShareMin, 1 - kShareMin);
  return open;
}

Verdict ShareChange::Judge(const FollowInput& input, Ledger* ledger) const {
  Share share = ShareOf(input);
  std::string missing = MissingRows(static_cast<uint64_t>(share.reference_rows), 0, 0);
  if (!missing.empty()) return ledger->CannotTell(std::move(missing));
  if (std::string why = WhyInapplicable(input); !why.empty()) {
    return ledger->Inapplicable(std::move(why));
  }
  share.dispersion = ledger->Dispersion(share.dispersion);
  const Open open = OpenFor(share);
  Bet(share, open, input, ledger);
  const double before = share.reference_count / share.reference_rows;
  const double smooth = (share.reference_count + 0.5) / (share.reference_rows + 1);
  const double deviation = std::sqrt(smooth * (1 - smooth));
  if (share.rows > 0) {
    const double now = share.count / share.rows;
    const double worst = std::max(smooth * (1 - smooth), now * (1 - now));
    ledger->NotePane({now - before, std::sqrt(worst), share.rows, open.high - before});
  }
  Verdict verdict = ledger->Finish(deviation * std::sqrt(share.dispersion / share.reference_rows));
  if (verdict.state == VerdictState::kAlarm) {
    verdict.detail =
        absl::StrFormat("%s: about %.3g %% of rows, %.3g %% in the reference", kind_.what,
                        100 * (before + verdict.effect_size), 100 * before);
  }
  return verdict;
}

void ShareChange::Bet(const Share& share, const Open& open, const FollowInput& input,
                      Ledger* ledger) const {
  std::array<double, kBets> weights{};
  std::array<double, kBets> log_values{};
  const bool down = kind_.both_ways && open.low > kShareMin;
  const double each = 1.0 / static_cast<double>(down ? kBets : kUp.size());
  const double count = share.count / share.dispersion;
  const double others = (share.rows - share.count) / share.dispersion;
  for (uint32_t k = 0; k < kBets; ++k) {
    const bool up = k < kUp.size();
    if (!up && !down) continue;
    const double from = up ? open.high : open.low;
    const double step = up ? kUp[k] : -kDown[k - kUp.size()];
    const double to = std::clamp(FromLogit(Logit(from) + step), kShareMin, 1 - kShareMin);
    weights[k] = each;
    log_values[k] = LogRatio(count, others, from, to);
  }
  ledger->AddBatch(weights, log_values, 1, input.end_s, false);
}

// The center is the median, so 0 or 1, and the other value has a single fixed-point value.
double CountOnes(const Summary& summary) {
  const Shape& shape = summary.shape();
  const double values = static_cast<double>(summary.values());
  const double sum = static_cast<double>(summary.moments().sum);
  const double one = FixedPoint(1, shape.center, shape.scale);
  const double zero = FixedPoint(0, shape.center, shape.scale);
  return one == zero ? 0 : std::round((sum - values * zero) / (one - zero));
}

Share ShareOfOnes(const FollowInput& input) {
  return {CountOnes(input.pane), static_cast<double>(input.pane.values()),
          CountOnes(input.reference), static_cast<double>(input.reference.values()),
          std::max(input.law.cell_dispersion, input.law.mean_dispersion)};
}

}  // namespace faultline

#include "detectors/evidence/ledger.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/check.h"
#include "detectors/contract/judgement.h"
#include "detectors/contract/tagged_state.h"
#include "detectors/evidence/confidence.h"
#include "detectors/evidence/reference_law.h"
#include "detectors/stats/elementary.h"

namespace faultline {
namespace {

constexpr double kLn10 = 2.302585092994046;
// Panes from which on the spread among them is used, and over which it is averaged.
constexpr uint32_t kPanesToBelieve = 8;
constexpr uint32_t kPanesRemembered = 64;
constexpr double kPlainErrors = 2.5;
// Cap on one pane's spread relative to the known one: a change must not count as spread.
constexpr double kSpreadLeap = 9;
constexpr double kReferenceErrors = 2.5;
// Evidence needed to end an alarm: ln 1000.
constexpr double kOver = 6.907755278982137;
constexpr double kAlpha = 0.05;
constexpr double kBestRows = 1000;
constexpr double kPosteriorWidths = 2;
// Limit on a pane's rows, far below where doubles stop being exact. Kinds may derive rows from
// state.
constexpr double kRowsMax = 1e15;

int64_t Nanoseconds(double seconds) {
  const double ns = seconds * 1e9;
  return ns > 0 && ns < 9.2e18 ? static_cast<int64_t>(ns) : 0;
}

}  // namespace

size_t Ledger::Bytes(const Layout& layout) {
  return StateBytes(sizeof(State) + layout.bets * sizeof(BetState) + layout.extra * sizeof(double));
}

void Ledger::Start(const Layout& layout, std::span<std::byte> bytes) {
  FAULTLINE_CHECK(bytes.size() == Bytes(layout), "the caller asks state_bytes()");
  std::fill(bytes.begin(), bytes.end(), std::byte{0});  // Foreign: Load starts afresh.
}

Ledger::Ledger(const Layout& layout, const FollowInput& input, std::span<std::byte> bytes)
    : layout_(layout), input_(input), bytes_(bytes), batch_from_s_(input.begin_s) {
  FAULTLINE_CHECK(layout.bets <= kBetsMax && layout.extra <= kExtraMax,
                  "every kind stays within the limits");
  FAULTLINE_CHECK(bytes.size() == Bytes(layout), "the caller asks state_bytes()");
  Load();
  if (input_.budget_increment > 0) state_.increment = input_.budget_increment;
}

// State that was counted with another shape is foreign.
uint64_t Ledger::Tag() const {
  return uint64_t{layout_.tag} << 32 | input_.reference.shape().version;
}

void Ledger::Load() {
  const std::span<BetState> bets(bets_.data(), layout_.bets);
  if (ReadState(
          Tag(), bytes_,
          {StatePart(state_), std::as_writable_bytes(bets), std::as_writable_bytes(extra())})) {
    return;
  }
  state_.older.since_s = state_.newer.since_s = input_.begin_s;
}

void Ledger::Save() {
  const std::span<const BetState> bets(bets_.data(), layout_.bets);
  WriteState(Tag(), {StatePart(state_), std::as_bytes(bets), std::as_bytes(extra())}, bytes_);
}

// From the earlier panes only: a pane must not influence the bet on itself.
double Ledger::Dispersion(double of_reference) {
  dispersion_ = std::max(1.0, of_reference);
  const uint32_t panes = std::min(state_.panes, kPanesRemembered);
  if (panes >= kPanesToBelieve) {
    const double error = std::sqrt(2.0 / panes);
    if (state_.spread > 1 + kPlainErrors * error) {
      dispersion_ = std::max(dispersion_, state_.spread);
    }
  }
  return dispersion_;
}

void Ledger::AddBatch(std::span<const double> weights, std::span<const double> log_values,
                      double share, double time_s, bool capped) {
  if (latched()) return;
  const double from_s = std::exchange(batch_from_s_, time_s);
  const std::span<BetState> bets(bets_.data(), layout_.bets);
  AddIncrement(DetectorForm::kShiryaevRoberts, weights, share * input_.budget_increment, time_s,
               bets);
  std::array<double, kBetsMax> most;
  std::copy(log_values.begin(), log_values.end(), most.begin());
  if (capped && state_.increment > 0 && std::isfinite(input_.threshold)) {
    const double cap = std::max(1.0, Log(input_.threshold / state_.increment) / 2);
    for (size_t k = 0; k < bets.size(); ++k) most[k] = std::min(most[k], cap);
  }
  Multiply({most.data(), bets.size()}, bets);
  if (TotalMass(bets) >= input_.threshold) Alarm(from_s, time_s);
}

void Ledger::Jump(double share) {
  const std::span<BetState> bets(bets_.data(), layout_.bets);
  const double total = TotalMass(bets);
  if (!(total > 0)) return;
  const ChangeTime change = EstimateChange(bets);
  const double part = share * total / static_cast<double>(bets.size());
  for (BetState& bet : bets) {
    const double mass = (1 - share) * bet.mass + part;
    const double kept = (1 - share) * bet.mass / mass;
    const double off = change.mean_s - bet.start_mean;
    const double variance = change.deviation_s * change.deviation_s;
    bet = {mass, bet.start_mean + (1 - kept) * off,
           kept * bet.start_variance + (1 - kept) * (variance + kept * off * off)};
  }
}

double Ledger::Score(double mass) const {
  if (!(state_.increment > 0)) return 0;
  return Log(1 + mass / state_.increment) / kLn10;
}

void Ledger::Alarm(double batch_from_s, double time_s) {
  const std::span<BetState> bets(bets_.data(), layout_.bets);
  const ChangeTime change = EstimateChange(bets);
  state_.alarm_score = Score(TotalMass(bets));
  // Evidence comes in whole batches dated by their ends. The change lies anywhere in the first
  // changed batch, late in the previous one, or in those from which the bets first had to learn:
  // from two batches and the lag before to one batch after.
  const double batch_s = std::max(0.0, time_s - batch_from_s);
  const double before_s = (2.0 + layout_.lag) * batch_s;
  state_.change_s = std::min(change.mean_s, time_s) - (before_s - batch_s) / 2;
  state_.change_deviation_s = change.deviation_s + (before_s + batch_s) / 2 / kPosteriorWidths;
  state_.latched = 1;
  state_.looks = 0;
  state_.waiting_panes = 0;
  state_.half = 0;  // until NotePane gives the pane's effect
  state_.over = 0;
  // From here on, the effect covers the time since the change alone.
  if (state_.newer.since_s < change.mean_s - change.deviation_s) {
    state_.newer = {.since_s = input_.begin_s};
  }
  state_.older = state_.newer;
  Clear(bets);
}

void Ledger::NotePane(const Effect& effect) {
  if (!(effect.rows > 0)) return;
  state_.rows += static_cast<uint64_t>(std::min(effect.rows, kRowsMax));
  deviation_ = effect.deviation;
  MoveSpans(effect.mean, effect.rows / dispersion_);
  if (latched()) {
    MoveAlarm(effect);
    return;  // Variation caused by a change is not spread of unchanged traffic.
  }
  if (!(effect.deviation > 0)) return;
  Waiting& oldest = state_.waiting[state_.waiting_panes % kPanesWaiting];
  if (state_.waiting_panes >= kPanesWaiting) NoteSpread(oldest);
  oldest = {effect.mean, effect.rows / (effect.deviation * effect.deviation)};
  ++state_.waiting_panes;
}

void Ledger::NoteSpread(const Waiting& pane) {
  const double before = std::min(state_.panes, kPanesRemembered);
  if (before > 0) {
    const double off = pane.mean - state_.slow_mean;
    const double most = kSpreadLeap * std::max(1.0, state_.spread);
    const double spread = std::min(pane.precision * off * off / (1 + 1 / before), most);
    state_.spread += (spread - state_.spread) / before;
  }
  state_.slow_mean += (pane.mean - state_.slow_mean) / (before + 1);
  ++state_.panes;
}

void Ledger::MoveSpans(double mean, double rows) {
  state_.older.Add(mean, rows);
  state_.newer.Add(mean, rows);
  if (latched()) return;
  const ChangeTime change = EstimateChange({bets_.data(), layout_.bets});
  if (change.mean_s < state_.newer.since_s) return;
  state_.older = state_.newer;
  state_.newer = {.since_s = input_.end_s};
}

const Ledger::Span& Ledger::BestSpan() const {
  return state_.newer.rows >= state_.older.rows / 2 ? state_.newer : state_.older;
}

double Ledger::effect() const { return BestSpan().mean(); }

// Wald's test of no effect against half the effect seen at the alarm. Half, because the effect seen
// at an alarm is biased upwards, and an alarm that goes on must not end.
void Ledger::MoveAlarm(const Effect& effect) {
  if (state_.half == 0) {
    const double best = BestSpan().mean();
    const double seen = std::fabs(best) > std::fabs(effect.mean) ? best : effect.mean;
    state_.half = std::copysign(std::max(effect.least, std::fabs(seen) / 2), seen);
    return;
  }
  const double rows = effect.rows / dispersion_;
  const double deviation = effect.deviation > 0 ? effect.deviation : 1;
  const double gain = state_.half * (state_.half / 2 - effect.mean) / (deviation * deviation);
  state_.over = std::max(0.0, state_.over + rows * gain);
  state_.looks = state_.over > 0 ? state_.looks + 1 : 0;
  if (state_.over < kOver || state_.looks < input_.resolve_looks) return;
  const State before = state_;
  state_ = State{.rows = before.rows,
                 .panes = before.panes,
                 .slow_mean = before.slow_mean,
                 .spread = before.spread};
  state_.increment = before.increment;
  state_.older.since_s = state_.newer.since_s = input_.end_s;
}

Verdict Ledger::Finish(double reference_error) {
  if (state_.rows == 0) return CannotTell("no usable value yet");
  Verdict verdict;
  verdict.rows = state_.rows;
  verdict.reference_rows = input_.reference.rows();
  verdict.dispersion = dispersion_;
  verdict.season = input_.law.season;
  const Span& span = BestSpan();
  if (span.rows > 0) {
    const double radius = deviation_ * NormalMixtureRadius(span.rows, kAlpha, kBestRows) +
                          kReferenceErrors * reference_error;
    verdict.effect_size = span.mean();
    verdict.effect_low = verdict.effect_size - radius;
    verdict.effect_high = verdict.effect_size + radius;
  }
  const std::span<const BetState> bets(bets_.data(), layout_.bets);
  ChangeTime change = {state_.change_s, state_.change_deviation_s};
  if (latched()) {
    verdict.state = VerdictState::kAlarm;
    verdict.score = state_.alarm_score;
  } else {
    verdict.state = VerdictState::kQuiet;
    verdict.score = Score(TotalMass(bets));
    change = EstimateChange(bets);
  }
  if (std::isfinite(input_.threshold)) {
    verdict.threshold = Score(input_.threshold);
  } else {
    verdict.state = VerdictState::kCannotTell;
    verdict.detail = "no alarm budget is set";
  }
  verdict.change_ns = Nanoseconds(change.mean_s);
  const double width = kPosteriorWidths * change.deviation_s;
  verdict.change_from_ns = Nanoseconds(change.mean_s - width);
  verdict.change_to_ns = Nanoseconds(std::min(change.mean_s + width, input_.end_s));
  Save();
  return verdict;
}

Verdict Ledger::CannotTell(std::string missing) {
  Verdict verdict;
  verdict.rows = state_.rows;
  verdict.reference_rows = input_.reference.rows();
  verdict.detail = std::move(missing);
  Save();
  return verdict;
}

Verdict Ledger::Inapplicable(std::string why) {
  Verdict verdict = CannotTell(std::move(why));
  verdict.inapplicable = true;
  return verdict;
}

}  // namespace faultline

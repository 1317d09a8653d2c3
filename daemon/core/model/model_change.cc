// When a model's open incident began, and what came since. See change_time.h.
#include <google/protobuf/util/time_util.h>

#include <algorithm>
#include <utility>

#include "daemon/core/incident/change_time.h"
#include "daemon/core/incident/incident_words.h"
#include "daemon/core/model/model_state.h"

namespace faultline {
namespace {

using google::protobuf::util::TimeUtil;

// Strongest signals that are asked when it began.
constexpr size_t kDatedMax = 8;
// How the time of a change is known.
constexpr char kFromWindow[] = "95 % of the posterior, from the panes of the window";
constexpr char kFromAlert[] = "the evidence of its alert, as the window may not reach it";

v1::TimeEstimate EstimateMessage(const ChangeInterval& change) {
  v1::TimeEstimate estimate;
  *estimate.mutable_time() = TimeUtil::NanosecondsToTimestamp(change.time_ns);
  *estimate.mutable_earliest() = TimeUtil::NanosecondsToTimestamp(change.earliest_ns);
  *estimate.mutable_latest() = TimeUtil::NanosecondsToTimestamp(change.latest_ns);
  estimate.set_basis(change.may_be_older ? kFromAlert : kFromWindow);
  return estimate;
}

}  // namespace

std::vector<TimedPane> ModelState::TimedPanesOf(const SignalState& state) const {
  std::vector<TimedPane> panes;
  state.window->ForEach([&](int64_t number, Summary pane) {
    const auto span = spans_.find(number);
    if (span != spans_.end()) {
      panes.push_back({span->second.first, span->second.second, std::move(pane)});
    }
  });
  return panes;
}

std::optional<ChangeInterval> ModelState::WindowChangeOf(uint32_t signal) const {
  const SignalState& state = signals_[signal];
  if (!state.judged() || state.reference->empty()) return std::nullopt;
  // Of what moves with the whole distribution; rare events are another matter. NaN: not known.
  double dispersion = 1;
  for (const FollowState& follow : state.follow) {
    const bool whole = follow.detector == "distribution_change" || follow.detector == "mean_change";
    if (whole && follow.newest.dispersion > dispersion) dispersion = follow.newest.dispersion;
  }
  return EstimateChange(state.reference->summary(), TimedPanesOf(state), dispersion);
}

// The panes of the window that the change is in: what was before it only waters the change down.
Summary ModelState::RowsSinceChange(uint32_t signal, const v1::Incident& incident) const {
  const SignalState& state = signals_[signal];
  Summary since(&state.reference->summary().shape());
  if (incident.has_change_time()) {
    const int64_t change_ns = TimeUtil::TimestampToNanoseconds(incident.change_time().time());
    for (const TimedPane& pane : TimedPanesOf(state)) {
      if (pane.first_ns >= change_ns) since.Merge(pane.summary);
    }
  }
  if (since.rows() == 0) since.Merge(state.window->merged());
  return since;
}

// What the window does not reach, the evidence of the signal's strongest alert does, less sharply.
std::optional<ChangeInterval> ModelState::ChangeOf(uint32_t signal,
                                                   const v1::Incident& incident) const {
  std::optional<ChangeInterval> change = WindowChangeOf(signal);
  if (change.has_value() && !change->may_be_older) return change;
  const v1::Alert* strongest = nullptr;
  for (const v1::Alert& alert : incident.alerts()) {
    const bool dated = alert.signal() == schema_[signal].name && alert.peak().has_change_time();
    if (dated && (strongest == nullptr || Strength(alert) > Strength(*strongest))) {
      strongest = &alert;
    }
  }
  if (strongest == nullptr) return change;
  const v1::TimeEstimate& estimate = strongest->peak().change_time();
  const ChangeInterval older = {TimeUtil::TimestampToNanoseconds(estimate.time()),
                                TimeUtil::TimestampToNanoseconds(estimate.earliest()),
                                TimeUtil::TimestampToNanoseconds(estimate.latest()), true};
  if (!change.has_value()) return older;
  change->time_ns = std::min(change->time_ns, older.time_ns);
  change->earliest_ns = std::min(change->earliest_ns, older.earliest_ns);
  return change;
}

// The strongest signal says when; a weaker one only if it changed before that beyond doubt.
void ModelState::DateChange(const std::vector<uint32_t>& signals, const v1::Incident& incident) {
  std::optional<ChangeInterval> change;
  for (size_t i = 0; i < std::min(signals.size(), kDatedMax); ++i) {
    const std::optional<ChangeInterval> estimate = ChangeOf(signals[i], incident);
    if (!estimate.has_value()) continue;
    if (!change.has_value() || estimate->latest_ns < change->earliest_ns) change = estimate;
  }
  // One that leaves the window tells less than what is known already.
  if (!change.has_value() || (change->may_be_older && incident.has_change_time())) return;
  book_.SetChangeTime(EstimateMessage(*change));
}

// Panes that ended since the open incident began, as long as the window reaches further back: of a
// change in its midst. 0 otherwise.
size_t ModelState::PanesSinceStart(const v1::Incident& incident) const {
  const int64_t start_ns = TimeUtil::TimestampToNanoseconds(incident.start_time());
  if (spans_.empty() || spans_.begin()->second.first >= start_ns) return 0;
  return static_cast<size_t>(std::count_if(spans_.begin(), spans_.end(), [&](const auto& span) {
    return span.second.second > start_ns;
  }));
}

// Whether the window reaches back to before what is known of the change.
bool ModelState::SeesBefore(const v1::Incident& incident) const {
  if (!incident.has_change_time()) return true;
  return !spans_.empty() && spans_.begin()->second.first <
                                TimeUtil::TimestampToNanoseconds(incident.change_time().time());
}

}  // namespace faultline

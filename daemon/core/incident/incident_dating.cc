#include "daemon/core/incident/incident_dating.h"

#include <google/protobuf/util/time_util.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "daemon/core/incident/change_time.h"
#include "daemon/core/incident/incident_words.h"
#include "detectors/catalog.h"

namespace faultline {
namespace {

using google::protobuf::util::TimeUtil;

// Number of strongest signals to date an incident by.
constexpr size_t kDatedMax = 8;
// How the time of a change was estimated.
constexpr char kFromWindow[] = "95 % credible interval, estimated from the current window";
constexpr char kFromAlert[] =
    "estimated from the evidence of its alert; the window may not reach back to the change";

v1::TimeEstimate EstimateMessage(const ChangeInterval& change) {
  v1::TimeEstimate estimate;
  *estimate.mutable_time() = TimeUtil::NanosecondsToTimestamp(change.time_ns);
  *estimate.mutable_earliest() = TimeUtil::NanosecondsToTimestamp(change.earliest_ns);
  *estimate.mutable_latest() = TimeUtil::NanosecondsToTimestamp(change.latest_ns);
  estimate.set_basis(change.may_be_older ? kFromAlert : kFromWindow);
  return estimate;
}

std::vector<TimedPane> TimedPanesOf(const SignalView& signal) {
  std::vector<TimedPane> panes;
  signal.state().window->ForEach([&](int64_t number, Summary pane) {
    const auto span = signal.stream.spans.find(number);
    if (span != signal.stream.spans.end()) {
      panes.push_back({span->second.first, span->second.second, std::move(pane)});
    }
  });
  return panes;
}

std::optional<ChangeInterval> WindowChangeOf(const SignalView& signal) {
  if (!signal.compared()) return std::nullopt;
  const SignalState& state = signal.state();
  // NaN: unknown.
  double dispersion = 1;
  for (const FollowState& follow : state.follow) {
    const CatalogEntry* entry = FindKind(follow.detector);
    if (entry != nullptr && entry->whole && follow.newest.dispersion > dispersion)
      dispersion = follow.newest.dispersion;
  }
  return EstimateChange(state.reference->summary(), TimedPanesOf(signal), dispersion);
}

// The signal's strongest alert with a change time, or null.
const v1::Alert* StrongestDated(const v1::Incident& incident, const std::string& signal) {
  const v1::Alert* strongest = nullptr;
  for (const v1::Alert& alert : incident.alerts()) {
    if (alert.signal() != signal || !alert.peak().has_change_time()) continue;
    if (strongest == nullptr || Strength(alert) > Strength(*strongest)) strongest = &alert;
  }
  return strongest;
}

// Dates changes before the window by the evidence of the signal's strongest alert, less precisely.
std::optional<ChangeInterval> ChangeOf(const SignalView& signal, const v1::Incident& incident) {
  std::optional<ChangeInterval> change = WindowChangeOf(signal);
  if (change.has_value() && !change->may_be_older) return change;
  const v1::Alert* strongest = StrongestDated(incident, signal.facts().name);
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

bool ReachesBefore(const StreamView& stream, int64_t time_ns) {
  return !stream.spans.empty() && stream.spans.begin()->second.first < time_ns;
}

}  // namespace

std::optional<v1::TimeEstimate> DateIncident(const v1::Incident& incident,
                                             std::span<const SignalView> signals) {
  std::optional<ChangeInterval> change;
  for (const SignalView& signal : signals.first(std::min(signals.size(), kDatedMax))) {
    const std::optional<ChangeInterval> estimate = ChangeOf(signal, incident);
    if (!estimate.has_value()) continue;
    if (!change.has_value() || estimate->latest_ns < change->earliest_ns) change = estimate;
  }
  if (!change.has_value() || (change->may_be_older && incident.has_change_time())) {
    return std::nullopt;
  }
  return EstimateMessage(*change);
}

bool SeesBeforeChange(const ModelView& model, const v1::Incident& incident) {
  if (!incident.has_change_time()) return true;
  const int64_t change_ns = TimeUtil::TimestampToNanoseconds(incident.change_time().time());
  return std::any_of(model.streams.begin(), model.streams.end(),
                     [&](const StreamView& stream) { return ReachesBefore(stream, change_ns); });
}

size_t PanesSinceStart(const StreamView& stream, const v1::Incident& incident) {
  const int64_t start_ns = TimeUtil::TimestampToNanoseconds(incident.start_time());
  if (!ReachesBefore(stream, start_ns)) return 0;
  return static_cast<size_t>(
      std::count_if(stream.spans.begin(), stream.spans.end(),
                    [&](const auto& span) { return span.second.second > start_ns; }));
}

Summary RowsSinceChange(const SignalView& signal, const v1::Incident& incident) {
  const SignalState& state = signal.state();
  Summary since(&state.reference->summary().shape());
  if (incident.has_change_time()) {
    const int64_t change_ns = TimeUtil::TimestampToNanoseconds(incident.change_time().time());
    for (const TimedPane& pane : TimedPanesOf(signal)) {
      if (pane.first_ns >= change_ns) since.Merge(pane.summary);
    }
  }
  if (since.rows() == 0) since.Merge(state.window->merged());
  return since;
}

}  // namespace faultline

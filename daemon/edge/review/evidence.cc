#include "daemon/edge/review/evidence.h"

#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "daemon/core/incident/incident_words.h"
#include "daemon/core/signal/distribution.h"
#include "daemon/edge/review/answer.h"
#include "detectors/catalog.h"
#include "detectors/stats/distances.h"

namespace faultline::review {
namespace {

bool IsKnown(double value) { return !std::isnan(value); }

const v1::SignalEvidence* FrozenOf(const v1::Incident& incident, const std::string& signal) {
  for (const v1::SignalEvidence& evidence : incident.evidence()) {
    if (evidence.signal() == signal) return &evidence;
  }
  return nullptr;
}

// The strongest alert of a signal, or null.
const v1::Alert* StrongestOf(const v1::Incident& incident, const std::string& signal) {
  const v1::Alert* strongest = nullptr;
  for (const v1::Alert& alert : incident.alerts()) {
    if (alert.signal() != signal) continue;
    if (strongest == nullptr || Strength(alert) > Strength(*strongest)) strongest = &alert;
  }
  return strongest;
}

v1::VerdictSeries* SeriesOf(const std::string& detector, v1::ContributingSignal* signal) {
  for (v1::VerdictSeries& series : *signal->mutable_series()) {
    if (series.detector() == detector) return &series;
  }
  v1::VerdictSeries* series = signal->add_series();
  series->set_signal(signal->signal());
  series->set_detector(detector);
  const CatalogEntry* entry = FindKind(std::string_view(detector));
  series->set_unbudgeted(entry == nullptr || !entry->budgeted);
  return series;
}

v1::Distribution WindowAt(const Summary& window, const EvidencePane& pane) {
  v1::Distribution distribution = MakeDistribution(window);
  *distribution.mutable_end_time() = ToTimestamp(pane.header.last_ns);
  return distribution;
}

// One pin's part of a signal; a signal has more than one if its reference or settings changed.
absl::Status AddPin(const StoredEvidence& evidence, size_t pin, const std::string& leading,
                    v1::ContributingSignal* signal) {
  const EvidencePin& of = evidence.pins[pin];
  *signal->mutable_reference() = MakeDistribution(of.reference->summary());
  signal->set_reference_version(of.reference->version());
  // Evidence keeps its score during an alarm: among equal scores, the window farthest away.
  std::pair<double, double> peak = {-1, -1};
  bool first = true;
  return ForEachPane(evidence, pin, [&](const SeenPane& seen) {
    if (first) *signal->mutable_at_open() = WindowAt(*seen.window, *seen.pane);
    double strongest = 0;
    for (const auto& [detector, verdict] : seen.entry->verdicts) {
      if (!leading.empty() && detector != leading) continue;
      if (IsKnown(verdict.ratio())) strongest = std::max(strongest, verdict.ratio());
    }
    const std::pair<double, double> worst = {
        strongest, TotalVariation(of.reference->summary().cells(), seen.window->cells())};
    if (worst > peak) {
      peak = worst;
      *signal->mutable_at_peak() = WindowAt(*seen.window, *seen.pane);
    }
    *signal->mutable_latest() = WindowAt(*seen.window, *seen.pane);
    for (const auto& [detector, verdict] : seen.entry->verdicts) {
      if (!IsKnown(verdict.threshold)) continue;  // It cannot alarm.
      v1::VerdictSeries* series = SeriesOf(detector, signal);
      *series->add_points() = MakePoint(*seen.pane, verdict);
      series->set_verdicts(series->verdicts() + 1);
    }
    first = false;
    return true;
  });
}

void SetVersions(const EvidencePin& pin, v1::BundleVersions* versions) {
  versions->set_daemon(pin.daemon);
  v1::Config config;
  if (config.ParseFromString(pin.config)) *versions->mutable_config() = config.defaults();
  versions->set_config_digest(absl::StrFormat("%016x", ConfigDigest(pin.config)));
  for (const auto& pinned : pin.detectors) {
    const auto same = [&](const v1::DetectorVersion& other) {
      return other.detector() == pinned.first;
    };
    if (std::any_of(versions->detectors().begin(), versions->detectors().end(), same)) continue;
    v1::DetectorVersion* added = versions->add_detectors();
    added->set_detector(pinned.first);
    added->set_version(pinned.second);
  }
}

using RankedSignals = std::vector<std::pair<double, v1::ContributingSignal>>;

// The evidence of all pins of one signal.
absl::StatusOr<std::pair<double, v1::ContributingSignal>> MakeSignal(
    const v1::Incident& incident, const StoredEvidence& evidence, const std::string& name,
    const std::vector<size_t>& pins) {
  v1::ContributingSignal signal;
  signal.set_signal(name);
  signal.set_role(evidence.pins[pins.front()].facts.role);
  const v1::Alert* alert = StrongestOf(incident, name);
  for (const size_t pin : pins) {
    const absl::Status status =
        AddPin(evidence, pin, alert == nullptr ? "" : alert->detector(), &signal);
    if (!status.ok()) return status;
  }
  for (v1::VerdictSeries& series : *signal.mutable_series()) ThinPoints(&series);
  if (alert != nullptr) signal.set_finding(Finding(*alert, FrozenOf(incident, name)));
  return std::pair(alert == nullptr ? 0 : Strength(*alert), std::move(signal));
}

// Strongest first.
absl::StatusOr<RankedSignals> RankSignals(const v1::Incident& incident,
                                          const StoredEvidence& evidence) {
  std::map<std::string, std::vector<size_t>> pins;
  for (size_t pin = 0; pin < evidence.pins.size(); ++pin) {
    pins[evidence.pins[pin].facts.name].push_back(pin);
  }
  RankedSignals signals;
  for (const auto& [name, of_signal] : pins) {
    auto signal = MakeSignal(incident, evidence, name, of_signal);
    if (!signal.ok()) return signal.status();
    signals.push_back(*std::move(signal));
  }
  std::stable_sort(signals.begin(), signals.end(),
                   [](const auto& a, const auto& b) { return a.first > b.first; });
  return signals;
}

void SetShares(v1::EvidenceBundle* bundle, const std::vector<double>& strengths) {
  double total = 0;
  for (const double strength : strengths) total += strength;
  for (int i = 0; i < bundle->signals_size(); ++i) {
    bundle->mutable_signals(i)->set_share(total > 0 ? strengths[static_cast<size_t>(i)] / total
                                                    : 1.0 / bundle->signals_size());
  }
}

// Tags with a category that is more frequent than in the reference.
void AddSlices(v1::EvidenceBundle* bundle) {
  constexpr double kGrowthMin = 0.02;
  constexpr int kSlicesMax = 16;
  for (const v1::ContributingSignal& signal : bundle->signals()) {
    if (signal.role() != v1::COLUMN_ROLE_TAG) continue;
    const v1::Distribution& was = signal.reference();
    const v1::Distribution& is = signal.at_peak();
    for (const v1::BinContribution& each : Contributions(was, is)) {
      if (each.share_difference() < kGrowthMin || bundle->slices_size() >= kSlicesMax) continue;
      const v1::DistributionBin& bin = is.bins(static_cast<int>(each.bin()));
      v1::ContributingSlice* slice = bundle->add_slices();
      slice->set_slice(absl::StrCat(signal.signal(), " = ", bin.label()));
      slice->set_window_share(static_cast<double>(bin.count()) / static_cast<double>(is.rows()));
      slice->set_reference_share(slice->window_share() - each.share_difference());
      slice->set_finding(absl::StrCat("grew from ", ShareWords(slice->reference_share()), " to ",
                                      ShareWords(slice->window_share()), " of rows"));
    }
  }
}

}  // namespace

v1::VerdictPoint MakePoint(const EvidencePane& pane, const Verdict& verdict) {
  v1::VerdictPoint point;
  *point.mutable_time() = ToTimestamp(pane.header.last_ns);
  point.set_pane(static_cast<uint64_t>(pane.number));
  point.set_state(static_cast<v1::VerdictState>(verdict.state));
  if (IsKnown(verdict.score)) point.set_score(verdict.score);
  if (IsKnown(verdict.threshold)) point.set_threshold(verdict.threshold);
  return point;
}

void ThinPoints(v1::VerdictSeries* series) {
  auto& points = *series->mutable_points();
  while (points.size() > kSeriesPointsMax) {
    std::set<int> keep = {points.size() - 1};
    int peak = 0;
    for (int i = 0; i < points.size(); ++i) {
      if (i % 2 == 0) keep.insert(i);
      if (points[i].score() > points[peak].score()) peak = i;
    }
    keep.insert(peak);
    for (int i = 1; i < points.size() && static_cast<int>(keep.size()) < kSeriesPointsMax; ++i) {
      if (points[i].state() != points[i - 1].state()) keep.insert(i);
    }
    int next = 0;
    for (const int i : keep) points.SwapElements(next++, i);
    points.DeleteSubrange(next, points.size() - next);
  }
}

std::string PromiseWords(const v1::Incident& incident) {
  if (incident.test()) return "A test: nothing is promised, nothing is wrong.";
  if (incident.unbudgeted()) {
    return "At least one of its alerts was raised by a fixed threshold (marked unbudgeted): "
           "nothing "
           "is guaranteed about how often such alerts are false.";
  }
  return "All of its alerts were raised within the model's alarm budget.";
}

absl::StatusOr<v1::EvidenceBundle> MakeBundle(const v1::Incident& incident,
                                              const StoredEvidence& evidence) {
  v1::EvidenceBundle bundle;
  bundle.set_incident_id(incident.id());
  *bundle.mutable_freeze_time() = incident.open_time();
  bundle.set_complete(incident.state() == v1::INCIDENT_STATE_RESOLVED);
  if (incident.has_change_time()) *bundle.mutable_change_time() = incident.change_time();
  bundle.set_promise(PromiseWords(incident));
  bundle.set_panes_kept(static_cast<uint32_t>(evidence.panes.size()));
  bundle.set_panes_left_out(evidence.panes_left_out);
  if (!evidence.panes.empty()) {
    *bundle.mutable_update_time() = ToTimestamp(evidence.panes.back().header.last_ns);
  }
  for (size_t pin = evidence.pins.size(); pin-- > 0;) {
    SetVersions(evidence.pins[pin], bundle.mutable_versions());
  }
  absl::StatusOr<RankedSignals> signals = RankSignals(incident, evidence);
  if (!signals.ok()) return signals.status();
  std::vector<double> strengths;
  std::set<std::string> left_out;
  for (const v1::Alert& alert : incident.alerts()) left_out.insert(alert.signal());
  for (auto& [strength, signal] : *signals) {
    strengths.push_back(strength);
    left_out.erase(signal.signal());
    *bundle.add_signals() = std::move(signal);
  }
  SetShares(&bundle, strengths);
  AddSlices(&bundle);
  bundle.set_signals_left_out(static_cast<uint32_t>(left_out.size()));
  return bundle;
}

}  // namespace faultline::review

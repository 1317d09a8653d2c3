#include "daemon/edge/metrics/model_page.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <utility>

#include "base/check.h"
#include "daemon/core/settings/settings.h"
#include "daemon/edge/metrics/page_text.h"
#include "detectors/catalog.h"

namespace faultline {
namespace {

// A model's detectors may repeat a kind; series must be unique. The worse one is shown.
bool IsWorse(const DetectorReading& a, const DetectorReading& b) {
  if (a.firing != b.firing) return a.firing;
  const double ratio = a.verdict.ratio();
  return ratio > b.verdict.ratio() || (std::isnan(b.verdict.ratio()) && !std::isnan(ratio));
}

bool IsShown(const SignalReading& signal, size_t index) {
  const DetectorReading& reading = signal.readings[index];
  for (size_t i = 0; i < signal.readings.size(); ++i) {
    if (i == index || signal.readings[i].detector != reading.detector) continue;
    if (IsWorse(signal.readings[i], reading)) return false;
    if (i < index && !IsWorse(reading, signal.readings[i])) return false;
  }
  return true;
}

double WorstRatio(const SignalReading& signal) {
  double worst = -1;
  for (const DetectorReading& reading : signal.readings) {
    if (reading.verdict.ratio() > worst) worst = reading.verdict.ratio();
  }
  return worst;
}

bool IsFiring(const SignalReading& signal) {
  return std::any_of(signal.readings.begin(), signal.readings.end(),
                     [](const DetectorReading& reading) { return reading.firing; });
}

uint64_t SeriesOf(const SignalReading& signal) {
  return kSeriesPerSignal + kSeriesPerDetector * signal.readings.size();
}

std::string_view ConcernName(std::string_view detector) {
  const CatalogEntry* entry = FindKind(detector);
  return entry == nullptr ? "other" : NameOf(entry->concern);
}

}  // namespace

std::string RoleName(v1::ColumnRole role) {
  constexpr std::string_view kPrefix = "COLUMN_ROLE_";
  if (role == v1::COLUMN_ROLE_UNSPECIFIED) role = v1::COLUMN_ROLE_FEATURE;
  std::string name = v1::ColumnRole_Name(role);
  if (!name.starts_with(kPrefix)) return "other";
  name.erase(0, kPrefix.size());
  for (char& c : name) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
  return name;
}

uint64_t ModelPage::Choose(std::shared_ptr<const ModelSnapshot> snapshot,
                           const PageOptions& options) {
  FAULTLINE_CHECK(snapshot != nullptr, "a reading holds no null models");
  const bool first = snapshot_ == nullptr;
  const bool same_alerts = !first && snapshot == snapshot_;
  const bool same_signals = !first && snapshot->signals == signals_;
  snapshot_ = std::move(snapshot);
  if (first) {
    open_.assign(1, '{');
    AppendLabel("model", snapshot_->name, &open_);
    open_.push_back(',');
    AppendLabel("version", snapshot_->version, &open_);
    labels_ = open_ + "} ";
  }
  if (!same_signals || first) {
    signals_ = snapshot_->signals;
    rendered_series_ = UINT64_MAX;
    CountSignals();
    ChooseSignals(options);
  }
  if (!same_alerts || !same_signals) RenderAlerts();
  return wanted_;
}

std::string ModelPage::LabelsWith(std::string_view name, std::string_view value) const {
  std::string text = open_;
  text.push_back(',');
  AppendLabel(name, value, &text);
  text.append("} ");
  return text;
}

void ModelPage::CountSignals() {
  std::fill(std::begin(states_), std::end(states_), 0);
  rollups_.clear();
  if (signals_ == nullptr) return;
  std::map<std::string_view, DetectorRollup> rollups;
  for (const SignalReading& signal : signals_->signals) {
    ++states_[static_cast<size_t>(signal.state)];
    for (size_t i = 0; i < signal.readings.size(); ++i) {
      const DetectorReading& reading = signal.readings[i];
      if (!IsShown(signal, i)) continue;
      DetectorRollup& rollup = rollups[reading.detector];
      const double ratio = reading.verdict.ratio();
      if (!(ratio <= rollup.ratio_max) && !std::isnan(ratio)) rollup.ratio_max = ratio;
      if (reading.verdict.state == VerdictState::kAlarm) ++rollup.signals_in_alarm;
    }
  }
  for (auto& [detector, rollup] : rollups) {
    rollup.detector = detector;
    rollup.labels = LabelsWith("detector", detector);
    rollups_.push_back(std::move(rollup));
  }
}

void ModelPage::ChooseSignals(const PageOptions& options) {
  chosen_.clear();
  wanted_ = 0;
  if (signals_ == nullptr) return;
  const std::vector<SignalReading>& all = signals_->signals;
  // Group 0: always, 1: firing, 2: the others; then the worst first.
  std::vector<std::tuple<int, double, uint32_t>> ranked;
  for (uint32_t i = 0; i < all.size(); ++i) {
    const bool always = std::any_of(
        options.signals_always.begin(), options.signals_always.end(),
        [&](const std::string& pattern) { return MatchesPattern(pattern, all[i].name); });
    ranked.emplace_back(always ? 0 : IsFiring(all[i]) ? 1 : 2, -WorstRatio(all[i]), i);
  }
  std::sort(ranked.begin(), ranked.end());
  uint32_t of_group[3] = {};
  uint32_t top = 0;
  for (const auto& [group, ratio, index] : ranked) {
    // Signals that are shown always also count among the top ones.
    const uint32_t limit = group == 0 ? UINT32_MAX : group == 1 ? kFiringSignalsMax : UINT32_MAX;
    if (of_group[group] >= limit || (group == 2 && top >= options.signals_top)) continue;
    ++of_group[group];
    if (group != 0) ++top;
    chosen_.push_back(index);
    wanted_ += SeriesOf(all[index]);
  }
}

void ModelPage::Render(uint64_t series) {
  if (rendered_series_ == std::min(series, wanted_)) return;
  rendered_series_ = std::min(series, wanted_);
  blob_.clear();
  signal_lines_.clear();
  detector_lines_.clear();
  signals_hidden_ = 0;
  if (signals_ == nullptr) return;
  uint64_t left = rendered_series_;
  uint64_t shown = 0;
  for (const uint32_t index : chosen_) {
    const SignalReading& signal = signals_->signals[index];
    if (SeriesOf(signal) > left) break;
    left -= SeriesOf(signal);
    ++shown;
    RenderSignal(signal);
  }
  signals_hidden_ = signals_->signals.size() - shown;
}

void ModelPage::RenderSignal(const SignalReading& signal) {
  const auto begin = static_cast<uint32_t>(blob_.size());
  blob_.append(open_).append(",");
  AppendLabel("signal", signal.name, &blob_);
  const size_t open_bytes = blob_.size() - begin;
  blob_.append("} ");
  signal_lines_.push_back({&signal, begin, static_cast<uint32_t>(blob_.size() - begin)});
  for (size_t i = 0; i < signal.readings.size(); ++i) {
    if (!IsShown(signal, i)) continue;
    const auto line = static_cast<uint32_t>(blob_.size());
    blob_.append(blob_, begin, open_bytes).append(",");
    AppendLabel("detector", signal.readings[i].detector, &blob_);
    blob_.append("} ");
    detector_lines_.push_back(
        {&signal.readings[i], line, static_cast<uint32_t>(blob_.size() - line)});
  }
}

void ModelPage::RenderAlerts() {
  alerts_.clear();
  alerts_firing_ = 0;
  if (snapshot_->alerts.empty()) return;
  std::unordered_map<std::string_view, const SignalReading*> by_name;
  if (signals_ != nullptr) {
    for (const SignalReading& signal : signals_->signals) by_name.emplace(signal.name, &signal);
  }
  std::set<std::tuple<std::string_view, std::string_view, std::string_view>> seen;
  for (const FiringAlert& alert : snapshot_->alerts) {
    if (alert.silenced) continue;
    ++alerts_firing_;
    if (alerts_.size() >= kAlertSeriesMax) continue;
    if (!seen.emplace(alert.signal, alert.detector, alert.severity).second) continue;
    const auto found = by_name.find(alert.signal);
    std::string role = RoleName(v1::COLUMN_ROLE_FEATURE);
    bool unbudgeted = true;
    if (found != by_name.end()) {
      role = RoleName(found->second->role);
      for (const DetectorReading& reading : found->second->readings) {
        if (reading.detector == alert.detector) unbudgeted = reading.unbudgeted;
      }
    }
    std::string labels = open_;
    for (const auto& [name, value] :
         {Labels::Pair{"signal", alert.signal}, Labels::Pair{"detector", alert.detector},
          Labels::Pair{"severity", alert.severity},
          Labels::Pair{"concern", ConcernName(alert.detector)}, Labels::Pair{"role", role},
          Labels::Pair{"unbudgeted", unbudgeted ? "true" : "false"}}) {
      labels.push_back(',');
      AppendLabel(name, value, &labels);
    }
    alerts_.push_back(labels + "} ");
  }
}

}  // namespace faultline

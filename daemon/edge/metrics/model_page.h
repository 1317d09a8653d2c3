#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/core/contract/snapshot.h"

namespace faultline {

// Which signals get series of their own.
struct PageOptions {
  // Per model: the signals with the highest score / threshold.
  uint32_t signals_top = 20;
  // Always, by name, with "*".
  std::vector<std::string> signals_always = {};
  // Limit on the series of signals on the whole page; beyond it every model gets its share.
  uint64_t series_max = 200'000;

  bool operator==(const PageOptions&) const = default;
};

// Limit per model; roll-ups count all.
inline constexpr uint32_t kFiringSignalsMax = 256;
inline constexpr uint32_t kAlertSeriesMax = 256;

// One model on the page: which of its signals are shown, and the labels of their series, kept while
// nothing about them changes.
//
// Operation:    Choose, then Render, then read. Signals in `signals_always` come first, then firing
//               ones, then the worst by score / threshold; ties by their order in the model.
// Concurrency:  not thread-safe.
class ModelPage {
 public:
  struct SignalLine {
    const SignalReading* signal;
    uint32_t label_begin, label_bytes;
  };
  struct DetectorLine {
    const DetectorReading* reading;
    uint32_t label_begin, label_bytes;
  };
  // Over all signals, shown or not.
  struct DetectorRollup {
    std::string_view detector;
    std::string labels;
    double ratio_max = kUnset;
    uint64_t signals_in_alarm = 0;
  };

  // Takes a snapshot and says how many series it wants.
  uint64_t Choose(std::shared_ptr<const ModelSnapshot> snapshot, const PageOptions& options);
  // Renders labels for at most `series` series of signals.
  void Render(uint64_t series);

  uint64_t wanted() const { return wanted_; }
  const ModelSnapshot& snapshot() const { return *snapshot_; }
  // `{model="...",version="..."} `
  std::string_view labels() const { return labels_; }
  std::string_view labels(const SignalLine& line) const { return Text(line); }
  std::string_view labels(const DetectorLine& line) const { return Text(line); }
  // `{model="...",version="...",name="value"} `
  std::string LabelsWith(std::string_view name, std::string_view value) const;
  const std::vector<SignalLine>& signals() const { return signal_lines_; }
  const std::vector<DetectorLine>& detectors() const { return detector_lines_; }
  const std::vector<std::string>& alerts() const { return alerts_; }
  const std::vector<DetectorRollup>& rollups() const { return rollups_; }
  uint64_t signals_hidden() const { return signals_hidden_; }
  uint64_t signals_quiet() const { return states_[static_cast<size_t>(VerdictState::kQuiet)]; }
  uint64_t signals_alarm() const { return states_[static_cast<size_t>(VerdictState::kAlarm)]; }
  uint64_t signals_cannot_tell() const {
    return states_[static_cast<size_t>(VerdictState::kCannotTell)];
  }
  uint64_t alerts_firing() const { return alerts_firing_; }
  uint64_t alerts_silenced() const { return snapshot_->alerts.size() - alerts_firing_; }

 private:
  template <typename Line>
  std::string_view Text(const Line& line) const {
    return std::string_view(blob_).substr(line.label_begin, line.label_bytes);
  }
  void CountSignals();
  void ChooseSignals(const PageOptions& options);
  void RenderSignal(const SignalReading& signal);
  void RenderAlerts();

  std::shared_ptr<const ModelSnapshot> snapshot_;
  std::shared_ptr<const ModelSignals> signals_;
  std::string open_;  // `{model="...",version="..."`
  std::string labels_;
  std::vector<uint32_t> chosen_;  // the order in which signals are shown
  uint64_t wanted_ = 0;
  uint64_t rendered_series_ = UINT64_MAX;
  std::string blob_;
  std::vector<SignalLine> signal_lines_;
  std::vector<DetectorLine> detector_lines_;
  std::vector<std::string> alerts_;
  std::vector<DetectorRollup> rollups_;
  uint64_t states_[4] = {};
  uint64_t signals_hidden_ = 0;
  uint64_t alerts_firing_ = 0;
};

// Series of one signal with one detector, and without any; what Choose counts with.
inline constexpr uint64_t kSeriesPerDetector = 7;
inline constexpr uint64_t kSeriesPerSignal = 3;

// "feature", "prediction_score" and so on.
std::string RoleName(v1::ColumnRole role);

}  // namespace faultline

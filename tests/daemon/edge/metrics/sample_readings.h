#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "daemon/runtime/pipeline.h"

namespace faultline {

// A verdict of `detector` with this score and threshold.
inline DetectorReading MakeReading(std::string_view detector, double score, double threshold,
                                   bool firing = false) {
  DetectorReading reading;
  reading.detector = detector;
  reading.verdict.state =
      threshold > 0 && score >= threshold ? VerdictState::kAlarm : VerdictState::kQuiet;
  reading.verdict.score = score;
  reading.verdict.threshold = threshold;
  reading.verdict.rows = 1000;
  reading.verdict.reference_rows = 5000;
  reading.firing = firing;
  return reading;
}

inline SignalReading MakeSignal(std::string name, std::vector<DetectorReading> readings) {
  SignalReading signal;
  signal.name = std::move(name);
  signal.state = VerdictState::kQuiet;
  for (const DetectorReading& reading : readings) {
    if (reading.verdict.state == VerdictState::kAlarm) signal.state = VerdictState::kAlarm;
  }
  signal.missing_ratio = 0;
  signal.readings = std::move(readings);
  return signal;
}

inline std::shared_ptr<ModelSnapshot> MakeModel(std::string name,
                                                std::vector<SignalReading> signals) {
  auto model = std::make_shared<ModelSnapshot>();
  model->name = std::move(name);
  model->version = "1";
  auto all = std::make_shared<ModelSignals>();
  all->signals = std::move(signals);
  model->signals = std::move(all);
  return model;
}

inline PipelineReading MakePipelineReading(
    std::vector<std::shared_ptr<const ModelSnapshot>> models) {
  PipelineReading reading;
  reading.models = std::move(models);
  return reading;
}

}  // namespace faultline

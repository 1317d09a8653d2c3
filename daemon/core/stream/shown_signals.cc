#include "daemon/core/stream/shown_signals.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "daemon/core/stream/stream_parts.h"

namespace faultline {

std::string WhyWaiting(const StreamParts& stream, uint32_t signal) {
  if (stream.signals[signal].reference != nullptr) return "";
  const Learners& learners = stream.learners;
  if (learners.Learns(signal)) {
    return absl::StrCat("learning its reference: ", learners.RowsOf(signal).rows(), " of ",
                        learners.RowsWanted(signal), " rows");
  }
  return learners.MemoryRefused(signal) ? "waits for reference memory (limits.reference)"
                                        : "its column has not been sent yet";
}

void ShownSignals::Show(const StreamParts& stream, std::shared_ptr<ModelSignals> judged) {
  judged->evaluated_ns = stream.panes.evaluated_ns();
  const std::vector<v1::Reference>& references = stream.reference_list.all();
  judged->references.assign(references.rbegin(), references.rend());
  std::set<uint64_t> previous;
  for (uint32_t signal = 0; signal < stream.signals.size(); ++signal) {
    const SignalReference* reference = stream.references.Previous(signal);
    if (reference != nullptr) previous.insert(reference->version());
  }
  for (v1::Reference& reference : judged->references) {
    reference.set_previous(previous.contains(reference.version()));
  }
  judged->rolling = stream.references.RollingMessage(stream.settings.learn_rows);
  for (const uint32_t signal : stream.learners.learning()) {
    judged->learning_rows =
        std::max<uint64_t>(judged->learning_rows, stream.learners.RowsOf(signal).rows());
    judged->learn_rows = std::max<uint64_t>(judged->learn_rows, stream.learners.RowsWanted(signal));
  }
  shown_ = std::move(judged);
  review_.clear();
  outdated_ = false;
}

std::shared_ptr<const ModelSignals> ShownSignals::Read(const StreamParts& stream) {
  if (!outdated_ && shown_ != nullptr) return shown_;
  const ModelSettings& settings = *stream.model.settings;
  auto renewed = std::make_shared<ModelSignals>();
  renewed->signals.reserve(stream.signals.size());
  for (uint32_t signal = 0; signal < stream.signals.size(); ++signal) {
    const SignalState& state = stream.signals[signal];
    std::vector<DetectorReading> readings;
    if (shown_ == nullptr || signal >= shown_->signals.size() || review_.contains(signal)) {
      ReviewSignal(settings, stream.references.Rolling(signal), state, &readings);
    } else {
      readings = shown_->signals[signal].readings;
    }
    const SignalFacts& facts = stream.signals.facts(signal);
    for (DetectorReading& reading : readings) {
      stream.model.alerts.Fill(facts.name, settings, &reading);
    }
    renewed->signals.push_back(
        ReadSignal(facts, settings, state, WhyWaiting(stream, signal), std::move(readings)));
  }
  Show(stream, std::move(renewed));
  return shown_;
}

size_t ShownSignals::memory_bytes() const {
  size_t bytes = 0;
  if (shown_ == nullptr) return bytes;
  for (const SignalReading& reading : shown_->signals) {
    bytes += sizeof reading + reading.readings.capacity() * sizeof(DetectorReading);
  }
  return bytes;
}

}  // namespace faultline

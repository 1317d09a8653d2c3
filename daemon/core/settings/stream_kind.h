#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace faultline {

struct ModelSettings;

// Length of the panes of one stream, and how much of the stream is kept.
struct PaneSettings {
  int64_t length_ns = 0;  // 0: panes are by rows
  uint32_t rows = 0;
  uint32_t late_panes = 1;  // panes before the newest one that may still count rows; at most 1
  int64_t idle_close_ns = 0;
  uint32_t window_panes = 30;
  uint32_t learn_rows = 5'000;
  uint32_t rolling_panes = 8'640;  // quiet panes of a rolling reference; 0: none
};

// A stream of panes that every model has, and how the model's settings apply to it.
struct StreamKind {
  std::string_view name;
  PaneSettings (*panes)(const ModelSettings& settings);
  // Factor on the weights that the detectors of its signals have in the alarm budget.
  double budget_weight = 1;
  // Subject of the incidents that its alerts join or open; see TransitionContext.
  std::string_view subject = {};
};

// The streams of the product; a stream's ordinal is its place. EventBatch::stream says which one a
// batch belongs to.
std::span<const StreamKind> StreamKinds();

}  // namespace faultline

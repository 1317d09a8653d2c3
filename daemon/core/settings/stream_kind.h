#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace faultline {

struct ModelSettings;

// How the panes of one stream are cut, and how much of it is kept.
struct PaneSettings {
  int64_t length_ns = 0;  // 0: panes are by rows
  uint32_t rows = 0;
  uint32_t late_panes = 1;  // panes before the newest one that may still count rows; at most 1
  int64_t idle_close_ns = 0;
  uint32_t window_panes = 30;
  uint32_t learn_rows = 5'000;
  uint32_t rolling_panes = 8'640;  // quiet panes of a rolling reference; 0: none
};

// A stream of panes that every model has: where its rows come from, and what the settings of the
// model come to for it.
struct StreamKind {
  std::string_view name;
  PaneSettings (*panes)(const ModelSettings& settings);
  // Of the alarm budget, against the other streams: a signal's detectors weigh so much more.
  double budget_weight = 1;
  // Of the incidents that its alerts join or open: those of another subject are other failures.
  std::string_view subject = {};
};

// The streams of the product; a stream's ordinal is its place. EventBatch::stream says which one a
// batch belongs to.
std::span<const StreamKind> StreamKinds();

}  // namespace faultline

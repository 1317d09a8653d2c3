#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/cli/demo/demo_traffic.h"
#include "faultline/v1/incident.pb.h"

namespace faultline::cli {

// What the demo needs of the daemon's configuration (deploy/examples/credit-demo.yaml): panes by
// rows, so that neither its rate nor the machine's matters, and windows that an act can fill and a
// calm can empty.
inline constexpr uint32_t kDemoPaneRows = 200;
inline constexpr uint32_t kDemoWindowPanes = 5;
inline constexpr uint32_t kDemoLearnRows = 4'000;
inline constexpr uint32_t kDemoFirePanes = 2;
inline constexpr uint32_t kDemoResolvePanes = 3;

// Rows of the parts of the demo. At the start: the reference, then quiet. Of each act: until every
// window holds nothing but it and its alerts fire; of each calm: until no window holds any of it
// and its alerts have resolved, and as much again.
inline constexpr uint32_t kDemoStartRows = kDemoLearnRows + 2'000;
inline constexpr uint32_t kDemoActRows = 1'600;
inline constexpr uint32_t kDemoCalmRows = 3'200;
static_assert(kDemoActRows >= (kDemoWindowPanes + kDemoFirePanes) * kDemoPaneRows);
static_assert(kDemoCalmRows >= 2 * (kDemoWindowPanes + kDemoResolvePanes) * kDemoPaneRows);

// One way in which the credit model fails, and the incident that must come of it.
struct DemoAct {
  std::string_view name;
  std::string_view story;
  CreditBehaviour behaviour;
  v1::FailureMode failure_mode;
  std::string_view detector;              // one of its alerts is of this kind
  std::vector<std::string_view> signals;  // each has an alert
};

// The table.
std::span<const DemoAct> DemoActs();

// What became of an act.
struct DemoActOutcome {
  const DemoAct* act = nullptr;
  std::vector<v1::Incident> incidents;  // opened from its beginning to the end of its calm
  // Why it is not as expected; empty: it is.
  std::vector<std::string> problems;
};

// Holds the incidents of an act, in their last state, against what is expected: exactly one, with
// the failure mode, the detector and the signals of the table, and resolved.
std::vector<std::string> JudgeAct(const DemoAct& act, std::span<const v1::Incident> incidents);

// "INPUT_DRIFT" for FAILURE_MODE_INPUT_DRIFT.
std::string ShortName(v1::FailureMode mode);

}  // namespace faultline::cli

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

// Rows of the parts of the demo. The start: the reference, then quiet rows. Each act: until every
// window holds only its rows and its alerts fire. Each calm: until no window holds rows of the act
// and its alerts have resolved, and as many rows again.
inline constexpr uint32_t kDemoStartRows = kDemoLearnRows + 2'000;
inline constexpr uint32_t kDemoActRows = 1'600;
inline constexpr uint32_t kDemoCalmRows = 3'200;
static_assert(kDemoActRows >= (kDemoWindowPanes + kDemoFirePanes) * kDemoPaneRows);
static_assert(kDemoCalmRows >= 2 * (kDemoWindowPanes + kDemoResolvePanes) * kDemoPaneRows);

// One way in which the credit model fails, and the incident that it must cause.
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

// The outcome of an act.
struct DemoActOutcome {
  const DemoAct* act = nullptr;
  std::vector<v1::Incident> incidents;  // opened from its beginning to the end of its calm
  // Why it is not as expected; empty: it is.
  std::vector<std::string> problems;
};

// Compares the incidents of an act, in their last state, with the expectation: exactly one,
// resolved, with the failure mode, the detector and the signals of the table.
std::vector<std::string> JudgeAct(const DemoAct& act, std::span<const v1::Incident> incidents);

// "INPUT_DRIFT" for FAILURE_MODE_INPUT_DRIFT.
std::string ShortName(v1::FailureMode mode);

}  // namespace faultline::cli

#pragma once

#include <cstdint>

namespace faultline {

// The false alarms granted to a model per period. Times are in the unit of the period: seconds or
// rows.
struct AlarmBudget {
  double false_alarms = 1;
  double period = 30 * 86'400.0;
  bool in_rows = false;
  // All models of the deployment share it; see BudgetDivision::ThresholdOf.
  bool of_deployment = false;
  uint32_t replicas = 1;

  bool granted() const { return false_alarms > 0; }
  // Evidence at which a detector alarms, before the budget is divided over models; only if
  // granted.
  double threshold() const { return period / false_alarms * replicas; }
};

}  // namespace faultline

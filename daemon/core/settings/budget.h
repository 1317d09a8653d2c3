#pragma once

#include <cstdint>

namespace faultline {

// What an operator grants a model: so many false alarms per so much time, or per so many rows. The
// one unit of everything below is that of the period: seconds or rows.
struct AlarmBudget {
  double false_alarms = 1;
  double period = 30 * 86'400.0;
  bool in_rows = false;
  // Of the whole deployment: models share it, see BudgetDivision::ThresholdOf.
  bool of_deployment = false;
  uint32_t replicas = 1;

  bool granted() const { return false_alarms > 0; }
  // Mass at which evidence is an alarm, before it is divided over models; only if granted.
  double threshold() const { return period / false_alarms * replicas; }
};

}  // namespace faultline

#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "detectors/evidence/reference_law.h"
#include "detectors/summary/summary.h"
#include "tests/bench/budgeted_kinds.h"

namespace faultline::bench {

// An alarm that began at the end of a pane.
struct BenchAlarm {
  uint64_t row = 0;  // rows of live traffic until then
  uint32_t column = 0;
  std::string kind;
  double change_row = 0;  // where it most likely changed; rows are a second apart
};

// Columns of numbers watched as the daemon watches a model's: all kinds of the default suite that
// are on the alarm budget, and conformal_change, in panes of `pane_rows` rows, each with an even
// share of a budget of one false alarm per `budget_rows` rows. Alarms stand until their effect is
// gone.
class Watch {
 public:
  Watch(const std::vector<std::vector<double>>& reference, uint32_t pane_rows, double budget_rows);

  // A row of live traffic, one value a column; NaN counts as invalid. Alarms that begin with it are
  // added.
  void Add(std::span<const double> row, std::vector<BenchAlarm>* alarms);
  // Whether an alarm stands.
  bool alarming() const;

 private:
  struct Column {
    Shape shape;
    std::unique_ptr<Summary> reference;
    ReferenceLaw law;
    std::unique_ptr<Summary> pane;
    std::vector<double> waiting;
    std::vector<std::vector<std::byte>> states;
    std::vector<bool> alarming;
  };

  void ClosePane(uint32_t index, std::vector<BenchAlarm>* alarms);

  uint32_t pane_rows_;
  double budget_rows_;
  uint64_t rows_ = 0;
  std::vector<BudgetedKind> kinds_;
  std::vector<std::unique_ptr<Column>> columns_;
};

}  // namespace faultline::bench

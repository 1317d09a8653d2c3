#include "tests/bench/watch.h"

#include <algorithm>

#include "base/check.h"

namespace faultline::bench {
namespace {

constexpr double kStart = 1e9;

}  // namespace

Watch::Watch(const std::vector<std::vector<double>>& reference, uint32_t pane_rows,
             double budget_rows)
    : pane_rows_(pane_rows), budget_rows_(budget_rows), kinds_(BudgetedKinds(true)) {
  for (const std::vector<double>& rows : reference) {
    auto& column = *columns_.emplace_back(std::make_unique<Column>());
    column.shape = MakeNumericShape(rows, 1, {});
    column.reference = std::make_unique<Summary>(&column.shape);
    column.reference->CountNumbers(rows, nullptr, {0, static_cast<uint32_t>(rows.size())});
    column.law = LearnNumericLaw(*column.reference, rows, nullptr, {});
    column.pane = std::make_unique<Summary>(&column.shape);
    for (const BudgetedKind& kind : kinds_) {
      kind.follow->Start(column.states.emplace_back(kind.follow->state_bytes()));
    }
    column.alarming.resize(kinds_.size());
  }
}

void Watch::Add(std::span<const double> row, std::vector<BenchAlarm>* alarms) {
  FAULTLINE_CHECK(row.size() == columns_.size(), "one value a column");
  ++rows_;
  for (uint32_t i = 0; i < columns_.size(); ++i) {
    columns_[i]->waiting.push_back(row[i]);
    if (columns_[i]->waiting.size() == pane_rows_) ClosePane(i, alarms);
  }
}

bool Watch::alarming() const {
  return std::any_of(columns_.begin(), columns_.end(), [](const auto& column) {
    return std::find(column->alarming.begin(), column->alarming.end(), true) !=
           column->alarming.end();
  });
}

void Watch::ClosePane(uint32_t index, std::vector<BenchAlarm>* alarms) {
  Column& column = *columns_[index];
  column.pane->Clear();
  column.pane->CountNumbers(column.waiting, nullptr, {0, pane_rows_});
  column.waiting.clear();
  FollowInput input = {.reference = *column.reference, .law = column.law, .pane = *column.pane};
  input.end_s = kStart + static_cast<double>(rows_);
  input.begin_s = input.end_s - pane_rows_;
  input.budget_increment = pane_rows_ / static_cast<double>(kinds_.size() * columns_.size());
  input.threshold = budget_rows_;
  for (size_t k = 0; k < kinds_.size(); ++k) {
    const Verdict verdict = kinds_[k].follow->Follow(input, column.states[k]);
    const bool alarming = verdict.state == VerdictState::kAlarm;
    if (alarming && !column.alarming[k]) {
      const double change_s = static_cast<double>(verdict.change_ns) / 1e9;
      alarms->push_back({rows_, index, kinds_[k].name, change_s - kStart});
    }
    column.alarming[k] = alarming;
  }
}

}  // namespace faultline::bench

// Prints what counting and judging cost, on values that no branch predictor has seen before.

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "detectors/catalog.h"
#include "detectors/summary/binning.h"
#include "detectors/summary/summary.h"
#include "tests/support/streams.h"

namespace faultline {
namespace {

constexpr size_t kValues = size_t{1} << 21;
constexpr uint32_t kColumn = 256;

template <typename Run>
double NanosecondsPer(size_t count, Run run) {
  double best = 1e300;
  for (int repeat = 0; repeat < 5; ++repeat) {
    const auto begin = std::chrono::steady_clock::now();
    run();
    const std::chrono::duration<double, std::nano> took = std::chrono::steady_clock::now() - begin;
    best = std::min(best, took.count() / static_cast<double>(count));
  }
  return best;
}

void Print(const char* name, double figure, const char* unit, double target) {
  const char* word = target <= 0 ? "-" : figure <= target ? "ok" : "miss";
  std::printf("%-44s %10.2f %-9s %8.2f %s\n", name, figure, unit, target, word);
}

double CountColumns(const Shape& shape, std::span<const double> values, uint32_t column) {
  std::vector<Summary> panes;
  for (int i = 0; i < 64; ++i) panes.emplace_back(&shape);
  return NanosecondsPer(values.size(), [&] {
    size_t next = 0;
    for (size_t at = 0; at + column <= values.size(); at += column) {
      Summary& pane = panes[next++ % panes.size()];
      if (pane.rows() > 8192) pane.Clear();
      pane.CountNumbers(values.subspan(at, column), nullptr, {0, column});
    }
  });
}

// One judgement of a window of 7680 rows: what a closing pane costs per signal and kind.
void JudgeKinds(std::span<const double> reference, std::span<const double> values) {
  const Shape shape = MakeNumericShape(reference, 1, {});
  Summary before(&shape);
  before.CountNumbers(reference, nullptr, {0, static_cast<uint32_t>(reference.size())});
  Summary window(&shape);
  window.CountNumbers(values, nullptr, {0, 7680});
  const ReferenceLaw law = LearnNumericLaw(before, reference, nullptr, {});
  FollowInput input = {.reference = before, .law = law, .pane = window};
  input.end_s = input.deposit = 10;
  input.threshold = 1e12;  // Never alarms: that is what is paid for.
  constexpr int kLooks = 2000;
  for (const CatalogEntry& entry : Catalog()) {
    v1::DetectorSpec spec;
    spec.GetReflection()->MutableMessage(
        &spec, spec.GetDescriptor()->FindFieldByNumber(static_cast<int>(entry.kind)));
    if (entry.kind == v1::DetectorSpec::kDependencyChange) {
      spec.mutable_dependency_change()->set_from("a");
      spec.mutable_dependency_change()->set_to("b");
    }
    const Detector made = *MakeDetector(spec);
    const std::string name = "judge." + std::string(entry.name);
    std::vector<std::byte> state(entry.state_bytes_max);
    if (made.compare != nullptr && !made.compare->Judges(SignalType::kNumeric)) continue;
    Print(name.c_str(),
          NanosecondsPer(kLooks,
                         [&] {
                           for (int i = 0; i < kLooks; ++i) {
                             if (made.compare != nullptr)
                               (void)made.compare->Compare(before, window);
                             if (made.follow != nullptr) (void)made.follow->Follow(input, state);
                             if (made.score != nullptr) (void)made.score->Compare(before, window);
                           }
                         }),
          "ns/look", 0);
  }
}

void ScoreRows(std::span<const double> values) {
  v1::DetectorSpec spec;
  spec.mutable_row_score();
  const Detector made = *MakeDetector(spec);
  for (const uint32_t width : {8u, 32u}) {
    const size_t rows = values.size() / width;
    std::vector<NumericColumn> columns;
    for (uint32_t k = 0; k < width; ++k) columns.push_back(values.subspan(k * rows, rows));
    std::vector<NumericColumn> head;
    for (const NumericColumn column : columns) head.push_back(column.first(5000));
    std::string fitted;
    if (!made.score->Fit(head, &fitted).ok()) std::abort();
    std::vector<double> scores(rows);
    const std::string name = "score.row_score." + std::to_string(width) + "_columns";
    Print(name.c_str(),
          NanosecondsPer(rows * width,
                         [&] {
                           for (uint32_t at = 0; at + kColumn <= rows; at += kColumn) {
                             made.score->Score(fitted, columns, {at, at + kColumn}, scores);
                           }
                         }),
          "ns/value", 0);
  }
}

int Main() {
  const std::vector<double> reference = testing::Normals(1, 20000);
  const std::vector<double> values = testing::Normals(2, kValues);
  const Shape shape = MakeNumericShape(reference, 1, {});
  const Shape sketched = MakeNumericShape(reference, 1, {.quantiles = true, .distinct = true});
  Print("count.numbers.256_rows", CountColumns(shape, values, kColumn), "ns/value", 12);
  Print("count.numbers.64_rows", CountColumns(shape, values, 64), "ns/value", 0);
  Print("count.numbers.4096_rows", CountColumns(shape, values, 4096), "ns/value", 0);
  Print("count.numbers.1_row", CountColumns(shape, values, 1), "ns/value", 0);
  Print("count.numbers.256_rows.sketches", CountColumns(sketched, values, kColumn), "ns/value", 0);
  std::vector<double> gaps = values;
  for (size_t i = 0; i < gaps.size(); i += 50) gaps[i] = __builtin_nan("");
  Print("count.numbers.256_rows.2_percent_nan", CountColumns(shape, gaps, kColumn), "ns/value", 0);
  const EdgeTable table(shape);
  for (const CountingKernel& kernel : CountingKernels()) {
    uint32_t hits[EdgeTable::kSlots + 1] = {};
    RunTotals totals{.least = 0, .largest = 0};
    const std::string name = std::string("kernel.") + kernel.name;
    Print(name.c_str(),
          NanosecondsPer(kValues,
                         [&] {
                           for (size_t at = 0; at < kValues; at += kColumn) {
                             kernel.count(table, values.data() + at, kColumn, hits, &totals);
                           }
                         }),
          "ns/value", 0);
    if (hits[0] == 1) std::abort();  // hits is used
  }
  Summary pane(&shape);
  pane.CountNumbers(values, nullptr, {0, kColumn});
  std::string bytes;
  pane.Encode(&bytes);
  Print("pane.256_rows.encoded", static_cast<double>(bytes.size()), "bytes", 200);
  JudgeKinds(reference, values);
  ScoreRows(values);
  return 0;
}

}  // namespace
}  // namespace faultline

int main() { return faultline::Main(); }

// False alarms on streams where nothing changes, against the alarm budget: realised rate as a
// multiple of the promised one, with the 99 % limits that the exposure leaves. Samples until a
// limit decides, or until its time is up: arl_bench [SECONDS PER ROW]. A thousand signals take 4
// and 30 times as long. Real streams are as long as they are: they miss only if the lower limit is
// above the budget.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "tests/bench/arl_run.h"
#include "tests/bench/figures.h"
#include "tests/bench/watch.h"
#include "tests/support/csv.h"

namespace faultline::bench {
namespace {

constexpr double kExposureMin = 5;  // budgets' worth of rows, below which nothing is decided

void Sample(const NullStream& stream, const ArlSetting& setting, double seconds) {
  const auto begin = std::chrono::steady_clock::now();
  ArlCount count;
  double upper = 0;
  for (uint64_t seed = 1;; ++seed) {
    RunNullStream(stream, setting, seed, &count);
    const double promised = count.rows / setting.budget_rows;
    upper = UpperLimit99(count.alarms) / promised;
    const double lower = LowerLimit99(count.alarms) / promised;
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
    if (promised >= kExposureMin && (upper <= 1 || lower > 1)) break;
    if (took.count() > seconds) break;
  }
  const double promised = count.rows / setting.budget_rows;
  const bool decided = upper <= 1 || LowerLimit99(count.alarms) / promised > 1;
  std::string name = "arl." + std::string(stream.name) + "." +
                     std::to_string(static_cast<int>(std::log10(setting.budget_rows))) + "." +
                     std::to_string(setting.signals) + "." + std::to_string(setting.reference_rows);
  if (decided) {
    Print(name, upper, "x budget, 99 %", 1, Better::kLower);
  } else {
    Print(name + ".undecided", upper, "x budget, 99 %");
  }
  std::printf("    %.4g alarms in %.4g rows, promised at most %.4g", count.alarms, count.rows,
              promised);
  for (const auto& [kind, alarms] : count.by_kind) std::printf("; %s %g", kind.c_str(), alarms);
  std::printf("\n");
}

// Columns of a stream, without the last one if that is a label; rows [begin, end).
void Real(const std::string& path, size_t columns, size_t begin, size_t end) {
  const auto table = testing::ReadNumberTable(testing::SharedStream(path));
  if (!table.has_value()) {
    std::printf("no %s: skipped\n", path.c_str());
    return;
  }
  constexpr double kBudget = 1e4;
  constexpr uint32_t kPaneRows = 250;
  end = std::min(end, table->rows());
  const size_t split = begin + std::min<size_t>(5'000, (end - begin) / 2);
  std::vector<std::vector<double>> reference;
  for (size_t k = 0; k < columns; ++k) {
    const auto from = table->columns[k].begin();
    reference.emplace_back(from + static_cast<std::ptrdiff_t>(begin),
                           from + static_cast<std::ptrdiff_t>(split));
  }
  Watch watch(reference, kPaneRows, kBudget);
  std::vector<BenchAlarm> alarms;
  std::vector<double> row(columns);
  for (size_t i = split; i < end; ++i) {
    for (size_t k = 0; k < columns; ++k) row[k] = table->columns[k][i];
    watch.Add(row, &alarms);
  }
  const double promised = static_cast<double>(end - split) / kBudget;
  const auto count = static_cast<double>(alarms.size());
  Print("arl.real." + path, LowerLimit99(count) / promised, "x budget, 99 %", 1, Better::kLower);
  std::printf("    %g alarms in %zu rows, promised at most %.4g; upper limit %.3g x budget\n",
              count, end - split, promised, UpperLimit99(count) / promised);
}

void RealStreams() {
  constexpr size_t kAll = static_cast<size_t>(-1);
  Real("losing/sea.csv.gz", 3, 0, kAll);
  Real("iks_streams/abrupt_insects.csv.gz", 49, 0, 1'775);
  for (const std::string name : {"circles_101", "circles_102", "sine1_101", "sine1_102"}) {
    Real("tornado/" + name + ".csv.gz", 2, 0, kAll);
  }
  for (const std::string name : {"mixed_101", "mixed_102"}) {
    Real("tornado/" + name + ".csv.gz", 4, 0, kAll);
  }
}

void Main(double seconds) {
  std::printf("arl.STREAM.LOG10 OF ROWS PER FALSE ALARM.SIGNALS.REFERENCE ROWS\n");
  for (const NullStream& stream : NullStreams()) {
    Sample(stream, {.budget_rows = 1e4, .stream_rows = 100'000}, seconds);
    Sample(stream, {.budget_rows = 1e6}, seconds);
    Sample(stream, {.budget_rows = 1e4, .signals = 1000, .stream_rows = 10'000}, 4 * seconds);
    constexpr ArlSetting kWide = {
        .budget_rows = 1e6, .signals = 1000, .pane_rows = 4096, .stream_rows = 2'500'000};
    Sample(stream, kWide, 30 * seconds);
  }
  RealStreams();
  for (const uint32_t rows : {20u, 200u, 1000u}) {
    for (const NullStream& stream : NullStreams()) {
      if (stream.name == "seasonal") continue;  // Its reference would hold less than two periods.
      Sample(stream, {.budget_rows = 1e4, .reference_rows = rows, .stream_rows = 100'000}, seconds);
    }
  }
}

}  // namespace
}  // namespace faultline::bench

int main(int argc, char** argv) { faultline::bench::Main(argc > 1 ? std::atof(argv[1]) : 20); }

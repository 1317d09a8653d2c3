// False alarms on streams where nothing changes, against the alarm budget: realised rate as a
// multiple of the promised one, with the 99 % limits that the exposure leaves. Samples until a
// limit decides, or until its time is up: arl_bench [SECONDS PER ROW].
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "tests/bench/arl_run.h"
#include "tests/bench/figures.h"

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
  std::string name = "arl." + std::string(stream.name) + "." +
                     std::to_string(static_cast<int>(std::log10(setting.budget_rows))) + "." +
                     std::to_string(setting.signals) + "." + std::to_string(setting.reference_rows);
  Print(name, upper, "x budget, 99 %", 1, Better::kLower);
  std::printf("    %.4g alarms in %.4g rows, promised at most %.4g", count.alarms, count.rows,
              promised);
  for (const auto& [kind, alarms] : count.by_kind) std::printf("; %s %g", kind.c_str(), alarms);
  std::printf("\n");
}

void Main(double seconds) {
  std::printf("arl.STREAM.LOG10 OF ROWS PER FALSE ALARM.SIGNALS.REFERENCE ROWS\n");
  for (const NullStream& stream : NullStreams()) {
    Sample(stream, {.budget_rows = 1e4, .stream_rows = 100'000}, seconds);
    Sample(stream, {.budget_rows = 1e6}, seconds);
    Sample(stream, {.budget_rows = 1e4, .signals = 1000, .stream_rows = 20'000}, seconds);
  }
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

#include "daemon/core/change_time.h"

#include <google/protobuf/util/time_util.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "tests/daemon/core/core_run.h"

// Intervals of the time of a change, held against changes whose time is known.

namespace faultline {
namespace {

using google::protobuf::util::TimeUtil;
using testing::BatchMaker;
using testing::CoreRun;
using testing::kSecond;
using testing::kStart;
using testing::MakeSettings;
using testing::Numbers;

constexpr uint32_t kStreams = 40;

struct Coverage {
  uint32_t alarms = 0;
  uint32_t incident_holds = 0;
  uint32_t alerts = 0;
  uint32_t alert_holds = 0;
  double width_s = 0;
};

bool Holds(const v1::TimeEstimate& estimate, int64_t at_ns) {
  return TimeUtil::TimestampToNanoseconds(estimate.earliest()) <= at_ns &&
         at_ns <= TimeUtil::TimestampToNanoseconds(estimate.latest());
}

// A value before the change and one after it.
using Value = std::function<double(Numbers* numbers, bool after, double* state)>;

// One row a second from kStart, in panes of 20; the change is in the midst of one.
void PlayStream(uint32_t seed, const std::string& learn_rows, const Value& value,
                Coverage* coverage) {
  CoreRun run(MakeSettings("defaults { pane { length: \"20s\" } window_panes: 30 reference { "
                           "learn_rows: " +
                           learn_rows +
                           " } alarm_budget { false_alarms: 1 per: \"30d\" } "
                           "detectors { mean_change {} } detectors { distribution_change {} } "
                           "detectors { missing_rate { } } }"));
  Numbers numbers(seed);
  const uint32_t learn = static_cast<uint32_t>(std::stoul(learn_rows));
  const uint32_t change = learn + 700 + static_cast<uint32_t>(numbers.Next(400));
  const uint32_t rows = change + 1'500;
  std::vector<double> values(rows);
  std::vector<uint32_t> missing;
  double state = 0;
  for (uint32_t row = 0; row < rows; ++row) {
    values[row] = value(&numbers, row >= change, &state);
    if (std::isnan(values[row])) missing.push_back(row);
  }
  BatchMaker maker(rows);
  maker.Number("x", values).Missing(missing);
  for (uint32_t row = 0; row < rows; row += 20) {
    run.Apply(maker.Rows(row, std::min(row + 20, rows)));
  }
  run.Cut();
  const int64_t at_ns = kStart + change * kSecond;
  for (const auto& [id, incident] : run.incidents()) {
    if (TimeUtil::TimestampToNanoseconds(incident.open_time()) < at_ns) continue;
    ++coverage->alarms;
    if (Holds(incident.change_time(), at_ns)) ++coverage->incident_holds;
    coverage->width_s +=
        static_cast<double>(TimeUtil::TimestampToNanoseconds(incident.change_time().latest()) -
                            TimeUtil::TimestampToNanoseconds(incident.change_time().earliest())) /
        1e9;
    for (const v1::Alert& alert : incident.alerts()) {
      ++coverage->alerts;
      if (Holds(alert.peak().change_time(), at_ns)) ++coverage->alert_holds;
    }
    break;
  }
}

Coverage Measure(const char* name, const std::string& learn_rows, const Value& value) {
  Coverage coverage;
  for (uint32_t seed = 1; seed <= kStreams; ++seed) PlayStream(seed, learn_rows, value, &coverage);
  printf("%s, %s rows: %u alarms, interval of %.0f s holds in %u; %u alerts, holds in %u\n", name,
         learn_rows.c_str(), coverage.alarms, coverage.width_s / coverage.alarms,
         coverage.incident_holds, coverage.alerts, coverage.alert_holds);
  return coverage;
}

TEST(ChangeTimeTest, X) {
  for (const char* rows : {"500", "5000"}) {
    for (const double shift : {0.3, 1.0, 3.0, 30.0}) {
      Measure(("shift " + std::to_string(shift)).c_str(), rows,
              [&](Numbers* numbers, bool after, double*) {
                return numbers->Normal() + (after ? shift : 0);
              });
    }
    for (const double share : {0.05, 0.3, 1.0}) {
      Measure(("missing " + std::to_string(share)).c_str(), rows,
              [&](Numbers* numbers, bool after, double*) {
                const double value = numbers->Normal();
                return after && numbers->Uniform() < share ? NAN : value;
              });
    }
    Measure("ar(0.9)", rows, [&](Numbers* numbers, bool after, double* state) {
      *state = 0.9 * *state + numbers->Normal() * 0.43;
      return *state + (after ? 2 : 0);
    });
  }
}

}  // namespace
}  // namespace faultline

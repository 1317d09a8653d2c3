#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "tests/bench/null_streams.h"

namespace faultline::bench {

// A model whose signals are independent copies of a null stream, watched by all kinds of the
// default suite that are on the alarm budget and judge numbers, as the daemon watches them: panes,
// even shares of the budget. An alarm is counted and its detector begins anew.
struct ArlSetting {
  double budget_rows = 1e6;  // rows per false alarm, of the whole model
  uint32_t signals = 1;
  uint32_t reference_rows = 5'000;  // drawn anew for every stream
  uint32_t pane_rows = 256;
  uint64_t stream_rows = 0;  // live rows after each reference; 0: the budget's
};

struct ArlCount {
  double rows = 0;  // of the model
  double alarms = 0;
  std::map<std::string, double> by_kind;
};

// Adds one stream: a reference, then live rows.
void RunNullStream(const NullStream& stream, const ArlSetting& setting, uint64_t seed,
                   ArlCount* count);

// Limits of the mean of a Poisson count, each missed with a chance of one in a hundred (Garwood's
// exact ones, by bisection).
double LowerLimit99(double count);
double UpperLimit99(double count);

}  // namespace faultline::bench

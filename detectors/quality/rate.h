#pragma once

#include "detectors/contract/detector.h"

namespace faultline {

// Judges a share of rows against the reference's: score = what it grew by, at least 0; effect =
// the signed difference; noise floor = what chance makes of it. `verdict` has its rows and
// threshold already.
void JudgeRate(uint64_t reference_count, uint64_t window_count, Verdict* verdict);

}  // namespace faultline

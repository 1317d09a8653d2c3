#pragma once

#include "detectors/contract/detector.h"

namespace faultline {

// Compares a share of rows with the reference's: score = its growth, at least 0; effect = the
// signed difference; noise floor = the growth to expect by chance. `verdict` has rows and threshold
// set.
void JudgeRate(uint64_t reference_count, uint64_t window_count, Verdict* verdict);

}  // namespace faultline

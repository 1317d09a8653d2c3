#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "detectors/contract/detector.h"

namespace faultline {

// Describes the effect behind an alarm.
using DescribeEffect = std::string (*)(const FollowInput& input, double effect);

// Detects a lasting shift of the mean by bets on sub-sums; see mean_change.cc. `tag`: of the kind
// and the version of its state. `tolerance`: in standard deviations of the reference.
std::shared_ptr<const FollowDetector> FollowMean(uint32_t tag, double tolerance,
                                                 DescribeEffect describe);
}  // namespace faultline

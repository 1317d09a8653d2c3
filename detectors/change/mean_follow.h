#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "detectors/contract/detector.h"

namespace faultline {

// How the alarm of a follow detector is described: what the effect is.
using DescribeEffect = std::string (*)(const FollowInput& input, double effect);

// Sees a lasting move of the mean by bets on sub-sums; see mean_change.cc. `tag`: of the kind and
// the version of its state. `tolerance`: in standard deviations of the reference.
std::shared_ptr<const FollowDetector> FollowMean(uint32_t tag, double tolerance,
                                                 DescribeEffect describe);
}  // namespace faultline

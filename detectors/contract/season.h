#pragma once

#include <cstdint>

namespace faultline {

// The season that values or rates are compared with, in hours.
enum class Season : uint8_t { kNone = 0, kDay = 24, kWeek = 168 };

}  // namespace faultline

#pragma once

#include <cstdint>

namespace faultline {

// Ordinals of a model's streams of panes, as their keys have them (storage/tables/tables.h). Never
// given out twice.
inline constexpr uint8_t kInferenceStream = 0;

}  // namespace faultline

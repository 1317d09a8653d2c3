#pragma once

#include <cstdint>

namespace faultline {

// Ordinal of the inference rows in a model's list of streams; see StreamKind.
inline constexpr uint8_t kInferenceStream = 0;

// One stream of a model, as in keys.
struct StreamId {
  uint64_t model_hash = 0;
  uint8_t ordinal = 0;
};

}  // namespace faultline

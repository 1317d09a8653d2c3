#pragma once

#include <array>
#include <span>
#include <string_view>

#include "detectors/contract/transform.h"

namespace faultline {

// Transforms of single columns that no detector brings: they are always on, and what they make is
// judged like a column that was sent.
const Transform& NormTransform();

std::span<const Transform* const> ColumnTransforms();
// nullptr if there is no such transform.
const Transform* FindColumnTransform(std::string_view name);

}  // namespace faultline

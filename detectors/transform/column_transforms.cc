#include "detectors/transform/column_transforms.h"

namespace faultline {

std::span<const Transform* const> ColumnTransforms() {
  static const std::array<const Transform*, 1> transforms = {&NormTransform()};
  return transforms;
}

const Transform* FindColumnTransform(std::string_view name) {
  for (const Transform* transform : ColumnTransforms()) {
    if (transform->facts().name == name) return transform;
  }
  return nullptr;
}

}  // namespace faultline

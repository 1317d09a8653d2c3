// The length of each vector, as a signal that stands for the column: "x.norm".
#include <cmath>
#include <limits>

#include "detectors/transform/column_transforms.h"

namespace faultline {
namespace {

constexpr std::string_view kSuffix = ".norm";

// Four sums side by side; always the same four, so always the same bits.
double Length(std::span<const float> vector) {
  double sums[4] = {0, 0, 0, 0};
  for (size_t i = 0; i < vector.size(); ++i) {
    const double value = vector[i];
    sums[i % 4] += value * value;
  }
  return std::sqrt((sums[0] + sums[1]) + (sums[2] + sums[3]));
}

class Norm final : public Transform {
 public:
  Norm() : Transform({.name = "norm", .derivation = Derivation::kColumn}) {}

  bool Takes(const ColumnOffer& column) const override {
    return column.values == ColumnValues::kVectors;
  }
  bool Makes(std::string_view signal) const override { return signal.ends_with(kSuffix); }

  absl::Status Fit(std::span<const RowColumn> columns, uint32_t /*rows*/,
                   std::vector<MadeSignal>* made) const override {
    for (uint32_t i = 0; i < columns.size(); ++i) {
      made->push_back({.name = std::string(columns[i].signal).append(kSuffix), .columns = {i}});
    }
    return absl::OkStatus();
  }

  void Derive(std::string_view /*fitted*/, std::span<const RowColumn> columns, RowRange range,
              std::span<std::byte> /*memory*/, std::span<double> values) const override {
    const bool vectors = columns.size() == 1 && !columns[0].vectors.empty();
    for (uint32_t row = range.begin; row < range.end; ++row) {
      values[row] =
          vectors ? Length(columns[0].Vector(row)) : std::numeric_limits<double>::quiet_NaN();
    }
  }
};

}  // namespace

const Transform& NormTransform() {
  static const Norm norm;
  return norm;
}

}  // namespace faultline

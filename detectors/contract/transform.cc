#include "detectors/contract/transform.h"

#include <bit>
#include <cmath>
#include <limits>

namespace faultline {
namespace {

constexpr uint64_t kNanKey = 0x7ff8'0000'0000'0001;

}  // namespace

uint64_t RowColumn::Key(uint32_t row) const {
  if (IsMissing(row)) return 0;
  if (!codes.empty()) return hashes[codes[row]];
  if (numbers.empty()) return 0;
  const double number = numbers[row];
  if (std::isnan(number)) return kNanKey;
  // +0 makes -0 the same; the top bit keeps 0 apart from a missing value.
  return std::bit_cast<uint64_t>(number + 0.0) ^ (uint64_t{1} << 62);
}

double RowColumn::Number(uint32_t row) const {
  constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
  if (numbers.empty() || IsMissing(row)) return kNone;
  return std::isfinite(numbers[row]) ? numbers[row] : kNone;
}

std::span<const float> RowColumn::Vector(uint32_t row) const {
  if (vectors.empty() || IsMissing(row)) return {};
  return vectors.subspan(size_t{row} * dimension, dimension);
}

}  // namespace faultline

#include <bit>
#include <cmath>

#include "detectors/contract/detector.h"

namespace faultline {
namespace {

constexpr uint64_t kNanKey = 0x7ff8'0000'0000'0001;

bool IsNull(const uint64_t* nulls, uint32_t row) {
  return nulls != nullptr && (nulls[row / 64] >> (row % 64) & 1) != 0;
}

}  // namespace

uint64_t RowColumn::Key(uint32_t row) const {
  if (IsNull(nulls, row)) return 0;
  if (!codes.empty()) return hashes[codes[row]];
  if (numbers.empty()) return 0;
  const double number = numbers[row];
  if (std::isnan(number)) return kNanKey;
  // +0 makes -0 the same; the top bit keeps 0 apart from a missing value.
  return std::bit_cast<uint64_t>(number + 0.0) ^ (uint64_t{1} << 62);
}

double RowColumn::Number(uint32_t row) const {
  if (numbers.empty() || IsNull(nulls, row)) return kUnset;
  return std::isfinite(numbers[row]) ? numbers[row] : kUnset;
}

}  // namespace faultline

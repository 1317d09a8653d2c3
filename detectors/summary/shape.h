#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace faultline {

enum class SignalType : uint8_t { kNumeric = 1, kCategorical = 2 };

inline constexpr uint32_t kBinsMax = 60;
inline constexpr uint32_t kShapeCategoriesMax = 256;

// Which opt-in sketches a signal's panes carry.
struct SketchChoice {
  bool quantiles = false;
  bool distinct = false;
  bool operator==(const SketchChoice&) const = default;
};

// What the values of a signal are counted against: bin boundaries and a fixed-point scale for
// numbers, a dictionary for categories. Made once from reference rows, then frozen. Every pane and
// reference summary records the version of its shape, and only summaries of the same version can be
// merged or compared.
struct Shape {
  SignalType type = SignalType::kNumeric;
  uint32_t version = 0;
  SketchChoice sketches;

  // Numeric. boundaries is strictly ascending: bin i holds boundaries[i] <= x < boundaries[i + 1],
  // and the last bin also its upper boundary; values below are "under", values above "over". low
  // and high are the smallest and largest finite reference value and equal the outer boundaries. A
  // constant reference (low == high) has the single bin [low, low]: boundaries == {low, low}.
  std::vector<double> boundaries;
  double low = 0;
  double high = 0;
  // Fixed-point moments are of clip((x - center) / scale, +-kClip). center is the median; scale > 0
  // is the standard deviation after clipping, a robust estimate of it, or 1 if the reference is
  // constant.
  double center = 0;
  double scale = 1;

  // Categorical. Most frequent first; at most kShapeCategoriesMax. Categories of the reference
  // beyond that share the cell "other"; categories of no reference row are "unseen".
  std::vector<std::string> categories;
  // The cell of each category, ascending by hash (XXH3-64). Derived from categories by Index().
  struct CategoryCell {
    uint64_t hash;
    uint32_t cell;
  };
  std::vector<CategoryCell> category_cells;
  // Hashes (XXH3-64) of the reference categories that share "other", ascending, at most 65536.
  std::vector<uint64_t> other_hashes;

  uint32_t bins() const {
    return boundaries.empty() ? 0 : static_cast<uint32_t>(boundaries.size() - 1);
  }
  // The reference had values, all equal.
  bool constant() const {
    return type == SignalType::kNumeric && !boundaries.empty() && low == high;
  }

  // Fills category_cells from categories. Only needed after filling a Shape by hand.
  void Index();

  void Encode(std::string* out) const;
  // INVALID_ARGUMENT if the bytes are not a shape or break a rule above.
  static absl::StatusOr<Shape> Decode(std::string_view bytes);
};

// Makes the shape of a numeric signal from reference values: up to kBinsMax quantile bins of at
// least kBinRowsAim values each, fewer where values are few or tied. Inner boundaries lie half-way
// between distinct values, and a value with many ties gets its own bin. NaN and infinities are
// ignored. Without any finite value the result has no boundaries: every value is then "over", and
// detectors cannot tell. Depends on the values, not on their order. Sorts a copy: O(n log n).
inline constexpr uint64_t kBinRowsAim = 5;
Shape MakeNumericShape(std::span<const double> values, uint32_t version, SketchChoice sketches);

// Makes the shape of a categorical signal from reference values given as dictionary codes with the
// number of occurrences of each. Ties in frequency are broken by the bytes of the category.
Shape MakeCategoricalShape(std::span<const std::string> dictionary,
                           std::span<const uint64_t> counts, uint32_t version,
                           SketchChoice sketches);

}  // namespace faultline

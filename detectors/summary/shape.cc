#include "detectors/summary/shape.h"

#include <absl/status/status.h>
#include <absl/strings/str_cat.h>
#include <xxhash.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include "base/codec.h"

namespace faultline {
namespace {

constexpr uint8_t kFormat = 1;
constexpr size_t kOtherHashesMax = 65'536;
// Share of the values at each end that the scale ignores.
constexpr double kScaleTail = 0.005;

absl::Status Broken(const char* what) {
  return absl::InvalidArgumentError(absl::StrCat("not a shape: ", what));
}

// Midpoint without overflow; symmetric in its arguments to the bit.
double HalfWay(double low, double high) { return low / 2 + high / 2; }

// A boundary that has `below` on its left and `above` on its right.
double BoundaryBetween(double below, double above) {
  const double boundary = HalfWay(below, above);
  return below < boundary && boundary <= above ? boundary : above;
}

// Divides sorted values into bins, each with an equal share of the values that remain. A run of
// ties that fills a bin gets that bin to itself.
std::vector<double> QuantileBoundaries(std::span<const double> sorted) {
  std::vector<double> boundaries = {sorted.front()};
  const double high = sorted.back();
  uint64_t closed_rows = 0;
  uint64_t open_rows = 0;
  const auto cut = [&](double below, double above) {
    const double boundary = BoundaryBetween(below, above);
    if (open_rows == 0 || !(boundary > boundaries.back()) || !(boundary < high)) return;
    boundaries.push_back(boundary);
    closed_rows += open_rows;
    open_rows = 0;
  };
  for (size_t begin = 0; begin < sorted.size();) {
    const double value = sorted[begin];
    size_t end = begin + 1;
    while (end < sorted.size() && sorted[end] == value) ++end;
    const auto bins_left = [&] { return kBinsMax + 1 - boundaries.size(); };
    const auto share = [&] {
      const uint64_t rows_left = sorted.size() - closed_rows;
      return std::max((rows_left + bins_left() - 1) / bins_left(), kBinRowsAim);
    };
    if (begin > 0 && end - begin >= share() && bins_left() > 1) cut(sorted[begin - 1], value);
    open_rows += end - begin;
    if (end < sorted.size() && open_rows >= share() && bins_left() > 1) cut(value, sorted[end]);
    begin = end;
  }
  boundaries.push_back(high);
  return boundaries;
}

double ClippedDeviation(std::span<const double> sorted, double center, double unit, size_t tail) {
  const double low = sorted[tail];
  const double high = sorted[sorted.size() - 1 - tail];
  const double n = static_cast<double>(sorted.size());
  const auto in_units = [&](double value) {
    const double far = std::numeric_limits<double>::max();
    return std::clamp(std::clamp(value, low, high) - center, -far, far) / unit;
  };
  double mean = 0;
  for (const double value : sorted) mean += in_units(value) / n;
  double squares = 0;
  for (const double value : sorted) {
    const double deviation = in_units(value) - mean;
    squares += deviation * deviation / n;
  }
  return std::sqrt(squares) * unit;
}

double ScaleOf(std::span<const double> sorted, double center) {
  const double half_range = sorted.back() / 2 - sorted.front() / 2;
  const double unit = half_range > 0 ? half_range : sorted.back() - sorted.front();
  if (!(unit > 0)) return 1;
  const size_t tail = static_cast<size_t>(kScaleTail * static_cast<double>(sorted.size()));
  for (const size_t cut : {tail, size_t{0}}) {
    const double deviation = ClippedDeviation(sorted, center, unit, cut);
    if (deviation > 0 && std::isfinite(deviation)) return deviation;
  }
  return unit;
}

void EncodeNumeric(const Shape& shape, Encoder& encoder) {
  encoder.Varint(shape.boundaries.size());
  for (const double boundary : shape.boundaries) encoder.Double(boundary);
  if (shape.boundaries.empty()) return;
  encoder.Double(shape.center);
  encoder.Double(shape.scale);
}

absl::Status DecodeNumeric(Decoder& decoder, Shape* shape) {
  const uint64_t count = decoder.Varint();
  if (!decoder.ok() || count == 1 || count > kBinsMax + 1) return Broken("number of boundaries");
  for (uint64_t i = 0; i < count; ++i) {
    shape->boundaries.push_back(decoder.Double());
    if (!std::isfinite(shape->boundaries.back())) return Broken("a boundary is not finite");
  }
  if (count == 0) return absl::OkStatus();
  shape->low = shape->boundaries.front();
  shape->high = shape->boundaries.back();
  const bool one_point = count == 2 && shape->low == shape->high;
  for (uint64_t i = 1; i < count && !one_point; ++i) {
    if (!(shape->boundaries[i - 1] < shape->boundaries[i]))
      return Broken("boundaries do not ascend");
  }
  shape->center = decoder.Double();
  shape->scale = decoder.Double();
  if (!decoder.ok() || !std::isfinite(shape->center)) return Broken("center");
  if (!std::isfinite(shape->scale) || !(shape->scale > 0)) return Broken("scale");
  return absl::OkStatus();
}

void EncodeCategorical(const Shape& shape, Encoder& encoder) {
  encoder.Varint(shape.categories.size());
  for (const std::string& category : shape.categories) encoder.String(category);
  encoder.Varint(shape.other_hashes.size());
  for (const uint64_t hash : shape.other_hashes) encoder.Fixed64(hash);
}

absl::Status DecodeCategorical(Decoder& decoder, Shape* shape) {
  const uint64_t categories = decoder.Varint();
  if (!decoder.ok() || categories > kShapeCategoriesMax) return Broken("number of categories");
  for (uint64_t i = 0; i < categories && decoder.ok(); ++i) {
    shape->categories.emplace_back(decoder.String());
  }
  const uint64_t others = decoder.Varint();
  if (!decoder.ok() || others > kOtherHashesMax) return Broken("number of other categories");
  for (uint64_t i = 0; i < others && decoder.ok(); ++i) {
    const uint64_t hash = decoder.Fixed64();
    if (i > 0 && hash <= shape->other_hashes.back()) return Broken("hashes do not ascend");
    shape->other_hashes.push_back(hash);
  }
  if (!decoder.ok()) return Broken("categories end early");
  shape->Index();
  for (size_t i = 1; i < shape->category_cells.size(); ++i) {
    if (shape->category_cells[i - 1].hash == shape->category_cells[i].hash) {
      return Broken("duplicate category");
    }
  }
  return absl::OkStatus();
}

}  // namespace

void Shape::Index() {
  category_cells.clear();
  for (size_t i = 0; i < categories.size(); ++i) {
    const uint64_t hash = XXH3_64bits(categories[i].data(), categories[i].size());
    category_cells.push_back({hash, static_cast<uint32_t>(i)});
  }
  std::sort(category_cells.begin(), category_cells.end(),
            [](const CategoryCell& a, const CategoryCell& b) { return a.hash < b.hash; });
}

void Shape::Encode(std::string* out) const {
  Encoder encoder(out);
  encoder.Fixed8(kFormat);
  encoder.Fixed8(static_cast<uint8_t>(type));
  encoder.Varint(version);
  encoder.Fixed8(static_cast<uint8_t>((sketches.quantiles ? 1 : 0) | (sketches.distinct ? 2 : 0)));
  type == SignalType::kNumeric ? EncodeNumeric(*this, encoder) : EncodeCategorical(*this, encoder);
}

absl::StatusOr<Shape> Shape::Decode(std::string_view bytes) {
  Decoder decoder(bytes);
  if (decoder.Fixed8() != kFormat) return Broken("format");
  Shape shape;
  const uint8_t type = decoder.Fixed8();
  if (type != 1 && type != 2) return Broken("type");
  shape.type = static_cast<SignalType>(type);
  const uint64_t version = decoder.Varint();
  if (version > std::numeric_limits<uint32_t>::max()) return Broken("version");
  shape.version = static_cast<uint32_t>(version);
  const uint8_t sketches = decoder.Fixed8();
  if (sketches > 3) return Broken("sketches");
  shape.sketches = {(sketches & 1) != 0, (sketches & 2) != 0};
  absl::Status rest = shape.type == SignalType::kNumeric ? DecodeNumeric(decoder, &shape)
                                                         : DecodeCategorical(decoder, &shape);
  if (!rest.ok()) return rest;
  if (!decoder.Done()) return Broken("bytes left over");
  return shape;
}

Shape MakeNumericShape(std::span<const double> values, uint32_t version, SketchChoice sketches) {
  Shape shape;
  shape.type = SignalType::kNumeric;
  shape.version = version;
  shape.sketches = sketches;
  std::vector<double> sorted;
  sorted.reserve(values.size());
  for (const double value : values) {
    if (std::isfinite(value)) sorted.push_back(value + 0.0);  // -0 becomes 0
  }
  if (sorted.empty()) return shape;
  std::sort(sorted.begin(), sorted.end());
  shape.low = sorted.front();
  shape.high = sorted.back();
  shape.center = HalfWay(sorted[(sorted.size() - 1) / 2], sorted[sorted.size() / 2]);
  if (shape.low == shape.high) shape.center = shape.low;
  shape.scale = ScaleOf(sorted, shape.center);
  shape.boundaries = QuantileBoundaries(sorted);
  return shape;
}

Shape MakeCategoricalShape(std::span<const std::string> dictionary,
                           std::span<const uint64_t> counts, uint32_t version,
                           SketchChoice sketches) {
  Shape shape;
  shape.type = SignalType::kCategorical;
  shape.version = version;
  shape.sketches = sketches;
  std::map<std::string_view, uint64_t> totals;
  for (size_t i = 0; i < dictionary.size() && i < counts.size(); ++i) {
    if (counts[i] > 0) totals[dictionary[i]] += counts[i];
  }
  std::vector<std::pair<std::string_view, uint64_t>> ranked(totals.begin(), totals.end());
  std::stable_sort(ranked.begin(), ranked.end(),
                   [](const auto& a, const auto& b) { return a.second > b.second; });
  for (const auto& [category, count] : ranked) {
    if (shape.categories.size() < kShapeCategoriesMax) {
      shape.categories.emplace_back(category);
    } else if (shape.other_hashes.size() < kOtherHashesMax) {
      shape.other_hashes.push_back(XXH3_64bits(category.data(), category.size()));
    }
  }
  std::sort(shape.other_hashes.begin(), shape.other_hashes.end());
  shape.other_hashes.erase(std::unique(shape.other_hashes.begin(), shape.other_hashes.end()),
                           shape.other_hashes.end());
  shape.Index();
  return shape;
}

}  // namespace faultline

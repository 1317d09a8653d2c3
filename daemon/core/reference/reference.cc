#include "daemon/core/reference/reference.h"

#include <absl/status/status.h>
#include <absl/strings/str_cat.h>

#include <limits>
#include <utility>
#include <vector>

namespace faultline {
namespace {

bool IsNull(const uint64_t* nulls, size_t row) {
  return nulls != nullptr && ((nulls[row / 64] >> (row % 64)) & 1) != 0;
}

}  // namespace

std::shared_ptr<const SignalReference> SignalReference::OfNumbers(std::span<const double> values,
                                                                  const uint64_t* nulls,
                                                                  const RowTimesOfLaw& times,
                                                                  uint32_t version,
                                                                  SketchChoice sketches) {
  std::vector<double> present(values.begin(), values.end());
  for (size_t row = 0; row < present.size(); ++row) {
    if (IsNull(nulls, row)) present[row] = std::numeric_limits<double>::quiet_NaN();
  }
  std::shared_ptr<SignalReference> made(
      new SignalReference(MakeNumericShape(present, version, sketches)));
  // Through a second summary, because sub-sums belong to panes.
  Summary counted(&made->shape_);
  counted.CountNumbers(values, nulls, {0, static_cast<uint32_t>(values.size())});
  made->summary_.Merge(counted);
  made->law_ = LearnNumericLaw(made->summary_, values, nulls, times);
  return made;
}

std::shared_ptr<const SignalReference> SignalReference::OfCategories(
    std::span<const uint32_t> codes, std::span<const std::string> dictionary, const uint64_t* nulls,
    const RowTimesOfLaw& times, uint32_t version, SketchChoice sketches) {
  // Only categories that occur belong to the reference.
  std::vector<uint64_t> counts(dictionary.size());
  for (size_t row = 0; row < codes.size(); ++row) {
    if (!IsNull(nulls, row)) ++counts[codes[row]];
  }
  std::vector<std::string> found;
  std::vector<uint64_t> found_counts;
  for (size_t code = 0; code < dictionary.size(); ++code) {
    if (counts[code] == 0) continue;
    found.push_back(dictionary[code]);
    found_counts.push_back(counts[code]);
  }
  std::shared_ptr<SignalReference> made(
      new SignalReference(MakeCategoricalShape(found, found_counts, version, sketches)));
  CategoryMap map;
  map.Assign(made->shape_, dictionary);
  made->summary_.CountCategories(codes, map, nulls, {0, static_cast<uint32_t>(codes.size())});
  made->law_ = LearnCategoricalLaw(made->summary_, codes, map, nulls, !times.hours.empty());
  return made;
}

std::shared_ptr<const SignalReference> SignalReference::OfPanes(const SignalReference& before,
                                                                const Summary& panes,
                                                                uint32_t version) {
  std::vector<uint32_t> cell_of;
  std::shared_ptr<SignalReference> made(
      new SignalReference(ShapeOfPanes(before.shape_, panes, version, &cell_of)));
  made->summary_.MergeInto(panes, cell_of);
  made->law_ = CarryLaw(before.law_, made->summary_);
  return made;
}

size_t SignalReference::memory_bytes() const {
  size_t bytes = sizeof *this - sizeof summary_ + summary_.memory_bytes() + law_.memory_bytes();
  bytes += shape_.boundaries.capacity() * sizeof(double);
  for (const std::string& category : shape_.categories) {
    bytes += sizeof(std::string) + category.capacity();
  }
  bytes += shape_.category_cells.capacity() * sizeof(Shape::CategoryCell);
  bytes += shape_.other_hashes.capacity() * sizeof(uint64_t);
  return bytes;
}

void SignalReference::Encode(Encoder* out) const {
  std::string bytes;
  shape_.Encode(&bytes);
  out->String(bytes);
  bytes.clear();
  summary_.Encode(&bytes);
  out->String(bytes);
  law_.Encode(out);
}

absl::StatusOr<std::shared_ptr<const SignalReference>> SignalReference::Decode(Decoder* in) {
  const std::string_view shape_bytes = in->String();
  const std::string_view summary_bytes = in->String();
  ReferenceLaw law;
  if (!law.Decode(in)) return absl::DataLossError("reference is truncated");
  absl::StatusOr<Shape> shape = Shape::Decode(shape_bytes);
  if (!shape.ok()) return absl::DataLossError(shape.status().message());
  std::shared_ptr<SignalReference> made(new SignalReference(*std::move(shape)));
  absl::StatusOr<Summary> summary = Summary::Decode(&made->shape_, summary_bytes);
  if (!summary.ok()) return absl::DataLossError(summary.status().message());
  made->summary_ = *std::move(summary);
  made->law_ = std::move(law);
  return made;
}

}  // namespace faultline

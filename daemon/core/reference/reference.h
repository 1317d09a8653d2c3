#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "base/codec.h"
#include "detectors/evidence/reference_law.h"
#include "detectors/summary/shape.h"
#include "detectors/summary/summary.h"

namespace faultline {

// The reference of one signal: the shape made from its reference rows, their summary, and their
// law, against which evidence is computed. Immutable; shared by the versions of a model that
// inherited it. See docs/formats/reference.md.
class SignalReference {
 public:
  // From numbers, one per row; nulls: bit set = missing; null: no value is missing. If all are
  // missing or not finite, the shape has no boundaries and detectors cannot tell.
  static std::shared_ptr<const SignalReference> OfNumbers(std::span<const double> values,
                                                          const uint64_t* nulls,
                                                          const RowTimesOfLaw& times,
                                                          uint32_t version, SketchChoice sketches);
  // From categories, as codes into a dictionary of distinct strings.
  static std::shared_ptr<const SignalReference> OfCategories(
      std::span<const uint32_t> codes, std::span<const std::string> dictionary,
      const uint64_t* nulls, const RowTimesOfLaw& times, uint32_t version, SketchChoice sketches);

  // From quiet panes counted with the shape of `before`: its bins, limited to the range of the
  // panes and joined where they are nearly empty; their counts and moments; and the law of `before`
  // after CarryLaw.
  static std::shared_ptr<const SignalReference> OfPanes(const SignalReference& before,
                                                        const Summary& panes, uint32_t version);

  SignalReference(const SignalReference&) = delete;
  SignalReference& operator=(const SignalReference&) = delete;

  const Shape& shape() const { return shape_; }
  const Summary& summary() const { return summary_; }
  // The assumed distribution of unchanged traffic.
  const ReferenceLaw& law() const { return law_; }
  uint32_t version() const { return shape_.version; }
  // True if no row had a usable value.
  bool empty() const { return summary_.values() == 0; }
  size_t memory_bytes() const;

  void Encode(Encoder* out) const;
  // DATA_LOSS if the bytes are not a reference.
  static absl::StatusOr<std::shared_ptr<const SignalReference>> Decode(Decoder* in);

 private:
  explicit SignalReference(Shape shape) : shape_(std::move(shape)), summary_(&shape_) {}

  Shape shape_;
  Summary summary_;  // points to shape_
  ReferenceLaw law_;
};

}  // namespace faultline

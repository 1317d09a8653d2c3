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

// The reference of one signal: the shape made from its reference rows, their summary, and the law
// that evidence is held against. Never
// changes; shared by the versions of a model that inherited it. See docs/formats/reference.md.
class SignalReference {
 public:
  // Of numbers, `values.size()` rows; nulls: bit set = missing; nullptr = none. All of them may be
  // missing or not finite: the shape then has no edges, and detectors cannot tell.
  static std::shared_ptr<const SignalReference> OfNumbers(std::span<const double> values,
                                                          const uint64_t* nulls,
                                                          const RowTimesOfLaw& times,
                                                          uint32_t version, SketchChoice sketches);
  // Of categories, as codes into a dictionary of distinct strings.
  static std::shared_ptr<const SignalReference> OfCategories(
      std::span<const uint32_t> codes, std::span<const std::string> dictionary,
      const uint64_t* nulls, const RowTimesOfLaw& times, uint32_t version, SketchChoice sketches);

  // Of quiet panes that were counted with the shape of `before`: its bins, but from the least to
  // the largest value of the panes and joined where they are nearly empty; their counts and
  // moments; and the law of `before` as CarryLaw carries it over.
  static std::shared_ptr<const SignalReference> OfPanes(const SignalReference& before,
                                                        const Summary& panes, uint32_t version);

  SignalReference(const SignalReference&) = delete;
  SignalReference& operator=(const SignalReference&) = delete;

  const Shape& shape() const { return shape_; }
  const Summary& summary() const { return summary_; }
  // What unchanged traffic is taken to do.
  const ReferenceLaw& law() const { return law_; }
  uint32_t version() const { return shape_.version; }
  // No row had a usable value.
  bool empty() const { return summary_.values() == 0; }
  size_t memory_bytes() const;

  void Encode(Encoder* out) const;
  // DATA_LOSS if the bytes are no reference.
  static absl::StatusOr<std::shared_ptr<const SignalReference>> Decode(Decoder* in);

 private:
  explicit SignalReference(Shape shape) : shape_(std::move(shape)), summary_(&shape_) {}

  Shape shape_;
  Summary summary_;  // points to shape_
  ReferenceLaw law_;
};

}  // namespace faultline

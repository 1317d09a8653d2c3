#pragma once

#include <cstddef>

#include "base/codec.h"
#include "detectors/contract/detector.h"

namespace faultline {

inline constexpr size_t kVerdictDetailBytesMax = 512;

// The stored form of a verdict. Canonical: all NaNs are encoded alike, and equal verdicts give
// equal bytes. See docs/formats/model.md.
void EncodeVerdict(const Verdict& verdict, Encoder* out);
// False if the bytes are not a verdict.
[[nodiscard]] bool DecodeVerdict(Decoder* in, Verdict* verdict);

// The value, with one canonical NaN.
double CanonicalNumber(double value);

}  // namespace faultline

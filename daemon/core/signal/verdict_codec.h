#pragma once

#include <cstddef>

#include "base/codec.h"
#include "detectors/contract/detector.h"

namespace faultline {

inline constexpr size_t kVerdictDetailBytesMax = 512;

// A verdict as it is stored, everywhere. Canonical: of all numbers that are not known, one; equal
// verdicts give equal bytes. See docs/formats/model.md.
void EncodeVerdict(const Verdict& verdict, Encoder* out);
// False if the bytes are no verdict.
[[nodiscard]] bool DecodeVerdict(Decoder* in, Verdict* verdict);

// One NaN for all of them.
double CanonicalNumber(double value);

}  // namespace faultline

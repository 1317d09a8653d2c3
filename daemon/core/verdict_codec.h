#pragma once

#include "base/codec.h"
#include "detectors/detector.h"

namespace faultline {

// A verdict as it is stored; numbers that are not known are one and the same NaN. See
// docs/formats/model.md.
void EncodeVerdict(const Verdict& verdict, Encoder* out);
// False if the bytes are no verdict.
[[nodiscard]] bool DecodeVerdict(Decoder* in, Verdict* verdict);

}  // namespace faultline

#pragma once

#include "daemon/core/contract/event.h"
#include "daemon/core/settings/settings.h"
#include "storage/segments/recorder.h"

namespace faultline {

// A batch as the recorder keeps it: an InferenceBatch message with each column kept, hashed or
// dropped as the model's settings say, and without refused rows. A hashed value is the XXH3-64 of
// its bytes in hexadecimal: equal values stay equal, and nothing else can be read off; values that
// can be guessed can be found by trying, so drop what must not be known.
RecordedEvents EncodeRecording(const EventBatch& batch, const ModelSettings& settings);

// Takes rows (ascending indices) out of a recorded payload, for erasure. An unreadable payload
// comes back empty.
std::string RemoveRows(std::string_view payload, const std::vector<uint32_t>& rows);

}  // namespace faultline

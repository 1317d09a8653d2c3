#pragma once

#include "daemon/core/contract/event.h"
#include "daemon/core/settings/settings.h"
#include "storage/segments/recorder.h"

namespace faultline {

// A batch as the recorder keeps it: an InferenceBatch message with each column kept, hashed or
// dropped by the model's settings, and without refused rows. A hashed value is the XXH3-64 of its
// bytes in hexadecimal: equal values stay equal and nothing else is visible. Guessable values can
// be found by brute force, so drop what must stay secret.
RecordedEvents EncodeRecording(const EventBatch& batch, const ModelSettings& settings);

// Removes rows (ascending indices) from a recorded payload, for erasure. Returns an empty payload
// if it is unreadable.
std::string RemoveRows(std::string_view payload, const std::vector<uint32_t>& rows);

}  // namespace faultline

#pragma once

#include <cstddef>
#include <cstdint>

namespace faultline {

// Limits that the configuration cannot change, and how they depend on each other.

inline constexpr uint32_t kBatchRowsMax = 65'536;
inline constexpr uint32_t kDictionaryMax = 65'536;
inline constexpr size_t kNameBytesMax = 128;
inline constexpr size_t kVersionBytesMax = 64;
inline constexpr size_t kCategoryBytesMax = 1'024;
inline constexpr size_t kPredictionIdBytesMax = 128;
inline constexpr size_t kTagsMax = 16;
inline constexpr size_t kTagBytesMax = 256;
inline constexpr uint32_t kEmbeddingDimensionMax = 4'096;
inline constexpr size_t kRowErrorsMax = 16;

// 2000-01-01: an earlier event time is a bug in the sender.
inline constexpr int64_t kEventTimeMinNs = 946'684'800LL * 1'000'000'000;
// 2100-01-01: nanoseconds and pane arithmetic stay far from overflow.
inline constexpr int64_t kEventTimeMaxNs = 4'102'444'800LL * 1'000'000'000;

// Signals whose panes share one key: RocksDB's cost is per key.
inline constexpr uint32_t kBlockSignals = 64;
// A pane and the one before it may be open; older rows are late.
inline constexpr uint32_t kOpenPanesMax = 2;

// The smallest limits.memory. A daemon without models uses about a third of it.
inline constexpr uint64_t kMemoryBytesLeast = 96ull << 20;

inline constexpr uint32_t kAlertsPerModelMax = 4'096;
inline constexpr uint32_t kIncidentAlertsMax = 256;
inline constexpr uint32_t kIncidentTimelineMax = 256;
inline constexpr uint32_t kIncidentEvidenceMax = 16;
inline constexpr uint32_t kReferencesRememberedMax = 100;
inline constexpr size_t kReferenceCommentBytesMax = 1'024;

static_assert(kIncidentAlertsMax <= kAlertsPerModelMax);
static_assert(kEventTimeMaxNs < INT64_MAX / 2);

}  // namespace faultline

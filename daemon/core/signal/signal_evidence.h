#pragma once

#include <string>
#include <string_view>

#include "detectors/summary/summary.h"
#include "faultline/v1/incident.pb.h"

namespace faultline {

inline constexpr int kEvidenceCellsMax = 64;
inline constexpr size_t kEvidenceLabelBytesMax = 64;

// Reference and window, cell by cell, for people: "low .. high" (or "value" for a constant), or
// the category; then "(under)", "(over)" or "(other)", "(unseen)"; then "(missing)" and, for
// numbers, "(invalid)". Of more than kEvidenceCellsMax categories, those with the largest share on
// either side stay, in their order; the rest is added to "(other)". Categories are cleaned
// (CleanText) and truncated. Both summaries must have the same shape. Pure.
v1::SignalEvidence MakeEvidence(std::string_view signal, const Summary& reference,
                                const Summary& window);

// "low .. high" with six digits, or as many as distinguish the two; "value" if they are equal.
std::string BinLabel(double low, double high);

}  // namespace faultline

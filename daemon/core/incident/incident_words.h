#pragma once

#include <cstdint>
#include <string>

#include "faultline/v1/incident.pb.h"

namespace faultline {

// Incidents in words. Pure functions of the messages.

// "2026-11-23 22:31:26 UTC".
std::string TimeWords(int64_t time_ns);
// A share in per cent: "34 %", "1.5 %", "under 0.1 %", "over 99 %".
std::string ShareWords(double share);
// "psi of income".
std::string AlertName(const v1::Alert& alert);
// "psi of income fired: 0.41 (threshold 0.25)"; for a resolved alert its newest verdict.
std::string AlertWords(const v1::Alert& alert);

// Peak score / threshold of an alert; 0 if unknown.
double Strength(const v1::Alert& alert);
// Order of alerts: firing ones first, then by strength, signal and detector.
bool ComesBefore(const v1::Alert& a, const v1::Alert& b);

// The anomaly of a signal, as a phrase after its name: "is missing in 34 % of rows (reference 1
// %)". `evidence` may be null.
std::string Finding(const v1::Alert& alert, const v1::SignalEvidence* evidence);

// One sentence without a full stop: what changed, since when, where. Requires sorted alerts.
std::string SummarySentence(const v1::Incident& incident);

}  // namespace faultline

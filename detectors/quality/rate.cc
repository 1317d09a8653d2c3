#include "detectors/quality/rate.h"

#include <absl/strings/str_format.h>

#include <algorithm>

#include "detectors/contract/judgement.h"
#include "detectors/stats/distances.h"

namespace faultline {

void JudgeRate(uint64_t reference_count, uint64_t window_count, Verdict* verdict) {
  const double reference_rows = static_cast<double>(verdict->reference_rows);
  const double before = static_cast<double>(reference_count) / reference_rows;
  const double now = static_cast<double>(window_count) / static_cast<double>(verdict->rows);
  verdict->effect_size = now - before;
  verdict->score = std::max(0.0, now - before);
  // Half a row more, so that "never seen" does not mean "impossible".
  const double share = (static_cast<double>(reference_count) + 0.5) / (reference_rows + 1);
  verdict->noise_floor = ShareNoise(share, verdict->reference_rows, verdict->rows);
  Decide(verdict);
  if (verdict->state == VerdictState::kAlarm) {
    verdict->detail =
        absl::StrFormat("%.3g %% of rows, %.3g %% in the reference", 100 * now, 100 * before);
  }
}

}  // namespace faultline

#include "daemon/core/signal/verdict_codec.h"

#include <cmath>

#include "detectors/contract/season.h"

namespace faultline {

double CanonicalNumber(double value) { return std::isnan(value) ? kUnset : value; }

void EncodeVerdict(const Verdict& verdict, Encoder* out) {
  out->Fixed8(static_cast<uint8_t>(verdict.state));
  for (const double number :
       {verdict.score, verdict.threshold, verdict.effect_size, verdict.noise_floor, verdict.p_value,
        verdict.effect_low, verdict.effect_high, verdict.dispersion, verdict.budget_share}) {
    out->Double(CanonicalNumber(number));
  }
  out->Varint(verdict.rows);
  out->Varint(verdict.reference_rows);
  out->String(verdict.detail);
  out->Signed(verdict.change_ns);
  out->Signed(verdict.change_from_ns);
  out->Signed(verdict.change_to_ns);
  out->Fixed8(static_cast<uint8_t>(verdict.season));
  out->Fixed8(verdict.inapplicable ? 1 : 0);
}

bool DecodeVerdict(Decoder* in, Verdict* verdict) {
  const uint8_t state = in->Fixed8();
  verdict->state = static_cast<VerdictState>(state);
  for (double* number : {&verdict->score, &verdict->threshold, &verdict->effect_size,
                         &verdict->noise_floor, &verdict->p_value, &verdict->effect_low,
                         &verdict->effect_high, &verdict->dispersion, &verdict->budget_share}) {
    *number = in->Double();
  }
  verdict->rows = in->Varint();
  verdict->reference_rows = in->Varint();
  verdict->detail = std::string(in->String());
  verdict->change_ns = in->Signed();
  verdict->change_from_ns = in->Signed();
  verdict->change_to_ns = in->Signed();
  const uint8_t season = in->Fixed8();
  verdict->season = static_cast<Season>(season);
  const uint8_t inapplicable = in->Fixed8();
  verdict->inapplicable = inapplicable == 1;
  return in->ok() && state >= static_cast<uint8_t>(VerdictState::kQuiet) &&
         state <= static_cast<uint8_t>(VerdictState::kCannotTell) &&
         (season == 0 || season == 24 || season == 168) && inapplicable <= 1;
}

}  // namespace faultline

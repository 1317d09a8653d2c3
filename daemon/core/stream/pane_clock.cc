#include "daemon/core/stream/pane_clock.h"

#include <algorithm>

#include "daemon/core/settings/limits.h"

namespace faultline {

void PaneClock::Start(int64_t length_ns, uint32_t pane_rows, uint32_t late_panes,
                      int64_t last_event_ns) {
  length_ns_ = length_ns;
  pane_rows_ = pane_rows;
  late_panes_ = late_panes;
  floor_ = by_time() && last_event_ns > 0 ? IndexOf(last_event_ns) : 0;
}

bool PaneClock::Admit(int64_t index) {
  if (index < floor_) return false;
  if (by_time()) floor_ = std::max(floor_, index - late_panes_);
  return true;
}

void PaneClock::CloseThrough(int64_t index) { floor_ = std::max(floor_, index + 1); }

void PaneClock::Encode(Encoder* out) const {
  out->Varint(static_cast<uint64_t>(length_ns_));
  out->Varint(pane_rows_);
  out->Varint(late_panes_);
  out->Signed(floor_);
}

bool PaneClock::Decode(Decoder* in) {
  const uint64_t length = in->Varint();
  const uint64_t rows = in->Varint();
  const uint64_t late = in->Varint();
  floor_ = in->Signed();
  // The longest pane that settings allow is an hour.
  if (!in->ok() || length > 3'600'000'000'000ULL || rows > UINT32_MAX) return false;
  if (late >= kOpenPanesMax) return false;
  // Bounds that keep the arithmetic of times and indices from overflow.
  const int64_t most = kEventTimeMaxNs / std::max<int64_t>(static_cast<int64_t>(length), 1) + 2;
  if (floor_ < 0 || floor_ > most) return false;
  length_ns_ = static_cast<int64_t>(length);
  pane_rows_ = static_cast<uint32_t>(rows);
  late_panes_ = static_cast<uint32_t>(late);
  return true;
}

}  // namespace faultline

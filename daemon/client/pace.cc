#include "daemon/client/pace.h"

#include <algorithm>

namespace faultline::cli {
namespace {

constexpr double kGapSeconds = 0.1;
constexpr int64_t kBehindMaxNs = 1'000'000'000;

}  // namespace

BatchLimits Pace::Limit(BatchLimits limits) const {
  if (rate_ > 0) {
    const double rows = std::clamp(rate_ * kGapSeconds, 1.0, 65'536.0);
    limits.rows = std::min(limits.rows, static_cast<uint32_t>(rows));
  }
  if (speed_ > 0) limits.span_ns = static_cast<int64_t>(kGapSeconds * 1e9 * speed_);
  return limits;
}

int64_t Pace::WaitNs(const v1::InferenceBatch& batch, int64_t steady_now_ns) {
  if (rate_ <= 0 && speed_ <= 0) return 0;
  const int times = batch.event_times_unix_nano_size();
  const int64_t event_ns =
      times > 0 ? static_cast<int64_t>(batch.event_times_unix_nano(times - 1)) : 0;
  if (!start_ns_.has_value()) {
    start_ns_ = steady_now_ns;
    first_event_ns_ = event_ns;
  }
  const double elapsed_ns =
      rate_ > 0 ? rows_ / rate_ * 1e9 : static_cast<double>(event_ns - first_event_ns_) / speed_;
  rows_ += batch.rows();
  const int64_t wait_ns = *start_ns_ + static_cast<int64_t>(elapsed_ns) - steady_now_ns;
  if (wait_ns < -kBehindMaxNs) *start_ns_ -= wait_ns + kBehindMaxNs;
  return std::max<int64_t>(wait_ns, 0);
}

}  // namespace faultline::cli

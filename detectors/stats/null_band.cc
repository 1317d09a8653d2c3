#include "detectors/stats/null_band.h"

#include <algorithm>
#include <limits>
#include <vector>

#include "detectors/stats/distances.h"

namespace faultline {
namespace {

// Pseudo-random numbers, the same for every call: splitmix64.
class Deal {
 public:
  uint64_t Below(uint64_t n) {
    state_ += 0x9e3779b97f4a7c15;
    uint64_t z = state_;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    z ^= z >> 31;
    return static_cast<uint64_t>(static_cast<unsigned __int128>(z) * n >> 64);
  }

 private:
  uint64_t state_ = 0;
};

double At(std::vector<double>& sorted, double share) {
  const auto place = static_cast<size_t>(share * static_cast<double>(sorted.size()));
  return sorted[std::min(place, sorted.size() - 1)];
}

}  // namespace

NullBand NullBandOf(CellScore score, std::span<const uint64_t> p, std::span<const uint64_t> q,
                    uint32_t draws) {
  constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
  const uint64_t n = Total(p);
  const uint64_t m = Total(q);
  if (n == 0 || m == 0) return {kNan, kNan, kNan};
  const bool p_smaller = n <= m;
  std::vector<uint64_t> pooled;
  for (size_t i = 0; i < p.size(); ++i) pooled.push_back(p[i] + q[i]);
  Deal deal;
  std::vector<double> scores;
  std::vector<uint64_t> drawn(pooled.size());
  for (uint32_t draw = 0; draw < std::max(draws, 100u); ++draw) {
    std::vector<uint64_t> left = pooled;
    std::fill(drawn.begin(), drawn.end(), 0);
    for (uint64_t row = 0, rows = n + m; row < std::min(n, m); ++row, --rows) {
      uint64_t at = deal.Below(rows);
      size_t cell = 0;
      while (at >= left[cell]) at -= left[cell++];
      --left[cell];
      ++drawn[cell];
    }
    scores.push_back(p_smaller ? score(drawn, left) : score(left, drawn));
  }
  std::sort(scores.begin(), scores.end());
  return {At(scores, 0.5), At(scores, 0.95), At(scores, 0.99)};
}

}  // namespace faultline

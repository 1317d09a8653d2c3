#pragma once

#include <array>
#include <cstdint>
#include <span>

namespace faultline {

// Rates by hour of the week (from Thursday 0:00 UTC), from earlier occurrences of that hour. A
// lower rate than before is taken over at once, a higher one by half: expecting too low a rate is
// safe. An outage makes its hour of the week blind until that hour has occurred again.
//
// Stored between panes as numbers; rates are kept to 0.3 %, from 2^-12 to 2^20 rows a second.
class WeekOfRates {
 public:
  static constexpr uint32_t kHours = 168;
  static constexpr uint32_t kNumbers = 3 + kHours / 3;

  // Returns false, with no rate known, if Write did not write the numbers.
  [[nodiscard]] bool Read(std::span<const double, kNumbers> numbers);
  void Write(std::span<double, kNumbers> numbers) const;

  // Counts rows over a span around `middle_s`, seconds since 1970; in order of time. An hour is
  // taken over once it has passed, if at least half of it was seen.
  void Add(double rows, double seconds, double middle_s);

  // Hours of the known season: 168 if each hour of the week has occurred twice, 24 if each hour of
  // the day has, else 0.
  double season() const;
  // Expected rows a second at a time, interpolated between hours; 1 without a season.
  double RateAt(double season, double time_s) const;

 private:
  struct Hour {
    uint16_t rate = 0;   // coded, 13 bits; 0: never seen
    uint16_t times = 0;  // number of occurrences, up to 7
  };
  void Enter(double hour, double rate);
  double RateOf(double season, double hour) const;

  double hour_ = 0;  // being summed, since 1970
  double rows_ = 0;
  double seconds_ = 0;
  std::array<Hour, kHours> hours_{};
};

}  // namespace faultline

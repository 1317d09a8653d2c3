#pragma once

#include <array>
#include <cstdint>
#include <span>

namespace faultline {

// Rates by hour of the week (from Thursday 0:00 UTC), as they were when that hour came before. An
// hour that was lower than before is believed at once, one that was higher by half: a rate that is
// expected too low is safe, and an outage makes its hour of the week blind until it has come again.
//
// Between panes it is numbers; rates are kept to 0.3 %, from 2^-12 to 2^20 rows a second.
class WeekOfRates {
 public:
  static constexpr uint32_t kHours = 168;
  static constexpr uint32_t kNumbers = 3 + kHours / 3;

  // False, and nothing is known, if Write did not write them.
  [[nodiscard]] bool Read(std::span<const double, kNumbers> numbers);
  void Write(std::span<double, kNumbers> numbers) const;

  // Counts rows over a time around `middle_s`, seconds since 1970; in order of time. An hour enters
  // when it is over, if at least half of it was seen.
  void Add(double rows, double seconds, double middle_s);

  // Hours of the season that can be told: 168 if each hour of the week has come twice, 24 if each
  // hour of the day has, else 0.
  double season() const;
  // Rows a second to be expected at a time, between the hours around it; 1 without a season.
  double RateAt(double season, double time_s) const;

 private:
  struct Hour {
    uint16_t rate = 0;   // coded, 13 bits; 0: never seen
    uint16_t times = 0;  // it came, up to 7
  };
  void Enter(double hour, double rate);
  double RateOf(double season, double hour) const;

  double hour_ = 0;  // that is summed, since 1970
  double rows_ = 0;
  double seconds_ = 0;
  std::array<Hour, kHours> hours_{};
};

}  // namespace faultline

#include "detectors/quality/week_of_rates.h"

#include <algorithm>
#include <cmath>

#include "detectors/stats/elementary.h"

namespace faultline {
namespace {

constexpr double kHour = 3'600;
constexpr double kLn2 = 0.6931471805599453;
constexpr double kLowest = -12;  // log2 of a rate
constexpr double kStepsPerOctave = 255;
constexpr double kCodeMax = 8'191;
constexpr uint32_t kTimesMax = 7;
constexpr uint32_t kEntries = 3;        // in one number
constexpr double kEntryRange = 65'536;  // 13 bits of rate, 3 of times
constexpr double kPackedMax = kEntryRange * kEntryRange * kEntryRange;
constexpr double kHourMax = 1e9;  // far from every event time

uint16_t CodeOf(double rate) {
  if (!(rate > 0)) return 1;
  const double steps = (Log(rate) / kLn2 - kLowest) * kStepsPerOctave;
  return static_cast<uint16_t>(std::clamp(std::round(steps) + 1, 1.0, kCodeMax));
}

double RateOfCode(uint16_t code) {
  if (code <= 1) return 0;
  return Exp(((code - 1) / kStepsPerOctave + kLowest) * kLn2);
}

}  // namespace

bool WeekOfRates::Read(std::span<const double, kNumbers> numbers) {
  *this = {};
  const bool ours = std::abs(numbers[0]) <= kHourMax && std::floor(numbers[0]) == numbers[0] &&
                    std::all_of(numbers.begin() + 3, numbers.end(),
                                [](double packed) { return packed >= 0 && packed < kPackedMax; });
  if (!ours) return false;
  hour_ = numbers[0];
  rows_ = numbers[1];
  seconds_ = numbers[2];
  for (uint32_t i = 0; i < kHours; i += kEntries) {
    auto packed = static_cast<uint64_t>(numbers[3 + i / kEntries]);
    for (uint32_t k = 0; k < kEntries; ++k, packed >>= 16) {
      hours_[i + k] = {static_cast<uint16_t>(packed & 0x1fff),
                       static_cast<uint16_t>(packed >> 13 & 7)};
    }
  }
  return true;
}

void WeekOfRates::Write(std::span<double, kNumbers> numbers) const {
  numbers[0] = hour_;
  numbers[1] = rows_;
  numbers[2] = seconds_;
  for (uint32_t i = 0; i < kHours; i += kEntries) {
    double packed = 0;
    for (uint32_t k = kEntries; k > 0; --k) {
      const Hour& hour = hours_[i + k - 1];
      packed = packed * kEntryRange + hour.rate + hour.times * 8'192.0;
    }
    numbers[3 + i / kEntries] = packed;
  }
}

void WeekOfRates::Add(double rows, double seconds, double middle_s) {
  const double hour = std::floor(middle_s / kHour);
  if (hour != hour_) {
    if (seconds_ >= kHour / 2) Enter(hour_, rows_ / seconds_);
    hour_ = hour;
    rows_ = seconds_ = 0;
  }
  rows_ += rows;
  seconds_ += seconds;
}

void WeekOfRates::Enter(double hour, double rate) {
  Hour& entry = hours_[static_cast<size_t>(hour - kHours * std::floor(hour / kHours))];
  const double before = RateOfCode(entry.rate);
  entry.rate = CodeOf(entry.times == 0 || rate < before ? rate : (before + rate) / 2);
  entry.times = static_cast<uint16_t>(std::min<uint32_t>(entry.times + 1u, kTimesMax));
}

double WeekOfRates::season() const {
  std::array<uint32_t, 24> of_day{};
  bool week = true;
  for (uint32_t i = 0; i < kHours; ++i) {
    of_day[i % 24] += hours_[i].times;
    week = week && hours_[i].times >= 2;
  }
  if (week) return kHours;
  const bool day = *std::min_element(of_day.begin(), of_day.end()) >= 2;
  return day ? 24 : 0;
}

double WeekOfRates::RateOf(double season, double hour) const {
  const auto place = static_cast<uint32_t>(hour - season * std::floor(hour / season));
  double sum = 0;
  double times = 0;
  for (uint32_t i = place; i < kHours; i += static_cast<uint32_t>(season)) {
    if (hours_[i].times == 0) continue;
    sum += RateOfCode(hours_[i].rate);
    times += 1;
  }
  return times > 0 ? sum / times : 0;
}

double WeekOfRates::RateAt(double season, double time_s) const {
  if (!(season > 0)) return 1;
  const double at = time_s / kHour - 0.5;
  const double hour = std::floor(at);
  const double along = at - hour;
  return (1 - along) * RateOf(season, hour) + along * RateOf(season, hour + 1);
}

}  // namespace faultline

#pragma once

#include <cstdio>
#include <string>

namespace faultline::bench {

enum class Better { kHigher, kLower };

// One row a figure: name, figure, unit, target, ok or miss; "-" where there is no target.
inline void Print(const std::string& name, double figure, const std::string& unit) {
  std::printf("%-44s %14.4g  %-16s %10s  -\n", name.c_str(), figure, unit.c_str(), "-");
  std::fflush(stdout);
}
inline void Print(const std::string& name, double figure, const std::string& unit, double target,
                  Better better) {
  const bool met = better == Better::kHigher ? figure >= target : figure <= target;
  std::printf("%-44s %14.4g  %-16s %10.4g  %s\n", name.c_str(), figure, unit.c_str(), target,
              met ? "ok" : "miss");
  std::fflush(stdout);
}

}  // namespace faultline::bench

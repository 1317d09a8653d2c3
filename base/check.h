#pragma once

#include <cstdio>
#include <cstdlib>

namespace faultline {

[[noreturn]] inline void CheckFailed(const char* file, int line, const char* what,
                                     const char* why) {
  std::fprintf(stderr, "%s:%d: bug: %s: %s\n", file, line, what, why);
  std::abort();
}

}  // namespace faultline

// For our own bugs only, checked in release builds too: aborts with the reason, and the next start
// continues from the last commit. `why` says why the condition cannot be false.
#define FAULTLINE_CHECK(condition, why)                                \
  do {                                                                 \
    if (!(condition)) [[unlikely]] {                                   \
      ::faultline::CheckFailed(__FILE__, __LINE__, #condition, (why)); \
    }                                                                  \
  } while (false)

#pragma once

#include <absl/functional/function_ref.h>

#include <cstdint>

namespace faultline {

// Does the independent parts of one task, some of them perhaps on other threads.
//
// Concurrency:  Run returns once all parts are done. Which thread did which part is nobody's
//               business: no part may read what another writes.
class Parallel {
 public:
  virtual ~Parallel() = default;
  virtual void Run(uint32_t parts, absl::FunctionRef<void(uint32_t part)> part) = 0;
};

}  // namespace faultline

#pragma once

#include <absl/functional/function_ref.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace faultline {

// Performs the independent parts of one task, possibly on other threads.
//
// Concurrency:  Run returns once all parts are done. Any thread may perform any part, so no part
//               may read what another writes.
class Parallel {
 public:
  virtual ~Parallel() = default;
  virtual void Run(uint32_t parts, absl::FunctionRef<void(uint32_t part)> part) = 0;

  // Calls each(i) for i in [0, count), each_part calls per part.
  void ForEach(size_t count, size_t each_part, absl::FunctionRef<void(size_t i)> each) {
    Run(static_cast<uint32_t>((count + each_part - 1) / each_part), [&](uint32_t part) {
      const size_t end = std::min(count, (part + 1) * each_part);
      for (size_t i = part * each_part; i < end; ++i) each(i);
    });
  }
};

}  // namespace faultline

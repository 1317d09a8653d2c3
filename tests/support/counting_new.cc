#include "tests/support/counting_new.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)

namespace faultline::testing {

std::optional<uint64_t> AllocationsSoFar() { return std::nullopt; }

}  // namespace faultline::testing

#else

#include <atomic>
#include <cstdlib>
#include <new>

namespace {
std::atomic<uint64_t> taken{0};
}  // namespace

void* operator new(size_t size) {
  taken.fetch_add(1, std::memory_order_relaxed);
  if (void* memory = std::malloc(size)) return memory;
  throw std::bad_alloc();
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, size_t) noexcept { std::free(memory); }

namespace faultline::testing {

std::optional<uint64_t> AllocationsSoFar() { return taken.load(std::memory_order_relaxed); }

}  // namespace faultline::testing

#endif

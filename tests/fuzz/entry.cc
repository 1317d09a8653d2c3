// A target as libFuzzer calls it.
#include <algorithm>
#include <cstdint>

#include "tests/fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  faultline::fuzz::Run({reinterpret_cast<const char*>(bytes), size});
  return 0;
}

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* bytes, size_t size, size_t size_max,
                                          unsigned seed) {
  faultline::testing::Random dice(seed);
  std::string mutated(reinterpret_cast<const char*>(bytes), size);
  faultline::fuzz::Mutate(&dice, size_max, &mutated);
  mutated.resize(std::min(mutated.size(), size_max));
  mutated.copy(reinterpret_cast<char*>(bytes), mutated.size());
  return mutated.size();
}

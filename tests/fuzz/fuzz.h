#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/streams.h"

// What each target of this folder defines; entry.cc shows it to libFuzzer, replay.cc runs it
// without. One executable per target, so the names are the same in all of them.
namespace faultline::fuzz {

// Gives the bytes to the decoder and checks what it promises. A broken promise aborts
// (FAULTLINE_CHECK); whatever else the bytes are, it returns.
void Run(std::string_view bytes);

// Changes the bytes a little, in a way that gets past checksums and keeps some of the structure. At
// most `bytes_max` come out. The same dice give the same bytes, as long as MutateRaw does.
void Mutate(testing::Random* dice, size_t bytes_max, std::string* bytes);

// Inputs as the product writes them today. Functions of nothing.
std::vector<std::string> Seeds();

}  // namespace faultline::fuzz

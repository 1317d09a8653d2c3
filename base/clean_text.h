#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace faultline {

// `text` so that it can be shown in a terminal, a log line and a page: invalid UTF-8 becomes
// U+FFFD, control characters, line breaks and what changes the direction of writing become spaces.
// At most bytes_max (>= 3) bytes; what is longer ends in "...", cut between characters.
std::string CleanText(std::string_view text, size_t bytes_max);

}  // namespace faultline

#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace faultline {

// `text` so that it is safe in a terminal, a log line and a page: invalid UTF-8 becomes U+FFFD, all
// other unsafe characters (base/characters.h) become spaces. At most bytes_max (>= 3) bytes; longer
// text is cut between characters and ends in "...".
std::string CleanText(std::string_view text, size_t bytes_max);

}  // namespace faultline

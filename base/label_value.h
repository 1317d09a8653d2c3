#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace faultline {

// Label values longer than this are cut.
inline constexpr size_t kLabelBytesMax = 128;

// Any text as the value of a label, on the metrics page and in alerts alike: long values are cut,
// unsafe characters (base/characters.h) except line breaks become "?", and a digest of the original
// is then appended, so that different values stay different.
std::string LabelValue(std::string_view text);

}  // namespace faultline

#pragma once

#include <cstddef>
#include <string_view>

namespace faultline {

// Null if the name is valid: 1 to `bytes_max` bytes of UTF-8 without control characters
// (base/characters.h). Else what is wrong with it, without quoting it.
const char* NameProblem(std::string_view name, size_t bytes_max);

// The same for a text that may be empty and may have control characters, like a category.
const char* TextProblem(std::string_view text, size_t bytes_max);

}  // namespace faultline

#pragma once

#include <cstddef>
#include <string_view>

namespace faultline {

// What is wrong with a name, or null if nothing is: 1 to `bytes_max` bytes of UTF-8 without
// control characters (also not DEL, and not U+0080 to U+009F). Never quotes the name.
const char* NameProblem(std::string_view name, size_t bytes_max);

// The same for a text that may be empty and may hold control characters, like a category.
const char* TextProblem(std::string_view text, size_t bytes_max);

}  // namespace faultline

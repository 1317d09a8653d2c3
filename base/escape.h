#pragma once

#include <string>
#include <string_view>

#include "base/characters.h"

namespace faultline {

// The escape that stands for an unsafe character in a log line and on a terminal: \x1b for one
// byte (ASCII, or what is not UTF-8), \u202e for others.
void AppendEscape(const Character& character, std::string* out);

// `text` with its unsafe characters (base/characters.h) as these escapes, on one line.
std::string Escaped(std::string_view text);
// The same for a text of several lines: its line breaks stay.
std::string EscapedLines(std::string_view text);

// Serialised JSON with the unsafe characters of its strings as \u escapes, and bytes that are not
// UTF-8 as U+FFFD. It reads back as the same values. C0 characters stay: JSON escapes them in
// strings already, and line breaks between values are layout.
std::string SafeJson(std::string_view json);

}  // namespace faultline

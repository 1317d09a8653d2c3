#pragma once

#include <string>
#include <string_view>

namespace faultline {

// Text from outside as text of a page, also inside a quoted attribute: nothing in it is markup.
// Line breaks and tabs become spaces, other unsafe characters (base/characters.h) U+FFFD.
std::string Html(std::string_view text);

// A link if it leads to http or https; else only its text.
std::string HtmlLink(std::string_view url, std::string_view text);

// A number as SVG writes it: at most two digits after the point.
std::string Coordinate(double value);

}  // namespace faultline

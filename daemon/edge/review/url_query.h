#pragma once

#include <string>
#include <string_view>

namespace faultline::review {

// The first value of a name in "a=1&b=2", with %xx and + decoded; invalid codes are kept as they
// are. Empty if the name is missing.
std::string QueryValue(std::string_view query, std::string_view name);

// Encodes any text as the value of a query; QueryValue decodes it.
std::string EncodeQueryValue(std::string_view text);

}  // namespace faultline::review

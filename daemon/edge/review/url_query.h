#pragma once

#include <string>
#include <string_view>

namespace faultline::review {

// The value of a name in "a=1&b=2", the first of them, with its %xx and + undone; what is no such
// code stays. Empty if it is not there.
std::string QueryValue(std::string_view query, std::string_view name);

// Text as the value of a query: QueryValue gives it back, whatever is in it.
std::string EncodeQueryValue(std::string_view text);

}  // namespace faultline::review

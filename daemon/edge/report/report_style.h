#pragma once

#include <string_view>

namespace faultline {

// The style sheet of every report, embedded in the page: reports load nothing.
extern const std::string_view kReportStyle;

}  // namespace faultline

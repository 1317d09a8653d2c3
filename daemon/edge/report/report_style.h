#pragma once

#include <string_view>

namespace faultline {

// The style sheet of every report, inside the page: reports need nothing from outside.
extern const std::string_view kReportStyle;

}  // namespace faultline

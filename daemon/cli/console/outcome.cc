#include "daemon/cli/console/outcome.h"

#include <absl/strings/str_cat.h>

#include <iostream>

#include "daemon/cli/console/console.h"

namespace faultline::cli {

bool Print(std::string_view text) {
  std::cout << text;
  std::cout.flush();
  return std::cout.good();
}

int Complain(std::string_view text, int exit_code) {
  std::cout.flush();
  std::cerr << absl::StrCat("faultline: ", Printable(text), "\n");
  std::cerr.flush();
  return exit_code;
}

int Complain(const absl::Status& status, int exit_code) {
  return Complain(std::string(status.message()), exit_code);
}

}  // namespace faultline::cli

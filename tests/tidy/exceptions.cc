#include "tests/tidy/rules.h"

namespace faultline::tidy {

// To be empty: an exception goes as soon as nothing needs it.
const std::vector<Exception>& KnownExceptions() {
  static const std::vector<Exception> exceptions = {};
  return exceptions;
}

}  // namespace faultline::tidy

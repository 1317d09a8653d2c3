#include "daemon/core/contract/version.h"

namespace faultline {

const char* const kDaemonVersion = FAULTLINE_VERSION;

}  // namespace faultline

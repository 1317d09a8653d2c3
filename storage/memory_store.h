#pragma once

#include <memory>

#include "storage/store.h"

namespace faultline {

// A store that lives as long as its object, for tests and simulation. Scans copy their range
// first, so that `visit` may commit. Has no folder: Backup answers FAILED_PRECONDITION.
std::unique_ptr<Store> NewMemoryStore();

}  // namespace faultline

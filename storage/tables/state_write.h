#pragma once

#include <optional>
#include <string>

namespace faultline {

// One change of the store. Without a value the key is deleted.
struct StateWrite {
  std::string key;
  std::optional<std::string> value;
};

}  // namespace faultline

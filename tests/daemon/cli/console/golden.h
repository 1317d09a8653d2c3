#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>

namespace faultline::testing {

// Expects the text that golden/<name> holds. With FAULTLINE_UPDATE_GOLDEN=1 the file is rewritten
// instead: the difference is the review.
inline void ExpectGolden(const std::string& name, const std::string& text) {
  const std::string path =
      std::string(FAULTLINE_SOURCE_DIR) + "/tests/daemon/cli/console/golden/" + name;
  if (std::getenv("FAULTLINE_UPDATE_GOLDEN") != nullptr) {
    std::ofstream(path) << text;
    return;
  }
  std::ifstream in(path);
  ASSERT_TRUE(in.is_open()) << path;
  const std::string expected{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  EXPECT_TRUE(text == expected) << path << "\nis now:\n" << text;
}

}  // namespace faultline::testing

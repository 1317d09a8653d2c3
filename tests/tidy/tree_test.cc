#include <gtest/gtest.h>

#include <ostream>

#include "tests/tidy/rules.h"

// The project's own files, held against every rule.

namespace faultline::tidy {

void PrintTo(const Rule& rule, std::ostream* out) { *out << rule.name; }

namespace {

const Files& ProjectFiles() {
  static const Files files = ReadTree(FAULTLINE_SOURCE_DIR);
  return files;
}

class Tree : public testing::TestWithParam<Rule> {};

TEST_P(Tree, Keeps) {
  for (const Violation& violation : Unexcepted(GetParam(), ProjectFiles(), KnownExceptions())) {
    ADD_FAILURE() << violation.where << "\n  " << violation.text
                  << "\n  subject: " << violation.subject;
  }
}

INSTANTIATE_TEST_SUITE_P(Rules, Tree, testing::ValuesIn(AllRules()),
                         [](const auto& rule) { return std::string(rule.param.name); });

TEST(TreeTest, ExceptionsNameRulesAndReasons) {
  for (const Exception& exception : KnownExceptions()) {
    bool known = false;
    for (const Rule& rule : AllRules()) known = known || rule.name == exception.rule;
    EXPECT_TRUE(known) << exception.rule;
    EXPECT_FALSE(exception.reason.empty()) << exception.rule << " " << exception.subject;
  }
}

TEST(TreeTest, HasFilesOfEveryKind) {
  EXPECT_GT(ProjectFiles().size(), 400u);
  EXPECT_GT(RoomsOf(ProjectFiles()).size(), 20u);
}

}  // namespace
}  // namespace faultline::tidy

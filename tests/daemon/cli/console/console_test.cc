#include "daemon/cli/console/console.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <string>

#include "tests/support/hostile_text.h"

namespace faultline::cli {
namespace {

TEST(Console, TextFromElsewhereCannotActOnTheTerminal) {
  EXPECT_EQ(Printable("plain ünïcode 数"), "plain ünïcode 数");
  EXPECT_EQ(Printable("\x1b[2J\x07\r\n\t\x7f"), "\\x1b[2J\\x07\\x0d\\x0a\\x09\\x7f");
  EXPECT_EQ(Printable("a\u009b31mb"), "a\\u009b31mb") << "the one-byte form of ESC [";
  EXPECT_EQ(Printable("abc\u202egpj.exe"), "abc\\u202egpj.exe") << "right-to-left override";
  EXPECT_EQ(Printable("\xff\xc3"), "\\xff\\xc3") << "no UTF-8";
  EXPECT_EQ(Printable(std::string("a\0b", 3)), "a\\x00b");
  EXPECT_EQ(Printable(Printable("\x1b")), Printable("\x1b")) << "twice is once";
}

TEST(Console, ShowsNoUnsafeCharacter) {
  for (const std::string& hostile : faultline::testing::HostileCharacters()) {
    const std::string shown = Printable("a" + hostile + "b");
    EXPECT_EQ(shown.find(hostile), std::string::npos) << ::testing::PrintToString(hostile);
  }
}

TEST(Console, CutsByColumns) {
  EXPECT_EQ(Cut("abcdef", 6), "abcdef");
  EXPECT_EQ(Cut("abcdef", 4), "abc…");
  EXPECT_EQ(Cut("数据漂移", 5), "数据…") << "wide characters take two";
  EXPECT_EQ(Cut("数据漂移", 4), "数…");
  EXPECT_EQ(Cut("abc", 0), "");
  EXPECT_EQ(DisplayWidth("e\u0301"), 1u) << "a combining accent takes none";
  EXPECT_EQ(Fit("数", 4), "数  ");
}

TEST(Console, WrapsAtSpaces) {
  EXPECT_EQ(Wrap("one two three four", 14, "  "), "  one two\n  three four\n");
  EXPECT_EQ(Wrap("unbreakablewordlongerthanwidth", 14, "  "), "  unbreakablewordlongerthanwidth\n");
  EXPECT_EQ(Wrap("", 14, "  "), "");
}

TEST(Console, NumbersForPeople) {
  EXPECT_EQ(Grouped(0), "0");
  EXPECT_EQ(Grouped(999), "999");
  EXPECT_EQ(Grouped(1'234'567), "1 234 567");
  EXPECT_EQ(Short(0.123456), "0.1235");
  EXPECT_EQ(Short(std::nan("")), "-");
  EXPECT_EQ(ShortBytes(1'023), "1023 B");
  EXPECT_EQ(ShortBytes(1'536), "1.5 KiB");
  EXPECT_EQ(TimeText(1'700'000'000'000'000'000), "2023-11-14 22:13:20Z");
  EXPECT_EQ(TimeText(-1), "1969-12-31 23:59:59Z");
}

TEST(Console, GridsAlignAndFit) {
  Grid grid({"name", "rows", "detail"});
  grid.Add({"数据", "1", "short"});
  grid.Add({"x", "1 000", "a detail that is too long for the width"});
  EXPECT_EQ(grid.Text({.width = 40, .colour = false}),
            "name  rows   detail\n"
            "数据  1      short\n"
            "x     1 000  a detail that is too long …\n");
}

TEST(Console, ANarrowGridKeepsItsGapsAndWholeColumns) {
  Grid grid({"the first column", "the second column", "the third column, which is wide"}, 1);
  grid.Add({"aaaaaaaaaaaaaaaa", "bbbbbbbbbbbbbbbbb", "cccccccccccccccccccccccccccccccc"});
  EXPECT_EQ(grid.Text({.width = 50, .colour = false}),
            "the first column  the second col…  the third colu…\n"
            "aaaaaaaaaaaaaaaa  bbbbbbbbbbbbbb…  cccccccccccccc…\n");
  EXPECT_EQ(grid.Text({.width = 20, .colour = false}),
            "the first column  the sec…  the thi…\n"
            "aaaaaaaaaaaaaaaa  bbbbbbb…  ccccccc…\n");
}

TEST(Console, ATimeGivesWayLastAndNeverBelowTheMinute) {
  constexpr int64_t kTimeNs = 1'700'000'000'000'000'000;
  Grid grid({"signal", "detector", "since"});
  grid.Add({"the_income_of_the_applicant", "distribution_change", TimeCell(kTimeNs)});
  grid.Add({"age", "psi", TimeCell(0)});
  EXPECT_EQ(grid.Text({.width = 55, .colour = false}),
            "signal           detector          since\n"
            "the_income_of_…  distribution_ch…  2023-11-14 22:13:20Z\n"
            "age              psi               -\n");
  EXPECT_EQ(grid.Text({.width = 38, .colour = false}),
            "signal    detector  since\n"
            "the_inc…  distrib…  2023-11-14 22:13Z\n"
            "age       psi       -\n");
  EXPECT_EQ(grid.Text({.width = 20, .colour = false}),
            "signal    detector  since\n"
            "the_inc…  distrib…  2023-11-14 22:13Z\n"
            "age       psi       -\n")
      << "a column that is too wide is better than an invalid time";
}

TEST(Console, ColoursOnlyWhereAskedFor) {
  EXPECT_EQ(Paint({.width = 80, .colour = false}, Colour::kRed, "x"), "x");
  EXPECT_EQ(Paint({.width = 80, .colour = true}, Colour::kRed, "x"), "\x1b[31mx\x1b[0m");
}

TEST(Console, TheWidthComesFromColumns) {
  setenv("COLUMNS", "132", 1);
  EXPECT_EQ(TerminalStyle().width, 132u);
  setenv("COLUMNS", "7", 1);
  EXPECT_EQ(TerminalStyle().width, 40u);
  setenv("COLUMNS", "999999999999999999999", 1);
  EXPECT_EQ(TerminalStyle().width, 200u);
  unsetenv("COLUMNS");
}

}  // namespace
}  // namespace faultline::cli

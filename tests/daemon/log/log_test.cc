#include "daemon/log/log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <boost/json.hpp>
#include <string>

#include "tests/support/hostile_text.h"

namespace faultline {
namespace {

using ::testing::HasSubstr;
using ::testing::MatchesRegex;

constexpr int64_t kSecond = 1'000'000'000;

class LogTest : public ::testing::Test {
 protected:
  ~LogTest() override { ConfigureLog(LogLevel::kInfo, false); }
};

TEST_F(LogTest, TextHasTimeLevelMessageAndFields) {
  ::testing::internal::CaptureStderr();
  Log(LogLevel::kWarn, "the store is slow", {{"folder", "/var/lib"}, {"ms", 12}, {"why", "a b"}});
  EXPECT_THAT(::testing::internal::GetCapturedStderr(),
              MatchesRegex("[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}\\.[0-9]{3}Z warning the store is "
                           "slow folder=/var/lib ms=12 why=\"a b\"\n"));
}

TEST_F(LogTest, LinesBelowTheLevelAreNotWritten) {
  ::testing::internal::CaptureStderr();
  Log(LogLevel::kDebug, "level test: too low");
  ConfigureLog(LogLevel::kDebug, false);
  Log(LogLevel::kDebug, "level test: now shown");
  ConfigureLog(LogLevel::kError, false);
  Log(LogLevel::kWarn, "level test: too low again");
  const std::string text = ::testing::internal::GetCapturedStderr();
  EXPECT_THAT(text, HasSubstr("debug level test: now shown\n"));
  EXPECT_EQ(text.find("too low"), std::string::npos);
}

TEST_F(LogTest, HostileTextStaysOnOneLine) {
  EXPECT_EQ(FormatLogText("m\n2026 error fake", {{"f", "x\ny=\"z\"\x1b[31m"}}, 0),
            "m\\n2026 error fake f=\"x\\ny=\\\"z\\\"\\x1b[31m\"");
}

TEST_F(LogTest, EscapesWhatTerminalsObey) {
  // DEL, a C1 control (CSI as U+009B), a byte that is not UTF-8; good UTF-8 stays.
  EXPECT_EQ(FormatLogText("x\x7F\xC2\x9B\xFF\xC3\xA9", {}, 0), "x\\x7f\\u009b\\xff\xC3\xA9");
  EXPECT_EQ(FormatLogText("long " + std::string(5000, 'a'), {}, 0).size(), 4096u + 3);
}

TEST_F(LogTest, NeitherFormatShowsAnUnsafeCharacter) {
  for (const std::string& hostile : testing::HostileCharacters()) {
    const std::string text = FormatLogText("a" + hostile + "b", {{"f", hostile}}, 0);
    EXPECT_EQ(text.find(hostile), std::string::npos) << ::testing::PrintToString(hostile);
    const std::string json = FormatLogJson("a" + hostile + "b", {{"f", hostile}}, 0);
    EXPECT_EQ(json.find(hostile), std::string::npos) << ::testing::PrintToString(hostile);
    EXPECT_TRUE(boost::json::parse("{" + json + "}").as_object().contains("f"));
  }
  EXPECT_EQ(FormatLogText("a\u202eb\ufeff", {}, 0), "a\\u202eb\\ufeff");
  const std::string json = "{" + FormatLogJson("a\U000e0041b", {}, 0) + "}";
  EXPECT_EQ(boost::json::parse(json).as_object().at("message").as_string(), "a\U000e0041b");
}

TEST_F(LogTest, JsonIsJsonWhateverGoesIn) {
  ConfigureLog(LogLevel::kInfo, true);
  ::testing::internal::CaptureStderr();
  Log(LogLevel::kError, "json \"test\"\r\n",
      {{"text", "\x01\\ \xFF \xC3\xA9"}, {"whole", -3}, {"real", 0.5}, {"none", 0.0 / 0.0}});
  const std::string line = ::testing::internal::GetCapturedStderr();
  EXPECT_EQ(line.find('\n'), line.size() - 1);
  const boost::json::object object = boost::json::parse(line).as_object();
  EXPECT_EQ(object.at("level").as_string(), "error");
  EXPECT_EQ(object.at("message").as_string(), "json \"test\"\r\n");
  EXPECT_EQ(object.at("text").as_string(), "\x01\\ \xC3\xBF \xC3\xA9");
  EXPECT_EQ(object.at("whole").as_int64(), -3);
  EXPECT_EQ(object.at("real").as_double(), 0.5);
  EXPECT_TRUE(object.at("none").is_string());
}

TEST_F(LogTest, TheLimitDropsCountsAndTellsLater) {
  LogLimit limit;
  for (uint32_t i = 0; i < LogLimit::kBurst; ++i) {
    ASSERT_EQ(limit.Admit("disk full", 0), std::optional<uint64_t>(0)) << i;
  }
  for (int i = 0; i < 5; ++i) EXPECT_EQ(limit.Admit("disk full", 0), std::nullopt);
  EXPECT_EQ(limit.Admit("something else", 0), std::optional<uint64_t>(0));
  EXPECT_EQ(limit.Admit("disk full", kSecond), std::optional<uint64_t>(5));
  EXPECT_EQ(limit.Admit("disk full", kSecond), std::optional<uint64_t>(0));
  EXPECT_EQ(limit.Admit("disk full", kSecond), std::nullopt);
  EXPECT_EQ(limit.dropped(), 6u);
  EXPECT_EQ(FormatLogText("disk full", {}, 5), "disk full (similar messages dropped: 5)");
  EXPECT_EQ(FormatLogJson("disk full", {}, 5),
            "\"message\":\"disk full\",\"similar_messages_dropped\":5");
}

TEST_F(LogTest, AStormIsLimited) {
  ::testing::internal::CaptureStderr();
  const uint64_t before = LogLinesDropped();
  for (int i = 0; i < 1000; ++i) Log(LogLevel::kWarn, "storm test", {{"i", i}});
  const std::string text = ::testing::internal::GetCapturedStderr();
  const auto lines = static_cast<uint64_t>(std::count(text.begin(), text.end(), '\n'));
  EXPECT_GE(lines, LogLimit::kBurst);
  EXPECT_EQ(LogLinesDropped() - before, 1000 - lines);
  EXPECT_LT(lines, 1000u);
}

TEST(LogLevelName, Parses) {
  EXPECT_EQ(ParseLogLevel("warn"), LogLevel::kWarn);
  EXPECT_EQ(ParseLogLevel("WARN"), std::nullopt);
}

}  // namespace
}  // namespace faultline

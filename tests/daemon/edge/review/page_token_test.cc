#include "daemon/edge/review/page_token.h"

#include <gtest/gtest.h>

#include <string>

namespace faultline::review {
namespace {

TEST(PageToken, GivesThePositionBack) {
  const std::string position("a\0\xff", 3);
  const std::string token = MakeToken(TokenKind::kModels, "query", position);
  const absl::StatusOr<std::string> read =
      ReadToken(TokenKind::kModels, "query", token, "page_token");
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(*read, position);
  EXPECT_EQ(token.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                    "0123456789-_="),
            std::string::npos)
      << token << " must stand in addresses and on command lines as it is";
}

TEST(PageToken, BelongsToItsKindAndQuery) {
  const std::string token = MakeToken(TokenKind::kIncidents, "model=a", "7");
  for (const auto& status :
       {ReadToken(TokenKind::kIncidents, "model=b", token, "page_token").status(),
        ReadToken(TokenKind::kModels, "model=a", token, "page_token").status()}) {
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_EQ(status.message(), "page_token: belongs to another request; start without it");
  }
}

TEST(PageToken, EveryDamageIsSeen) {
  const std::string token = MakeToken(TokenKind::kIncidents, "", "position");
  for (size_t i = 0; i < token.size(); ++i) {
    std::string damaged = token;
    damaged[i] = damaged[i] == 'A' ? 'B' : 'A';
    EXPECT_FALSE(ReadToken(TokenKind::kIncidents, "", damaged, "page_token").ok()) << i;
    EXPECT_FALSE(ReadToken(TokenKind::kIncidents, "", token.substr(0, i), "page_token").ok());
  }
  EXPECT_FALSE(ReadToken(TokenKind::kIncidents, "", token + "AAAA", "page_token").ok());
  EXPECT_FALSE(ReadToken(TokenKind::kIncidents, "", "\x1b[31m", "page_token").ok());
  EXPECT_FALSE(ReadToken(TokenKind::kIncidents, "", std::string(1 << 20, 'A'), "page_token").ok());
}

}  // namespace
}  // namespace faultline::review

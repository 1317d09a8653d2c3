#include "daemon/edge/http/http_sessions.h"

#include <gtest/gtest.h>

#include <memory>

#include "daemon/edge/http/http_core.h"

namespace faultline {
namespace {

class HttpSessionsTest : public ::testing::Test {
 protected:
  std::shared_ptr<HttpSession> Make(bool refused = false) {
    auto session = std::make_shared<HttpSession>(&core_, boost::asio::ip::tcp::socket(core_.io()));
    sessions_.Add(session, refused);
    return session;
  }

  HttpCore core_{{}, {}};
  HttpSessions sessions_;
};

TEST_F(HttpSessionsTest, CountsServedAndRefusedSessions) {
  const auto served = Make();
  const auto refused = Make(true);
  EXPECT_EQ(sessions_.served(), 1u);
  EXPECT_EQ(sessions_.refused(), 1u);
  EXPECT_EQ(sessions_.All().size(), 2u);
  EXPECT_TRUE(sessions_.Remove(refused.get()));
  EXPECT_FALSE(sessions_.Remove(refused.get()));
  EXPECT_EQ(sessions_.refused(), 0u);
  EXPECT_TRUE(sessions_.Remove(served.get()));
  EXPECT_TRUE(sessions_.empty());
}

TEST_F(HttpSessionsTest, LongestWaitingIsTheOneThatBeganFirst) {
  EXPECT_EQ(sessions_.LongestWaiting(), nullptr);
  const auto a = Make();
  const auto b = Make();
  const auto c = Make();
  for (const auto& session : {a, b, c}) sessions_.WaitsForClient(session.get());
  EXPECT_EQ(sessions_.LongestWaiting(), a.get());
  sessions_.WaitsForClient(a.get());  // begins again
  EXPECT_EQ(sessions_.LongestWaiting(), b.get());
  sessions_.WaitsForServer(b.get());
  EXPECT_EQ(sessions_.LongestWaiting(), c.get());
  sessions_.Remove(c.get());
  EXPECT_EQ(sessions_.LongestWaiting(), a.get());
  sessions_.Remove(a.get());
  EXPECT_EQ(sessions_.LongestWaiting(), nullptr);
}

TEST_F(HttpSessionsTest, SessionsThatWereNotAddedAreIgnored) {
  const auto session = Make();
  sessions_.Remove(session.get());
  sessions_.WaitsForClient(session.get());
  sessions_.WaitsForServer(session.get());
  EXPECT_EQ(sessions_.LongestWaiting(), nullptr);
}

TEST(HttpBodyMemory, TakesFourOfTheLargestBodies) {
  HttpBodyMemory memory(10);
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(memory.Charge(10));
  EXPECT_FALSE(memory.Charge(1));
  memory.Discharge(10);
  EXPECT_TRUE(memory.Charge(10));
}

}  // namespace
}  // namespace faultline

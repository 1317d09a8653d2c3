#include "daemon/edge/http/http_client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "daemon/edge/http/http_server.h"
#include "tests/support/wait.h"

namespace faultline {
namespace {

using std::chrono::milliseconds;
using ::testing::HasSubstr;

class HttpClientTest : public ::testing::Test {
 protected:
  HttpClientTest() {
    const auto echo = [](const HttpRequest& request, const HttpReply& reply) {
      reply({201, "text/plain", request.method + " " + request.target + " " + request.body});
    };
    const auto silent = [this](const HttpRequest&, const HttpReply& reply) {
      held_.push_back(reply);
      asked_ = true;
    };
    HttpOptions options;
    options.address = "127.0.0.1:0";
    const std::vector<HttpRoute> routes = {
        {.path = "/echo", .handler = echo, .subtree = true},
        {.path = "/base/post", .handler = echo, .methods = HttpMethods::kPost, .body = true},
        {.path = "/silent", .handler = silent, .run = HttpRun::kAtOnce},
    };
    server_ = HttpServer::Start(options, routes).value();
  }
  HttpUrl Url(std::string path = "") const { return {"127.0.0.1", server_->port(), path}; }

  std::vector<HttpReply> held_;
  std::atomic<bool> asked_ = false;
  std::unique_ptr<HttpServer> server_;
};

TEST_F(HttpClientTest, GetsAndPosts) {
  HttpClient client(Url());
  const auto got = client.Get("/echo/a?b=c");
  ASSERT_TRUE(got.ok()) << got.status();
  EXPECT_EQ(got->code, 201u);
  EXPECT_EQ(got->body, "GET /echo/a?b=c ");
  const auto missing = client.Get("/missing");
  ASSERT_TRUE(missing.ok()) << missing.status();
  EXPECT_EQ(missing->code, 404u);

  const auto posted = HttpClient(Url("/base")).Post("/post", "{}");
  ASSERT_TRUE(posted.ok()) << posted.status();
  EXPECT_EQ(posted->body, "POST /base/post {}");
}

TEST_F(HttpClientTest, SaysWhyThereIsNoAnswer) {
  HttpClient late(Url(), {.timeout = milliseconds(50)});
  EXPECT_THAT(late.Get("/silent").status().message(), HasSubstr("it took too long"));

  const HttpUrl closed = Url();
  server_.reset();
  const absl::Status refused = HttpClient(closed).Get("/echo").status();
  EXPECT_EQ(refused.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(refused.message(), HasSubstr("cannot connect"));
}

TEST_F(HttpClientTest, AnswersBeyondTheLimitKeepTheirCode) {
  HttpClient client(Url(), {.body_bytes_max = 4});
  const auto got = client.Get("/echo/long");
  ASSERT_TRUE(got.ok()) << got.status();
  EXPECT_EQ(got->code, 201u);
  EXPECT_LE(got->body.size(), 4u);
}

TEST_F(HttpClientTest, CancelEndsTheCurrentRequestAndLaterOnes) {
  HttpClient client(Url());
  absl::Status status;
  std::thread asking([&] { status = client.Get("/silent").status(); });
  EXPECT_TRUE(testing::WaitUntil([&] { return asked_.load(); }));
  client.Cancel();
  asking.join();
  EXPECT_EQ(status.code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(client.Get("/echo").status().code(), absl::StatusCode::kCancelled);
}

}  // namespace
}  // namespace faultline

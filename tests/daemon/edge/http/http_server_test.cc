#include "daemon/edge/http/http_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "tests/daemon/edge/http/raw_client.h"
#include "tests/support/wait.h"

namespace faultline {
namespace {

using std::chrono::milliseconds;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

std::string Post(std::string_view path, std::string_view body, std::string_view header = "") {
  return "POST " + std::string(path) + " HTTP/1.1\r\nHost: x\r\nContent-Type: text/x\r\n" +
         std::string(header) + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
         std::string(body);
}

class HttpServerTest : public ::testing::Test {
 protected:
  void Start(HttpOptions options = {}) {
    options.address = "127.0.0.1:0";
    const auto metrics = [this](const HttpRequest&, const HttpReply& reply) {
      reply({200, "text/plain; version=0.0.4; charset=utf-8", metrics_()});
    };
    const auto reload = [](const HttpRequest&, const HttpReply& reply) {
      reply({200, "text/plain", "reloaded\n"});
    };
    const auto events = [this](const HttpRequest& request, const HttpReply& reply) {
      const std::lock_guard lock(mutex_);
      requests_.push_back(request);
      if (hold_) {
        held_.push_back(reply);
      } else {
        reply({200, "application/json", "{}\n"});
      }
    };
    const auto echo = [](const HttpRequest& request, const HttpReply& reply) {
      reply({200, "text/plain", request.method + " " + request.target + "\n", "X-Echo: yes\r\n"});
    };
    const std::vector<HttpRoute> routes = {
        {.path = "/metrics", .handler = metrics, .run = HttpRun::kShared},
        {.path = "/-/healthy",
         .handler = ProbeHandler("ok", [] { return absl::OkStatus(); }),
         .run = HttpRun::kAtOnce},
        {.path = "/-/ready",
         .handler = ProbeHandler(
             "ready",
             [this] { return ready_ ? absl::OkStatus() : absl::UnavailableError("starting"); }),
         .run = HttpRun::kAtOnce},
        {.path = "/-/reload", .handler = reload, .methods = HttpMethods::kPostOrPut},
        {.path = "/v1/events",
         .handler = events,
         .methods = HttpMethods::kPost,
         .body = true,
         .oversize = [this] { ++oversize_; }},
        {.path = "/echo", .handler = echo, .subtree = true},
    };
    auto server = HttpServer::Start(options, routes);
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
  }
  uint16_t port() const { return server_->port(); }
  size_t requests() {
    const std::lock_guard lock(mutex_);
    return requests_.size();
  }

  HttpRequest request(size_t i) {
    const std::lock_guard lock(mutex_);
    return requests_.at(i);
  }
  HttpReply held(size_t i) {
    const std::lock_guard lock(mutex_);
    return held_.at(i);
  }

  std::function<std::string()> metrics_ = [] { return std::string("up 1\n"); };
  std::atomic<bool> ready_{true};
  std::atomic<bool> hold_{false};
  std::atomic<int> oversize_{0};
  std::mutex mutex_;
  std::vector<HttpRequest> requests_;
  std::vector<HttpReply> held_;
  std::unique_ptr<HttpServer> server_;
};

TEST_F(HttpServerTest, WantsOneHostHeader) {
  Start();
  RawClient none(port());
  none.Send("GET /metrics HTTP/1.1\r\n\r\n");
  EXPECT_THAT(none.ReadAnswer(), StartsWith("HTTP/1.1 400 "));
  RawClient two(port());
  two.Send("GET /metrics HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n");
  EXPECT_THAT(two.ReadAnswer(), StartsWith("HTTP/1.1 400 "));
  RawClient old(port());
  old.Send("GET /metrics HTTP/1.0\r\n\r\n");
  EXPECT_THAT(old.ReadAll(), StartsWith("HTTP/1.1 200 ")) << "HTTP/1.0 has none";
}

TEST_F(HttpServerTest, RefusesBodiesInAnUnknownEncoding) {
  Start();
  for (const char* header : {"Content-Encoding: gzip\r\n", "Content-Encoding: identity, br\r\n"}) {
    RawClient client(port());
    client.Send(Post("/v1/events", "hi", header));
    EXPECT_THAT(client.ReadAnswer(), StartsWith("HTTP/1.1 415 ")) << header;
  }
  RawClient chunked(port());
  chunked.Send(
      "POST /v1/events HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n"
      "2\r\nhi\r\n0\r\n\r\n");
  EXPECT_THAT(chunked.ReadAnswer(), StartsWith("HTTP/1.1 415 "));
  RawClient plain(port());
  EXPECT_THAT(plain.Ask(Post("/v1/events", "hi", "Content-Encoding: identity\r\n")),
              StartsWith("HTTP/1.1 200 "));
}

TEST_F(HttpServerTest, CountsBodiesThatAreTooLargeUnderTheirRoute) {
  Start({.body_bytes_max = 100});
  RawClient client(port());
  client.Send("POST /v1/events HTTP/1.1\r\nHost: x\r\nContent-Length: 101\r\n\r\n");
  EXPECT_THAT(client.ReadAnswer(), StartsWith("HTTP/1.1 413 "));
  EXPECT_EQ(server_->Read().requests["/v1/events 413"], 1u);
  EXPECT_EQ(oversize_.load(), 1);
}

TEST_F(HttpServerTest, AnswersItsRoutes) {
  Start();
  RawClient client(port());
  const std::string metrics = client.Ask(Get("/metrics?x=y"));
  EXPECT_THAT(metrics, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(metrics, HasSubstr("Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n"));
  EXPECT_THAT(metrics, EndsWith("\r\n\r\nup 1\n"));
  EXPECT_THAT(client.Ask(Get("/-/healthy")), EndsWith("\r\n\r\nok\n"));
  EXPECT_THAT(client.Ask(Get("/-/ready")), EndsWith("\r\n\r\nready\n"));
  ready_ = false;
  EXPECT_THAT(client.Ask(Get("/-/ready")), StartsWith("HTTP/1.1 503 "));
  EXPECT_THAT(client.Ask(Post("/-/reload", "")), EndsWith("reloaded\n"));
  EXPECT_THAT(client.Ask("PUT /-/reload HTTP/1.1\r\nHost: x\r\n\r\n"), EndsWith("reloaded\n"));
  EXPECT_THAT(client.Ask(Post("/v1/events", "{\"a\":1}\n")), EndsWith("{}\n"));
  ASSERT_EQ(requests(), 1u);
  EXPECT_EQ(request(0).body, "{\"a\":1}\n");
  EXPECT_EQ(request(0).method, "POST");
  EXPECT_EQ(request(0).target, "/v1/events");
  EXPECT_EQ(request(0).Header("content-type"), "text/x");
  EXPECT_EQ(request(0).Header("content-length"), "8");
  EXPECT_EQ(request(0).Header("missing"), "");
  // All over one connection.
  EXPECT_EQ(server_->Read().connections, 1u);
  EXPECT_EQ(server_->Read().requests.at("/-/ready 503"), 1u);
  EXPECT_EQ(server_->Read().requests.at("/metrics 200"), 1u);
}

TEST_F(HttpServerTest, ASubtreeAnswersBelowItsPath) {
  Start();
  RawClient client(port());
  const std::string answer = client.Ask(Get("/echo/a/b?c=d"));
  EXPECT_THAT(answer, EndsWith("GET /echo/a/b?c=d\n"));
  EXPECT_THAT(answer, HasSubstr("\r\nX-Echo: yes\r\n"));
  EXPECT_THAT(client.Ask(Get("/echo")), EndsWith("GET /echo\n"));
  EXPECT_THAT(client.Ask(Get("/echoes")), StartsWith("HTTP/1.1 404 "));
  EXPECT_THAT(client.Ask(Get("/metrics/x")), StartsWith("HTTP/1.1 404 ")) << "no subtree";
  EXPECT_THAT(client.Ask(Get("/")), StartsWith("HTTP/1.1 404 "));
  EXPECT_EQ(server_->Read().requests.at("/echo 200"), 2u);
}

TEST(HttpServerDeathTest, RoutesThatContradictThemselvesAbort) {
  const auto handler = [](const HttpRequest&, const HttpReply& reply) { reply({}); };
  const auto start = [](const std::vector<HttpRoute>& routes) {
    (void)HttpServer::Start({.address = "127.0.0.1:0"}, routes);
  };
  EXPECT_DEATH(start({{.path = "x", .handler = handler}}), "begins with /");
  EXPECT_DEATH(start({{.path = "/x", .handler = nullptr}}), "has a handler");
  EXPECT_DEATH(start({{.path = "/x", .handler = handler}, {.path = "/x", .handler = handler}}),
               "one route");
  EXPECT_DEATH(start({{.path = "/x", .handler = handler, .body = true}}), "GET has no body");
  EXPECT_DEATH(start({{.path = "/x",
                       .handler = handler,
                       .methods = HttpMethods::kPost,
                       .run = HttpRun::kShared}}),
               "can be shared");
}

TEST_F(HttpServerTest, HeadHasTheHeaderAlone) {
  Start();
  RawClient client(port());
  ASSERT_TRUE(client.Send("HEAD /metrics HTTP/1.1\r\nHost: x\r\n\r\n"));
  const std::string head = client.ReadAnswer(true);
  EXPECT_THAT(head, HasSubstr("Content-Length: 5\r\n"));
  EXPECT_THAT(head, EndsWith("\r\n\r\n"));
  EXPECT_THAT(client.Ask(Get("/-/healthy")), StartsWith("HTTP/1.1 200 OK\r\n"));
}

TEST_F(HttpServerTest, RefusesWhatIsWrong) {
  Start();
  RawClient client(port());
  EXPECT_THAT(client.Ask(Get("/nowhere")), StartsWith("HTTP/1.1 404 "));
  const std::string wrong = client.Ask("DELETE /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_THAT(wrong, StartsWith("HTTP/1.1 405 "));
  EXPECT_THAT(wrong, HasSubstr("\r\nAllow: GET, HEAD\r\n"));
  EXPECT_THAT(client.Ask(Get("/v1/events")), HasSubstr("\r\nAllow: POST\r\n"));
  EXPECT_THAT(client.Ask(Get("/-/reload")), StartsWith("HTTP/1.1 405 "));
  EXPECT_THAT(client.Ask("P /-/reload HTTP/1.1\r\nHost: x\r\n\r\n"), StartsWith("HTTP/1.1 405 "));
  EXPECT_THAT(client.Ask(Post("/-/reload", "", "Origin: http://evil.example\r\n")),
              StartsWith("HTTP/1.1 403 "));
  for (const char* text : {"\x16\x03\x01\x02\r\n\r\n", "GET\r\n\r\n", "GET / HTTP/9.9\r\n\r\n",
                           "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n"}) {
    RawClient other(port());
    ASSERT_TRUE(other.Send(text));
    EXPECT_THAT(other.ReadAll(), StartsWith("HTTP/1.1 400 ")) << text;
  }
  RawClient large(port());
  large.Send("GET / HTTP/1.1\r\nHost: x\r\nX: " + std::string(9000, 'x') + "\r\n\r\n");
  EXPECT_THAT(large.ReadAll(), StartsWith("HTTP/1.1 431 "));
}

TEST_F(HttpServerTest, OversizeBodiesAreRefusedInTimeToBeRead) {
  Start({.body_bytes_max = 100'000});
  RawClient exact(port());
  EXPECT_THAT(exact.Ask(Post("/v1/events", std::string(100'000, 'x'))),
              StartsWith("HTTP/1.1 200 "));
  EXPECT_EQ(request(0).body.size(), 100'000u);
  // The whole body is sent although it is rejected; the answer must still arrive.
  RawClient over(port());
  over.Send(Post("/v1/events", std::string(8'000'000, 'x')));
  over.FinishSending();
  EXPECT_THAT(over.ReadAll(), StartsWith("HTTP/1.1 413 "));
  RawClient chunked(port());
  chunked.Send("POST /v1/events HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
  for (int i = 0; i < 20; ++i) chunked.Send("2710\r\n" + std::string(10'000, 'x') + "\r\n");
  EXPECT_THAT(chunked.ReadAll(), StartsWith("HTTP/1.1 413 "));
  // An unexpected body is not read as a request.
  RawClient smuggler(port());
  smuggler.Send(Post("/-/reload", Get("/metrics")));
  const std::string all = smuggler.ReadAll();
  EXPECT_THAT(all, StartsWith("HTTP/1.1 200 "));
  EXPECT_THAT(all, HasSubstr("Connection: close"));
  EXPECT_THAT(all, Not(HasSubstr("up 1")));
  EXPECT_EQ(requests(), 1u);
}

TEST_F(HttpServerTest, ChunksAndExpectations) {
  Start();
  RawClient client(port());
  EXPECT_THAT(client.Ask("POST /v1/events HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
                         "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"),
              StartsWith("HTTP/1.1 200 "));
  EXPECT_EQ(request(0).body, "abcde");
  ASSERT_TRUE(client.Send(
      "POST /v1/events HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"));
  EXPECT_THAT(client.ReadAnswer(), StartsWith("HTTP/1.1 100 "));
  EXPECT_THAT(client.Ask("hi"), StartsWith("HTTP/1.1 200 "));
  EXPECT_EQ(request(1).body, "hi");
}

TEST_F(HttpServerTest, PipelinedRequestsAreAnsweredInOrder) {
  Start();
  RawClient client(port());
  std::string many;
  for (int i = 0; i < 50; ++i) {
    many += i % 2 == 0 ? Get("/metrics") : Post("/v1/events", std::to_string(i));
  }
  many += "GET /-/healthy HTTP/1.0\r\n\r\n";
  ASSERT_TRUE(client.Send(many));
  for (int i = 0; i < 50; ++i) {
    EXPECT_THAT(client.ReadAnswer(), EndsWith(i % 2 == 0 ? "up 1\n" : "{}\n")) << i;
  }
  EXPECT_THAT(client.ReadAll(), EndsWith("ok\n"));
}

TEST_F(HttpServerTest, SilentAndHalfOpenClientsDoNoHarm) {
  Start({.connections_max = 50, .timeout = milliseconds(300)});
  std::vector<std::unique_ptr<RawClient>> silent;
  for (int i = 0; i < 40; ++i) {
    silent.push_back(std::make_unique<RawClient>(port()));
    if (i % 3 == 1) silent.back()->Send("GET /metr");
    if (i % 3 == 2)
      silent.back()->Send("POST /v1/events HTTP/1.1\r\nHost: x\r\nContent-Length: 99999\r\n\r\nx");
  }
  RawClient client(port());
  EXPECT_THAT(client.Ask(Get("/metrics")), EndsWith("up 1\n"));
  // A client that sends a byte now and then is silent, too: they all go.
  EXPECT_TRUE(testing::WaitUntil([&] {
    for (const auto& one : silent) one->Send("x");
    return server_->Read().connections == 0;
  }));
  EXPECT_EQ(requests(), 0u);
  RawClient half(port());
  half.Send(Get("/metrics"));
  half.FinishSending();
  EXPECT_THAT(half.ReadAll(), EndsWith("up 1\n"));
}

TEST_F(HttpServerTest, SlowScrapersDoNotBlockOthersAndShareMemory) {
  std::atomic<int> pages{0};
  metrics_ = [&] {
    ++pages;
    return std::string(8 << 20, 'm');
  };
  Start({.timeout = milliseconds(60'000)});
  std::vector<std::unique_ptr<RawClient>> slow;
  for (int i = 0; i < 12; ++i) {
    slow.push_back(std::make_unique<RawClient>());
    slow.back()->SetReceiveBuffer(4096);
    slow.back()->Connect(port());
    slow.back()->Send(Get("/metrics"));
    // Each has its answer on the way before the next one asks.
    ASSERT_TRUE(testing::WaitUntil([&] {
      const auto all = server_->Read().requests;
      const auto found = all.find("/metrics 200");
      return found != all.end() && found->second == static_cast<uint64_t>(i) + 1;
    }));
  }
  EXPECT_LE(pages, 4);
  RawClient client(port());
  EXPECT_GT(client.Ask(Get("/metrics")).size(), 8u << 20);
  EXPECT_THAT(client.Ask(Get("/-/healthy")), EndsWith("ok\n"));
}

TEST_F(HttpServerTest, ASlowPageDelaysNoProbe) {
  std::mutex gate;
  std::unique_lock closed(gate);
  metrics_ = [&] {
    const std::lock_guard wait(gate);
    return std::string("late 1\n");
  };
  Start();
  RawClient scraper(port());
  scraper.Send(Get("/metrics"));
  RawClient probe(port());
  EXPECT_THAT(probe.Ask(Get("/-/healthy")), EndsWith("ok\n"));
  EXPECT_THAT(probe.Ask(Post("/v1/events", "x")), EndsWith("{}\n"));
  closed.unlock();
  EXPECT_THAT(scraper.ReadAnswer(), EndsWith("late 1\n"));
}

TEST_F(HttpServerTest, TooManyConnectionsAreToldSo) {
  hold_ = true;
  Start({.connections_max = 3});
  std::vector<std::unique_ptr<RawClient>> open;
  for (size_t i = 0; i < 3; ++i) {
    open.push_back(std::make_unique<RawClient>(port()));
    open.back()->Send(Post("/v1/events", "x"));
    ASSERT_TRUE(testing::WaitUntil([&] { return requests() == i + 1; }));
  }
  RawClient refused(port());
  EXPECT_THAT(refused.ReadAll(), StartsWith("HTTP/1.1 503 "));
  EXPECT_EQ(server_->Read().connections_refused, 1u);
  held(2)({202, "text/plain", "done\n"});
  EXPECT_THAT(open.back()->ReadAnswer(), EndsWith("done\n"));
  open.pop_back();
  ASSERT_TRUE(testing::WaitUntil([&] { return server_->Read().connections == 2; }));
  RawClient taken(port());
  EXPECT_THAT(taken.Ask(Get("/-/healthy")), EndsWith("ok\n"));
}

TEST_F(HttpServerTest, WhoKeepsItWaitingLongestMakesRoom) {
  Start({.connections_max = 3});
  RawClient silent(port());
  ASSERT_TRUE(testing::WaitUntil([&] { return server_->Read().connections == 1; }));
  RawClient half(port());
  half.Send("GET /-/heal");
  RawClient polite(port());
  EXPECT_THAT(polite.Ask(Get("/-/healthy")), EndsWith("ok\n"));
  RawClient fourth(port());
  EXPECT_THAT(fourth.Ask(Get("/-/healthy")), EndsWith("ok\n"));
  EXPECT_EQ(silent.ReadAll(), "");
  RawClient fifth(port());
  EXPECT_THAT(fifth.Ask(Get("/-/healthy")), EndsWith("ok\n"));
  EXPECT_EQ(half.ReadAll(), "");
  EXPECT_THAT(polite.Ask(Get("/-/healthy")), EndsWith("ok\n"));
  EXPECT_EQ(server_->Read().connections, 3u);
  EXPECT_EQ(server_->Read().connections_refused, 2u);
}

TEST_F(HttpServerTest, BodiesTogetherAreBounded) {
  hold_ = true;
  Start({.body_bytes_max = 1000});
  std::vector<std::unique_ptr<RawClient>> busy;
  for (int i = 0; i < 4; ++i) {
    busy.push_back(std::make_unique<RawClient>(port()));
    busy.back()->Send(Post("/v1/events", std::string(1000, 'x')));
  }
  ASSERT_TRUE(testing::WaitUntil([&] { return requests() == 4; }));
  RawClient fifth(port());
  EXPECT_THAT(fifth.Ask(Post("/v1/events", "x")), StartsWith("HTTP/1.1 503 "));
  for (size_t i = 0; i < 4; ++i) held(i)({202, "text/plain", "done\n"});
  for (auto& client : busy) EXPECT_THAT(client->ReadAnswer(), EndsWith("done\n"));
  // Answered requests make room.
  hold_ = false;
  for (int i = 0; i < 20; ++i) {
    EXPECT_THAT(busy[0]->Ask(Post("/v1/events", std::string(1000, 'x'))), EndsWith("{}\n")) << i;
  }
}

TEST_F(HttpServerTest, RepliesThatComeLateOrTwiceOrNeverAreHarmless) {
  hold_ = true;
  Start({.answer_timeout = milliseconds(50)});
  RawClient client(port());
  EXPECT_THAT(client.Ask(Post("/v1/events", "1")), StartsWith("HTTP/1.1 504 "));
  ASSERT_TRUE(testing::WaitUntil([&] { return requests() == 1; }));
  const HttpReply late = held(0);
  hold_ = false;
  late({200, "text/plain", "too late\n"});
  EXPECT_THAT(client.Ask(Post("/v1/events", "2")), EndsWith("{}\n"));
  EXPECT_THAT(client.Ask(Get("/-/healthy")), EndsWith("ok\n"));
  server_.reset();
  late({200, "text/plain", "too late\n"});
}

TEST_F(HttpServerTest, RunningOutOfFileDescriptorsIsSurvived) {
  Start();
  // One connection, so that everything the server opens lazily is open.
  EXPECT_THAT(RawClient(port()).Ask(Get("/-/healthy")), EndsWith("ok\n"));
  ASSERT_TRUE(testing::WaitUntil([&] { return server_->Read().connections == 0; }));
  RawClient waiting;
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
  rlimit none = before;
  none.rlim_cur = static_cast<rlim_t>(waiting.fd()) + 1;
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
  std::vector<int> rest;
  for (int fd = dup(0); fd >= 0; fd = dup(0)) rest.push_back(fd);
  waiting.Connect(port());
  waiting.Send(Get("/-/healthy"));
  std::this_thread::sleep_for(milliseconds(250));  // a few failed attempts
  for (const int fd : rest) close(fd);
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
  EXPECT_THAT(waiting.ReadAnswer(), EndsWith("ok\n"));
}

TEST_F(HttpServerTest, StopAnswersWhatIsInAndTakesNothingNew) {
  hold_ = true;
  Start();
  RawClient idle(port());
  EXPECT_THAT(idle.Ask(Get("/-/healthy")), EndsWith("ok\n"));
  RawClient busy(port());
  busy.Send(Post("/v1/events", "1"));
  ASSERT_TRUE(testing::WaitUntil([&] { return requests() == 1; }));
  std::thread stopping([&] { server_->Stop(milliseconds(60'000)); });
  EXPECT_EQ(idle.ReadAll(), "");
  held(0)({200, "text/plain", "applied\n"});
  const std::string answer = busy.ReadAll();
  EXPECT_THAT(answer, EndsWith("applied\n"));
  EXPECT_THAT(answer, HasSubstr("Connection: close"));
  stopping.join();
}

TEST_F(HttpServerTest, StopDoesNotWaitForever) {
  hold_ = true;
  Start();
  RawClient busy(port());
  busy.Send(Post("/v1/events", "1"));
  ASSERT_TRUE(testing::WaitUntil([&] { return requests() == 1; }));
  server_->Stop(milliseconds(20));
  EXPECT_EQ(busy.ReadAll(), "");
}

TEST(HttpServerStart, SaysWhyItCannotListen) {
  const std::vector<HttpRoute> routes;
  HttpOptions options;
  options.address = "127.0.0.1:0";
  auto first = HttpServer::Start(options, routes);
  ASSERT_TRUE(first.ok());
  options.address = "127.0.0.1:" + std::to_string((*first)->port());
  const auto second = HttpServer::Start(options, routes);
  EXPECT_EQ(second.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(second.status().message()), HasSubstr("the port is in use"));
  for (const char* address : {"", "7071", "127.0.0.1:", "127.0.0.1:99999", "example.com:80",
                              "127.0.0.1:80x", "[::1:80"}) {
    options.address = address;
    EXPECT_EQ(HttpServer::Start(options, routes).status().code(),
              absl::StatusCode::kInvalidArgument)
        << address;
  }
}

}  // namespace
}  // namespace faultline

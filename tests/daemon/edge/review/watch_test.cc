#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "faultline/v1/incident_service.grpc.pb.h"
#include "storage/tables/incident_id.h"
#include "storage/tables/keys.h"
#include "tests/daemon/edge/review/review_server.h"
#include "tests/support/wait.h"

namespace faultline::review {
namespace {

using testing::MakeIncident;
using testing::ReviewServer;
using testing::WaitUntil;

// A watch with its context.
class Watch {
 public:
  Watch(const ReviewServer& server, const std::string& token, const std::string& model = "")
      : stub_(v1::IncidentService::NewStub(server.channel())) {
    // So that a watch that should have ended fails the test instead of hanging it.
    context_.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(120));
    v1::WatchIncidentsRequest request;
    request.set_resume_token(token);
    request.set_model(model);
    reader_ = stub_->WatchIncidents(&context_, request);
  }
  ~Watch() {
    if (finished_) return;
    context_.TryCancel();
    Finish();
  }

  // The words of the next change; empty at the end.
  std::string Next() {
    v1::WatchIncidentsResponse response;
    if (!reader_->Read(&response)) return "";
    if (!response.resume_token().empty()) token_ = response.resume_token();
    last_ = response;
    return response.change();
  }
  grpc::Status Finish() {
    finished_ = true;
    v1::WatchIncidentsResponse response;
    while (reader_->Read(&response)) {
    }
    return reader_->Finish();
  }
  const std::string& token() const { return token_; }
  const v1::WatchIncidentsResponse& last() const { return last_; }

 private:
  grpc::ClientContext context_;
  std::unique_ptr<v1::IncidentService::Stub> stub_;
  std::unique_ptr<grpc::ClientReader<v1::WatchIncidentsResponse>> reader_;
  std::string token_;
  v1::WatchIncidentsResponse last_;
  bool finished_ = false;
};

void Put(ReviewServer* server, int n, const std::string& model = "credit",
         v1::IncidentState state = v1::INCIDENT_STATE_OPEN) {
  const auto id = static_cast<uint64_t>(n);
  server->Put(id, MakeIncident(id, model, state), "change " + std::to_string(n));
}

TEST(Watch, BeginsWithTheOpenOnesAndGoesOnWithChanges) {
  ReviewServer server(ReviewServer::Core::kAsleep);
  Put(&server, 1);
  Put(&server, 2, "credit", v1::INCIDENT_STATE_RESOLVED);
  Put(&server, 3, "fraud", v1::INCIDENT_STATE_ACKNOWLEDGED);
  Watch watch(server, "");
  EXPECT_EQ(watch.Next(), "is open");
  EXPECT_EQ(watch.last().incident().model(), "fraud");
  EXPECT_EQ(watch.token(), "") << "the others would be left out";
  EXPECT_EQ(watch.Next(), "is open");
  EXPECT_EQ(watch.last().incident().model(), "credit");
  ASSERT_NE(watch.token(), "");
  const std::string token = watch.token();
  Put(&server, 4);
  EXPECT_EQ(watch.Next(), "change 4");
  EXPECT_EQ(watch.last().incident().id(), FormatIncidentId(4));
  EXPECT_EQ(watch.last().incident().evidence_size(), 0);
  Watch resumed(server, token);
  EXPECT_EQ(resumed.Next(), "change 4") << "and not the open ones again";
}

TEST(Watch, ResumesWithoutGapOrRepeatAtEveryPlace) {
  ReviewServer server(ReviewServer::Core::kAsleep);
  std::string token;
  {
    Watch first(server, "");
    ASSERT_TRUE(WaitUntil([&] { return server.watch_hub()->watchers() == 1; }));
    Put(&server, 1);
    EXPECT_EQ(first.Next(), "change 1");
    token = first.token();
  }
  for (int n = 2; n <= 200; ++n) Put(&server, n);
  for (int n = 2; n <= 200;) {
    Watch watch(server, token);
    for (int i = 0; i < 40 && n <= 200; ++i, ++n) {
      ASSERT_EQ(watch.Next(), "change " + std::to_string(n));
    }
    token = watch.token();
  }
}

TEST(Watch, OneModelOnly) {
  ReviewServer server(ReviewServer::Core::kAsleep);
  Put(&server, 1, "credit");
  Put(&server, 2, "fraud");
  Watch watch(server, "", "fraud");
  EXPECT_EQ(watch.Next(), "is open");
  for (int n = 3; n <= 8; ++n) Put(&server, n, n % 2 == 0 ? "fraud" : "credit");
  for (int n = 4; n <= 8; n += 2) EXPECT_EQ(watch.Next(), "change " + std::to_string(n));
}

TEST(Watch, TooOldForeignAndFutureTokens) {
  ReviewServer server(ReviewServer::Core::kAsleep);
  std::string token;
  {
    Watch watch(server, "");
    ASSERT_TRUE(WaitUntil([&] { return server.watch_hub()->watchers() == 1; }));
    Put(&server, 1);
    ASSERT_EQ(watch.Next(), "change 1");
    token = watch.token();
  }
  for (int n = 2; n <= 10; ++n) Put(&server, n);
  server.ForgetChanges(5);
  EXPECT_EQ(Watch(server, token).Finish().error_code(), grpc::StatusCode::OUT_OF_RANGE);
  EXPECT_EQ(Watch(server, "nonsense").Finish().error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  ReviewServer younger(ReviewServer::Core::kAsleep);
  EXPECT_EQ(Watch(younger, token).Finish().error_code(), grpc::StatusCode::OUT_OF_RANGE);
}

TEST(Watch, ASlowWatcherEndsWithATokenToGoOnFrom) {
  ReviewServer server(ReviewServer::Core::kAsleep, {.watchers_max = 4, .behind_max = 100});
  Watch watch(server, "");
  ASSERT_TRUE(WaitUntil([&] { return server.watch_hub()->watchers() == 1; }));
  Put(&server, 1);
  ASSERT_EQ(watch.Next(), "change 1");
  // More than gRPC takes in without a reader, fewer changes than those at which it is cancelled.
  v1::Incident large = MakeIncident(2, "credit", v1::INCIDENT_STATE_OPEN);
  large.set_summary(std::string(300'000, 'x'));
  for (uint64_t n = 2; n <= 300; ++n) server.Put(n, large, "change " + std::to_string(n));
  int next = 2;
  while (next <= 300 && watch.Next() == "change " + std::to_string(next)) ++next;
  ASSERT_LT(next, 301) << "it was not slow";
  const grpc::Status status = watch.Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_NE(status.error_message().find(watch.token()), std::string::npos)
      << status.error_message();
  // The token leads on to the rest.
  Watch resumed(server, watch.token());
  for (; next <= 300; ++next) ASSERT_EQ(resumed.Next(), "change " + std::to_string(next));
}

TEST(Watch, OneThatNeverReadsGivesItsPlaceBack) {
  ReviewServer server(ReviewServer::Core::kAsleep, {.watchers_max = 1, .behind_max = 10});
  Watch watch(server, "");
  ASSERT_TRUE(WaitUntil([&] { return server.watch_hub()->watchers() == 1; }));
  Put(&server, 1);
  ASSERT_EQ(watch.Next(), "change 1");
  v1::Incident large = MakeIncident(2, "credit", v1::INCIDENT_STATE_OPEN);
  large.set_summary(std::string(300'000, 'x'));
  uint64_t n = 2;
  EXPECT_TRUE(WaitUntil([&] {
    server.Put(n, large, "change");
    ++n;
    return server.watch_hub()->watchers() == 0;
  }));
}

TEST(Watch, WatchersAreCountedAndEndOnShutdown) {
  ReviewServer server(ReviewServer::Core::kAsleep, {.watchers_max = 2, .behind_max = 100});
  Watch first(server, "");
  Watch second(server, "");
  ASSERT_TRUE(WaitUntil([&] { return server.watch_hub()->watchers() == 2; }));
  EXPECT_EQ(Watch(server, "").Finish().error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  server.watch_hub()->Shutdown();
  EXPECT_EQ(first.Finish().error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(second.Finish().error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(server.watch_hub()->watchers(), 0u);
  EXPECT_EQ(Watch(server, "").Finish().error_code(), grpc::StatusCode::UNAVAILABLE);
}

TEST(Watch, AWatcherThatLeavesGivesItsPlaceBack) {
  ReviewServer server(ReviewServer::Core::kAsleep, {.watchers_max = 1, .behind_max = 100});
  Put(&server, 1);
  for (int i = 0; i < 3; ++i) {
    {
      Watch watch(server, "");
      ASSERT_EQ(watch.Next(), "is open");
    }
    ASSERT_TRUE(WaitUntil([&] { return server.watch_hub()->watchers() == 0; }));
  }
}

}  // namespace
}  // namespace faultline::review

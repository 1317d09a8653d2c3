#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "faultline/v1/admin.grpc.pb.h"
#include "faultline/v1/incident_service.grpc.pb.h"
#include "storage/tables/keys.h"
#include "tests/daemon/edge/review/review_server.h"
#include "tests/support/wait.h"

namespace faultline::review {
namespace {

using testing::ReviewServer;
using testing::WaitUntil;
using Stub = v1::AdminService::Stub;

template <typename Request, typename Response>
grpc::Status Call(Stub* stub,
                  grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Response*),
                  const Request& request, Response* response) {
  grpc::ClientContext context;
  response->Clear();
  return (stub->*method)(&context, request, response);
}

TEST(AdminService, SaysHowTheDaemonIs) {
  ReviewServer server(ReviewServer::Core::kRunning);
  const auto stub = v1::AdminService::NewStub(server.channel());
  server.Feed("credit", 50);
  v1::GetStatusResponse status;
  ASSERT_TRUE(Call(stub.get(), &Stub::GetStatus, v1::GetStatusRequest(), &status).ok());
  EXPECT_EQ(status.version(), "1.2.3");
  EXPECT_EQ(status.start_time().seconds(), 1'700'000'000);
  EXPECT_TRUE(status.ready());
  EXPECT_EQ(status.models(), 1u);
  EXPECT_EQ(status.signals(), 1u);
  EXPECT_EQ(status.rows().at("applied"), 50u);
  EXPECT_EQ(status.rows().at("rejected"), 0u);
  EXPECT_GT(status.resident_bytes(), 1'000'000u);
  server.pipeline()->Stop();
  ASSERT_TRUE(Call(stub.get(), &Stub::GetStatus, v1::GetStatusRequest(), &status).ok());
  EXPECT_FALSE(status.ready());
  EXPECT_EQ(status.not_ready_reason(), "the daemon is stopping");
}

TEST(AdminService, TheDigestIsOfTheEventsAlone) {
  std::string digests[3];
  for (int run = 0; run < 3; ++run) {
    ReviewServer server(ReviewServer::Core::kRunning);
    const auto stub = v1::AdminService::NewStub(server.channel());
    server.Feed("credit", run == 2 ? 51 : 50);
    server.pipeline()->Stop();
    v1::DigestStateResponse response;
    ASSERT_TRUE(Call(stub.get(), &Stub::DigestState, v1::DigestStateRequest(), &response).ok());
    digests[run] = response.digest();
    EXPECT_EQ(response.digest().size(), 32u);
    EXPECT_GT(response.keys(), 0u);
    // Incidents hold readings of the clock and do not count.
    server.Put(77, testing::MakeIncident(77, "credit", v1::INCIDENT_STATE_OPEN), "opened");
    v1::DigestStateResponse after;
    ASSERT_TRUE(Call(stub.get(), &Stub::DigestState, v1::DigestStateRequest(), &after).ok());
    EXPECT_EQ(after.digest(), response.digest());
    EXPECT_EQ(after.keys(), response.keys());
  }
  EXPECT_EQ(digests[0], digests[1]);
  EXPECT_NE(digests[0], digests[2]);
}

TEST(AdminService, RefusesWhatItCannotDo) {
  ReviewServer server(ReviewServer::Core::kAsleep);
  const auto stub = v1::AdminService::NewStub(server.channel());
  v1::BackupStateRequest backup;
  v1::BackupStateResponse backed_up;
  EXPECT_EQ(Call(stub.get(), &Stub::BackupState, backup, &backed_up).error_message(),
            "folder: must not be empty");
  backup.set_folder("relative/path");
  EXPECT_EQ(Call(stub.get(), &Stub::BackupState, backup, &backed_up).error_message(),
            "folder: must be an absolute path");
  backup.set_folder("/tmp/backup");
  EXPECT_EQ(Call(stub.get(), &Stub::BackupState, backup, &backed_up).error_code(),
            grpc::StatusCode::FAILED_PRECONDITION)
      << "a store in memory has nothing to back up";

  v1::EraseEventsRequest erase;
  v1::EraseEventsResponse erased;
  EXPECT_EQ(Call(stub.get(), &Stub::EraseEvents, erase, &erased).error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);
  erase.set_prediction_id("p-1");
  EXPECT_EQ(Call(stub.get(), &Stub::EraseEvents, erase, &erased).error_message(),
            "no events are recorded: recorder.enabled is not set");

  v1::TestAlertRequest test;
  test.set_seconds(3'601);
  v1::TestAlertResponse tested;
  EXPECT_EQ(Call(stub.get(), &Stub::TestAlert, test, &tested).error_message(),
            "seconds: must be 1 to 3600");

  ASSERT_TRUE(server.store()->Commit({{"not a key", "value"}}, false).ok());
  v1::DigestStateResponse digest;
  EXPECT_EQ(Call(stub.get(), &Stub::DigestState, v1::DigestStateRequest(), &digest).error_code(),
            grpc::StatusCode::DATA_LOSS);
}

TEST(AdminService, ReloadNamesWhatNeedsARestart) {
  ReviewServer server(ReviewServer::Core::kAsleep);
  const auto stub = v1::AdminService::NewStub(server.channel());
  v1::ReloadConfigResponse response;
  ASSERT_TRUE(Call(stub.get(), &Stub::ReloadConfig, v1::ReloadConfigRequest(), &response).ok());
  ASSERT_EQ(response.restart_needed_size(), 1);
  EXPECT_EQ(response.restart_needed(0), "listen.grpc");
}

TEST(AdminService, CommandsCarryTheNameThatTheCallerClaims) {
  ReviewServer server(ReviewServer::Core::kRunning);
  const auto stub = v1::AdminService::NewStub(server.channel());
  v1::TestAlertRequest test;
  v1::TestAlertResponse tested;
  test.set_actor("ada");
  for (int i = 0; i < 2; ++i) {
    ASSERT_TRUE(Call(stub.get(), &Stub::TestAlert, test, &tested).ok());
  }
  const auto incidents = v1::IncidentService::NewStub(server.channel());
  v1::GetIncidentRequest get;
  get.set_id(tested.incident_id());
  v1::GetIncidentResponse got;
  grpc::ClientContext context;
  ASSERT_TRUE(incidents->GetIncident(&context, get, &got).ok());
  const v1::IncidentEvent& event = *got.incident().timeline().rbegin();
  EXPECT_EQ(event.text(), "test alert prolonged");
  EXPECT_EQ(event.actor(), "ada");
  EXPECT_FALSE(event.who().authenticated());
  test.set_actor(std::string(129, 'a'));
  EXPECT_EQ(Call(stub.get(), &Stub::TestAlert, test, &tested).error_message(),
            "actor: has 129 bytes, the limit is 128");

  v1::ReloadConfigRequest reload;
  reload.set_actor("bob");
  v1::ReloadConfigResponse reloaded;
  ASSERT_TRUE(Call(stub.get(), &Stub::ReloadConfig, reload, &reloaded).ok());
  EXPECT_EQ(server.reloaded_by(), Principal::Person("bob"));
}

TEST(AdminService, ATestAlertReachesTheWatchers) {
  ReviewServer server(ReviewServer::Core::kRunning);
  const auto incidents = v1::IncidentService::NewStub(server.channel());
  grpc::ClientContext watch_context;
  const auto watch = incidents->WatchIncidents(&watch_context, v1::WatchIncidentsRequest());
  ASSERT_TRUE(WaitUntil([&] { return server.watch_hub()->watchers() == 1; }));
  const auto stub = v1::AdminService::NewStub(server.channel());
  v1::TestAlertResponse tested;
  const grpc::Status status = Call(stub.get(), &Stub::TestAlert, v1::TestAlertRequest(), &tested);
  ASSERT_TRUE(status.ok()) << status.error_message();
  v1::WatchIncidentsResponse change;
  ASSERT_TRUE(watch->Read(&change));
  EXPECT_EQ(change.incident().id(), tested.incident_id());
  EXPECT_TRUE(change.incident().test());
  EXPECT_EQ(change.incident().model(), "faultline_test");
  watch_context.TryCancel();
  while (watch->Read(&change)) {
  }
  (void)watch->Finish();
}

}  // namespace
}  // namespace faultline::review

#include <absl/strings/match.h>
#include <gtest/gtest.h>

#include <memory>
#include <set>
#include <string>

#include "daemon/edge/review/incident_reader.h"
#include "daemon/edge/review/model_answers.h"
#include "faultline/v1/admin.grpc.pb.h"
#include "faultline/v1/incident_service.grpc.pb.h"
#include "faultline/v1/model.grpc.pb.h"
#include "storage/tables/incident_id.h"
#include "storage/tables/keys.h"
#include "tests/daemon/edge/review/review_server.h"
#include "tests/support/wait.h"

namespace faultline::review {
namespace {

using testing::MakeIncident;
using testing::ReviewServer;

class IncidentServiceTest : public ::testing::Test {
 protected:
  grpc::Status List(const v1::ListIncidentsRequest& request, v1::ListIncidentsResponse* response) {
    grpc::ClientContext context;
    response->Clear();
    return stub_->ListIncidents(&context, request, response);
  }
  grpc::Status Get(const std::string& id, v1::Incident* incident) {
    grpc::ClientContext context;
    v1::GetIncidentRequest request;
    request.set_id(id);
    v1::GetIncidentResponse response;
    const grpc::Status status = stub_->GetIncident(&context, request, &response);
    *incident = response.incident();
    return status;
  }
  // Incident n of 10: ids grow with n, even ones are resolved, models alternate.
  void PutTen() {
    for (uint64_t n = 1; n <= 10; ++n) {
      server_.Put(n << 40,
                  MakeIncident(n << 40, n % 3 == 0 ? "fraud" : "credit",
                               n % 2 == 0 ? v1::INCIDENT_STATE_RESOLVED : v1::INCIDENT_STATE_OPEN),
                  "opened");
    }
  }

  ReviewServer server_{ReviewServer::Core::kAsleep};
  std::unique_ptr<v1::IncidentService::Stub> stub_ =
      v1::IncidentService::NewStub(server_.channel());
};

TEST_F(IncidentServiceTest, PagesGoFromNewestToOldestWithoutGapOrRepeat) {
  PutTen();
  v1::ListIncidentsRequest request;
  request.set_page_size(3);
  std::string order;
  int pages = 0;
  do {
    v1::ListIncidentsResponse page;
    ASSERT_TRUE(List(request, &page).ok());
    for (const v1::Incident& incident : page.incidents()) {
      order += std::to_string(*ParseIncidentId(incident.id()) >> 40) + " ";
      EXPECT_EQ(incident.timeline_size(), 0);
      EXPECT_EQ(incident.evidence_size(), 0);
      EXPECT_EQ(incident.alerts_size(), 1);
    }
    request.set_page_token(page.next_page_token());
    ++pages;
    // Incidents that open meanwhile are newer than all later pages.
    server_.Put((20 + pages) * (uint64_t{1} << 40),
                MakeIncident((20 + pages) * (uint64_t{1} << 40), "credit", v1::INCIDENT_STATE_OPEN),
                "opened");
  } while (!request.page_token().empty());
  EXPECT_EQ(order, "10 9 8 7 6 5 4 3 2 1 ");
  EXPECT_EQ(pages, 4);
}

TEST_F(IncidentServiceTest, FiltersByModelAndState) {
  PutTen();
  v1::ListIncidentsRequest request;
  request.set_model("fraud");
  v1::ListIncidentsResponse response;
  ASSERT_TRUE(List(request, &response).ok());
  EXPECT_EQ(response.incidents_size(), 3);
  request.add_states(v1::INCIDENT_STATE_OPEN);
  ASSERT_TRUE(List(request, &response).ok());
  EXPECT_EQ(response.incidents_size(), 2);
  request.add_states(v1::INCIDENT_STATE_RESOLVED);
  ASSERT_TRUE(List(request, &response).ok());
  EXPECT_EQ(response.incidents_size(), 3);
  EXPECT_TRUE(response.next_page_token().empty());
}

TEST_F(IncidentServiceTest, PageTokensBelongToTheirQuery) {
  PutTen();
  v1::ListIncidentsRequest request;
  request.set_page_size(2);
  v1::ListIncidentsResponse response;
  ASSERT_TRUE(List(request, &response).ok());
  request.set_page_token(response.next_page_token());
  request.set_page_size(5);  // another size is fine
  EXPECT_TRUE(List(request, &response).ok());
  request.set_model("fraud");
  EXPECT_EQ(List(request, &response).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  request.clear_model();
  request.set_page_token("nonsense");
  EXPECT_EQ(List(request, &response).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(IncidentServiceTest, RefusesWhatItCannotMean) {
  v1::ListIncidentsRequest request;
  v1::ListIncidentsResponse response;
  request.set_page_size(1'001);
  EXPECT_EQ(List(request, &response).error_message(), "page_size: is 1001, the limit is 1000");
  request.set_page_size(0);
  request.add_states(static_cast<v1::IncidentState>(99));
  EXPECT_EQ(List(request, &response).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  request.clear_states();
  request.set_model("a\x1b[31mb");
  EXPECT_EQ(List(request, &response).error_message(), "model: has a control character at byte 1");
  request.set_model(std::string(129, 'x'));
  EXPECT_EQ(List(request, &response).error_message(), "model: has 129 bytes, the limit is 128");
}

TEST_F(IncidentServiceTest, GetsByIdOrUnambiguousBeginning) {
  PutTen();
  v1::Incident incident;
  const std::string id = FormatIncidentId(uint64_t{3} << 40);
  ASSERT_TRUE(Get(id, &incident).ok());
  EXPECT_EQ(incident.id(), id);
  EXPECT_EQ(incident.evidence_size(), 1);
  EXPECT_EQ(incident.timeline_size(), 1);
  ASSERT_TRUE(Get(id.substr(0, 6), &incident).ok()) << id;
  EXPECT_EQ(incident.id(), id);
  const grpc::Status ambiguous = Get(id.substr(0, 4), &incident);
  EXPECT_EQ(ambiguous.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_NE(ambiguous.error_message().find(FormatIncidentId(uint64_t{1} << 40)), std::string::npos);
  EXPECT_EQ(Get(id.substr(0, 3), &incident).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(Get("fzzz", &incident).error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(Get("not an id", &incident).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(IncidentServiceTest, APageIsBoundedInBytes) {
  v1::Incident large = MakeIncident(1, "credit", v1::INCIDENT_STATE_OPEN);
  large.mutable_alerts(0)->mutable_verdict()->set_detail(std::string(100'000, 'x'));
  for (uint64_t n = 1; n <= 60; ++n) {
    large.set_id(FormatIncidentId(n));
    server_.Put(n, large, "opened");
  }
  v1::ListIncidentsRequest request;
  request.set_page_size(1'000);
  std::set<std::string> seen;
  int pages = 0;
  do {
    v1::ListIncidentsResponse page;
    const grpc::Status status = List(request, &page);
    ASSERT_TRUE(status.ok()) << status.error_message();
    for (const v1::Incident& incident : page.incidents()) seen.insert(incident.id());
    request.set_page_token(page.next_page_token());
    ++pages;
  } while (!request.page_token().empty());
  EXPECT_EQ(seen.size(), 60u);
  EXPECT_GE(pages, 3);
}

TEST_F(IncidentServiceTest, ADamagedRecordIsNamed) {
  PutTen();
  const uint64_t id = uint64_t{5} << 40;
  ASSERT_TRUE(server_.store()->Commit({{IncidentLineKey(id), "garbage"}}, false).ok());
  v1::ListIncidentsResponse response;
  const grpc::Status status = List({}, &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::DATA_LOSS);
  EXPECT_NE(status.error_message().find(FormatIncidentId(id)), std::string::npos)
      << status.error_message();
}

// With the core running: a test incident is opened, decided on, and closed.
TEST(IncidentDecisions, GoThroughTheCore) {
  ReviewServer server(ReviewServer::Core::kRunning);
  const auto admin = v1::AdminService::NewStub(server.channel());
  const auto incidents = v1::IncidentService::NewStub(server.channel());
  grpc::ClientContext test_context;
  v1::TestAlertRequest test;
  test.set_seconds(3'600);
  v1::TestAlertResponse opened;
  ASSERT_TRUE(admin->TestAlert(&test_context, test, &opened).ok());
  ASSERT_EQ(opened.incident_id().size(), 13u);

  v1::AcknowledgeIncidentRequest acknowledge;
  acknowledge.set_id(opened.incident_id());
  acknowledge.set_actor("Zoë");
  acknowledge.set_comment("first line\nsecond line");
  v1::AcknowledgeIncidentResponse acknowledged;
  grpc::ClientContext context;
  ASSERT_TRUE(incidents->AcknowledgeIncident(&context, acknowledge, &acknowledged).ok());
  EXPECT_EQ(acknowledged.incident().state(), v1::INCIDENT_STATE_ACKNOWLEDGED);
  EXPECT_TRUE(acknowledged.incident().test());

  v1::CommentIncidentRequest comment;
  comment.set_id(opened.incident_id());
  v1::CommentIncidentResponse commented;
  grpc::ClientContext empty_context;
  EXPECT_EQ(incidents->CommentIncident(&empty_context, comment, &commented).error_message(),
            "comment: must not be empty");
  comment.set_comment("\x1b]0;owned\x07");
  grpc::ClientContext hostile_context;
  EXPECT_EQ(incidents->CommentIncident(&hostile_context, comment, &commented).error_message(),
            "comment: has a control character at byte 0");
  comment.set_comment(std::string(4'097, 'x'));
  grpc::ClientContext long_context;
  EXPECT_EQ(incidents->CommentIncident(&long_context, comment, &commented).error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);
  comment.set_comment("harmless");
  comment.set_actor(std::string(129, 'x'));
  grpc::ClientContext actor_context;
  EXPECT_EQ(incidents->CommentIncident(&actor_context, comment, &commented).error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);

  v1::ResolveIncidentRequest resolve;
  resolve.set_id(opened.incident_id());
  v1::ResolveIncidentResponse resolved;
  grpc::ClientContext resolve_context;
  ASSERT_TRUE(incidents->ResolveIncident(&resolve_context, resolve, &resolved).ok());
  EXPECT_EQ(resolved.incident().state(), v1::INCIDENT_STATE_RESOLVED);
  grpc::ClientContext again_context;
  EXPECT_EQ(incidents->ResolveIncident(&again_context, resolve, &resolved).error_code(),
            grpc::StatusCode::FAILED_PRECONDITION);

  // The answer equals what is stored.
  grpc::ClientContext get_context;
  v1::GetIncidentRequest get;
  get.set_id(opened.incident_id());
  v1::GetIncidentResponse stored;
  ASSERT_TRUE(incidents->GetIncident(&get_context, get, &stored).ok());
  EXPECT_EQ(stored.incident().state(), v1::INCIDENT_STATE_RESOLVED);
  EXPECT_GE(stored.incident().timeline_size(), 3);
}

// An incident is not stored at every pane; reading it shows the verdict of the newest one.
TEST(IncidentReading, TellsTheNewestVerdictAndStatusThePendingOne) {
  ReviewServer server(ReviewServer::Core::kRunning);
  const auto incidents = v1::IncidentService::NewStub(server.channel());
  const auto models = v1::ModelService::NewStub(server.channel());
  const auto verdict = [&] {
    grpc::ClientContext context;
    v1::GetModelStatusRequest request;
    request.set_name("credit");
    request.set_version("1");
    v1::GetModelStatusResponse response;
    EXPECT_TRUE(models->GetModelStatus(&context, request, &response).ok());
    EXPECT_EQ(response.signals_size(), 1);
    return response.signals_size() == 1 ? response.signals(0).verdicts(0) : v1::Verdict();
  };
  server.Feed("credit", 200);
  server.Feed("credit", 100, 1'000);
  ASSERT_TRUE(testing::WaitUntil([&] { return verdict().state() == v1::VERDICT_STATE_ALARM; }));
  EXPECT_TRUE(absl::EndsWith(verdict().detail(), "over its threshold for 1 of 2 panes"))
      << verdict().detail();
  server.Feed("credit", 200, 1'000);
  v1::ListIncidentsResponse listed;
  ASSERT_TRUE(testing::WaitUntil([&] {
    grpc::ClientContext context;
    return incidents->ListIncidents(&context, {}, &listed).ok() && listed.incidents_size() == 1;
  }));
  EXPECT_EQ(verdict().detail().find("over its threshold"), std::string::npos);
  const double peak = verdict().score();

  server.Feed("credit", 100);
  ASSERT_TRUE(testing::WaitUntil([&] { return verdict().score() < peak; }));
  grpc::ClientContext list_context;
  ASSERT_TRUE(incidents->ListIncidents(&list_context, {}, &listed).ok());
  EXPECT_EQ(listed.incidents(0).alerts(0).verdict().score(), verdict().score());
  grpc::ClientContext context;
  v1::GetIncidentRequest get;
  get.set_id(listed.incidents(0).id());
  v1::GetIncidentResponse got;
  ASSERT_TRUE(incidents->GetIncident(&context, get, &got).ok());
  const v1::Alert& alert = got.incident().alerts(0);
  EXPECT_EQ(alert.state(), v1::ALERT_STATE_FIRING);
  EXPECT_EQ(alert.verdict().score(), verdict().score());
  EXPECT_EQ(alert.verdict().detail(), verdict().detail());
  EXPECT_EQ(alert.peak().score(), peak);
}

TEST(IncidentReading, RenewsOnlyAlertsThatFire) {
  ModelSnapshot snapshot;
  auto signals = std::make_shared<ModelSignals>();
  SignalReading& income = signals->signals.emplace_back();
  income.name = "income";
  DetectorReading& psi = income.readings.emplace_back();
  psi.detector = "psi";
  psi.verdict.state = VerdictState::kAlarm;
  psi.verdict.score = 0.54;
  psi.verdict.threshold = 0.25;
  snapshot.signals = signals;

  const v1::Incident stored = MakeIncident(1, "credit", v1::INCIDENT_STATE_OPEN);
  v1::Incident incident = stored;
  RenewVerdicts(snapshot, &incident);
  EXPECT_EQ(incident.alerts(0).verdict().score(), 0.4242) << "it is another alert";
  psi.firing = true;
  psi.peak = std::make_shared<const Verdict>(psi.verdict);
  RenewVerdicts(snapshot, &incident);
  EXPECT_EQ(incident.alerts(0).verdict().score(), 0.54);
  EXPECT_EQ(incident.alerts(0).peak().score(), 0.54) << "now is never above the peak";
  incident = stored;
  incident.mutable_alerts(0)->set_state(v1::ALERT_STATE_RESOLVED);
  RenewVerdicts(snapshot, &incident);
  EXPECT_EQ(incident.alerts(0).verdict().score(), 0.4242);
  incident = MakeIncident(1, "credit", v1::INCIDENT_STATE_RESOLVED);
  RenewVerdicts(snapshot, &incident);
  EXPECT_EQ(incident.alerts(0).verdict().score(), 0.4242);
}

}  // namespace
}  // namespace faultline::review

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "daemon/edge/review/csv_text.h"
#include "faultline/v1/incident_service.grpc.pb.h"
#include "tests/daemon/edge/review/review_server.h"
#include "tests/support/wait.h"

namespace faultline::review {
namespace {

using testing::ReviewServer;
using Stub = v1::IncidentService::Stub;

// A model that failed: its incident, open.
class EvidenceCallsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    server_.Feed("credit", 200);
    server_.Feed("credit", 300);
    server_.Feed("credit", 400, 1'000);
    v1::ListIncidentsResponse listed;
    ASSERT_TRUE(testing::WaitUntil([&] {
      grpc::ClientContext context;
      return stub_->ListIncidents(&context, {}, &listed).ok() && listed.incidents_size() == 1;
    }));
    id_ = listed.incidents(0).id();
    EXPECT_FALSE(listed.incidents(0).has_triage()) << "lists do without";
    server_.Feed("credit", 200, 1'000);
  }

  template <typename Request, typename Response>
  grpc::Status Call(grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Response*),
                    Request request, Response* response) {
    grpc::ClientContext context;
    response->Clear();
    return (stub_.get()->*method)(&context, request, response);
  }
  template <typename Request>
  Request Of() const {
    Request request;
    request.set_id(id_);
    return request;
  }

  ReviewServer server_{ReviewServer::Core::kRunning};
  std::unique_ptr<Stub> stub_ = v1::IncidentService::NewStub(server_.channel());
  std::string id_;
};

TEST_F(EvidenceCallsTest, ReplayFindsEveryVerdictEqualBitForBit) {
  v1::ReplayIncidentResponse response;
  const grpc::Status status =
      Call(&Stub::ReplayIncident, Of<v1::ReplayIncidentRequest>(), &response);
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_TRUE(response.identical()) << response.DebugString();
  EXPECT_GE(response.verdicts(), 4u);
  EXPECT_EQ(response.equal(), response.verdicts());
  bool alarm = false;
  for (const v1::ReplaySeries& series : response.series()) {
    EXPECT_EQ(series.basis(), v1::REPLAY_BASIS_PANES) << series.DebugString();
    EXPECT_EQ(series.alarm_was().seconds(), series.alarm_is().seconds());
    alarm = alarm || series.has_alarm_was();
  }
  EXPECT_TRUE(alarm);
}

TEST_F(EvidenceCallsTest, WhatIfAnswersForAnotherBudgetOrConfiguration) {
  v1::ReplayIncidentResponse was;
  ASSERT_TRUE(Call(&Stub::ReplayIncident, Of<v1::ReplayIncidentRequest>(), &was).ok());
  auto request = Of<v1::ReplayIncidentRequest>();
  request.set_alarm_budget("0 per 30d");
  v1::ReplayIncidentResponse none;
  ASSERT_TRUE(Call(&Stub::ReplayIncident, request, &none).ok());
  EXPECT_FALSE(none.identical());
  EXPECT_EQ(none.recomputed(), was.recomputed());

  request.clear_alarm_budget();
  request.mutable_config()->set_data_folder("/nonexistent");
  v1::ModelConfig* defaults = request.mutable_config()->mutable_defaults();
  defaults->mutable_pane()->set_rows(100);
  defaults->mutable_alarm_budget()->set_false_alarms(0);
  defaults->add_detectors()->mutable_psi()->set_threshold(1e9);
  v1::ReplayIncidentResponse lenient;
  const grpc::Status status = Call(&Stub::ReplayIncident, request, &lenient);
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(lenient.answer(), "no detector would have been in alarm, where 1 was");

  // psi, which was in alarm, is in no place of the other configuration.
  defaults->clear_detectors();
  defaults->add_detectors()->mutable_mean_change();
  v1::ReplayIncidentResponse other;
  ASSERT_TRUE(Call(&Stub::ReplayIncident, request, &other).ok());
  EXPECT_EQ(
      other.answer(),
      "no detector would have been in alarm, where none were; 1 more could not be recomputed, "
      "of which 1 was in alarm")
      << other.DebugString();

  for (const char* budget : {"nonsense", "1 per", "x per 30d", "1 per forever"}) {
    auto wrong = Of<v1::ReplayIncidentRequest>();
    wrong.set_alarm_budget(budget);
    EXPECT_EQ(Call(&Stub::ReplayIncident, wrong, &none).error_code(),
              grpc::StatusCode::INVALID_ARGUMENT)
        << budget;
  }
}

TEST_F(EvidenceCallsTest, AnotherReferenceNeedsRecordedEventsAndSaysSo) {
  auto request = Of<v1::ReplayIncidentRequest>();
  request.mutable_reference_start_time()->set_seconds(1'699'999'000);
  v1::ReplayIncidentResponse response;
  EXPECT_EQ(Call(&Stub::ReplayIncident, request, &response).error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);
  request.mutable_reference_end_time()->set_seconds(1'700'000'000);
  ASSERT_TRUE(Call(&Stub::ReplayIncident, request, &response).ok());
  ASSERT_GT(response.series_size(), 0);
  EXPECT_EQ(response.series(0).basis(), v1::REPLAY_BASIS_NONE);
  EXPECT_NE(response.series(0).note().find("nothing is recorded"), std::string::npos);
  EXPECT_FALSE(response.identical());
  EXPECT_EQ(
      response.answer(),
      "nothing could be recomputed, so this says nothing about alarms: nothing is recorded: set "
      "recorder.enabled to answer this another time");
}

TEST_F(EvidenceCallsTest, TheBundleHoldsWhatWasSeen) {
  v1::GetEvidenceResponse response;
  const grpc::Status status = Call(&Stub::GetEvidence, Of<v1::GetEvidenceRequest>(), &response);
  ASSERT_TRUE(status.ok()) << status.error_message();
  const v1::EvidenceBundle& bundle = response.bundle();
  EXPECT_EQ(bundle.incident_id(), id_);
  EXPECT_FALSE(bundle.complete());
  EXPECT_FALSE(bundle.promise().empty());
  EXPECT_FALSE(bundle.examples_missing().empty());
  EXPECT_FALSE(bundle.versions().detectors().empty());
  EXPECT_EQ(bundle.versions().config().pane().rows(), 100u);
  EXPECT_EQ(bundle.versions().config_digest().size(), 16u);
  ASSERT_EQ(bundle.signals_size(), 1);
  const v1::ContributingSignal& income = bundle.signals(0);
  EXPECT_EQ(income.signal(), "income");
  EXPECT_EQ(income.reference().rows(), 200u);
  EXPECT_EQ(income.at_peak().bins_size(), income.reference().bins_size());
  EXPECT_GT(income.series_size(), 0);

  v1::CompareDistributionsResponse compared;
  ASSERT_TRUE(
      Call(&Stub::CompareDistributions, Of<v1::CompareDistributionsRequest>(), &compared).ok());
  EXPECT_EQ(compared.signal(), "income");
  ASSERT_GT(compared.contributions_size(), 0);
  auto other = Of<v1::CompareDistributionsRequest>();
  other.set_signal("nothing");
  EXPECT_EQ(Call(&Stub::CompareDistributions, other, &compared).error_code(),
            grpc::StatusCode::FAILED_PRECONDITION);
}

TEST_F(EvidenceCallsTest, ExportsAreFilesAndHarmless) {
  auto request = Of<v1::ExportIncidentRequest>();
  v1::ExportIncidentResponse response;
  ASSERT_TRUE(Call(&Stub::ExportIncident, request, &response).ok());
  EXPECT_EQ(response.file_name(), "incident-" + id_ + ".json");
  EXPECT_EQ(response.content().substr(0, 13), "{\"incident\":{");
  request.set_format(v1::EXPORT_FORMAT_CSV);
  ASSERT_TRUE(Call(&Stub::ExportIncident, request, &response).ok());
  EXPECT_EQ(response.content().substr(0, 10), "time,pane,");
  EXPECT_NE(response.content().find(",income,psi,ALARM,"), std::string::npos) << response.content();
  request.set_format(static_cast<v1::ExportFormat>(77));
  EXPECT_EQ(Call(&Stub::ExportIncident, request, &response).error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);
  for (const char* hostile : {"=1+1", "+1", "-1", "@x", "\t=1"}) {
    const std::string cell = CsvText(hostile);
    EXPECT_NE(cell.find('\''), std::string::npos) << cell;
  }
}

TEST_F(EvidenceCallsTest, PeopleDecideAndItIsWrittenDown) {
  auto suppress = Of<v1::SuppressIncidentRequest>();
  suppress.set_actor("Zoë");
  suppress.set_comment("known, being repaired");
  suppress.mutable_until()->set_seconds(9'000'000'000);
  v1::SuppressIncidentResponse suppressed;
  EXPECT_FALSE(Call(&Stub::SuppressIncident, suppress, &suppressed).ok()) << "too far ahead";
  suppress.mutable_until()->set_seconds(time(nullptr) + 3'600);
  grpc::Status status = Call(&Stub::SuppressIncident, suppress, &suppressed);
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_TRUE(suppressed.incident().has_suppressed_until());

  v1::ResolveIncidentResponse resolved;
  ASSERT_TRUE(Call(&Stub::ResolveIncident, Of<v1::ResolveIncidentRequest>(), &resolved).ok());
  v1::ReopenIncidentResponse reopened;
  status = Call(&Stub::ReopenIncident, Of<v1::ReopenIncidentRequest>(), &reopened);
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_NE(reopened.incident().state(), v1::INCIDENT_STATE_RESOLVED);
  EXPECT_EQ(Call(&Stub::ReopenIncident, Of<v1::ReopenIncidentRequest>(), &reopened).error_code(),
            grpc::StatusCode::FAILED_PRECONDITION);

  auto list = Of<v1::ListIncidentEventsRequest>();
  list.set_page_size(2);
  int reviews = 0;
  bool zoe = false;
  do {
    v1::ListIncidentEventsResponse page;
    ASSERT_TRUE(Call(&Stub::ListIncidentEvents, list, &page).ok());
    EXPECT_LE(page.events_size(), 2);
    for (const v1::IncidentEvent& event : page.events()) {
      if (event.kind() != v1::INCIDENT_EVENT_KIND_REVIEW) continue;
      ++reviews;
      EXPECT_FALSE(event.who().name().empty());
      EXPECT_FALSE(event.who().authenticated()) << "a TCP peer is not authenticated";
      EXPECT_GT(event.time().seconds(), 0);
      zoe = zoe || event.who().name() == "Zoë";
    }
    list.set_page_token(page.next_page_token());
  } while (!list.page_token().empty());
  EXPECT_EQ(reviews, 3);
  EXPECT_TRUE(zoe);
}

TEST_F(EvidenceCallsTest, ScoresGoOverPagesAndRefuseForeignTokens) {
  v1::QueryScoresRequest query;
  query.set_model("credit");
  query.set_version("1");
  query.mutable_start_time()->set_seconds(1'699'990'000);
  v1::QueryScoresResponse response;
  const grpc::Status status = Call(&Stub::QueryScores, query, &response);
  ASSERT_TRUE(status.ok()) << status.error_message();
  ASSERT_GT(response.series_size(), 0);
  EXPECT_GT(response.series(0).points_size(), 0);
  query.set_page_token("nonsense");
  EXPECT_EQ(Call(&Stub::QueryScores, query, &response).error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);
  query.clear_page_token();
  query.set_page_size(100'001);
  EXPECT_EQ(Call(&Stub::QueryScores, query, &response).error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(EvidenceCallsTest, ListsFilterBySignalSeverityModeVersionAndTime) {
  const auto count = [&](const v1::ListIncidentsRequest& request) {
    v1::ListIncidentsResponse listed;
    const grpc::Status status = Call(&Stub::ListIncidents, request, &listed);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return listed.incidents_size();
  };
  v1::ListIncidentsRequest request;
  request.set_signal("income");
  EXPECT_EQ(count(request), 1);
  request.set_version("1");
  EXPECT_EQ(count(request), 1);
  request.set_version("");
  EXPECT_EQ(count(request), 0);
  request.clear_version();
  request.set_severity_min(v1::SEVERITY_CRITICAL);
  EXPECT_EQ(count(request), 0);
  request.clear_severity_min();
  request.mutable_opened_before()->set_seconds(1'000);
  EXPECT_EQ(count(request), 0);
  request.clear_opened_before();
  request.mutable_opened_from()->set_seconds(1'000);
  EXPECT_EQ(count(request), 1);
  request.add_failure_modes(v1::FAILURE_MODE_MONITOR_BLIND);
  EXPECT_EQ(count(request), 0);
  request.clear_failure_modes();
  request.set_signal("other");
  EXPECT_EQ(count(request), 0);
}

}  // namespace
}  // namespace faultline::review

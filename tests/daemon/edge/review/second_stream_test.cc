#include <gtest/gtest.h>

#include <atomic>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "daemon/core/settings/stream_kind.h"
#include "daemon/edge/metrics/metrics_page.h"
#include "faultline/v1/config.pb.h"
#include "faultline/v1/incident_service.grpc.pb.h"
#include "storage/memory_store.h"
#include "tests/daemon/edge/review/review_server.h"
#include "tests/support/wait.h"

// A second stream of panes that only this test registers goes all the way: committed, killed,
// restored, replayed, and on the metrics page.
namespace faultline::review {
namespace {

using testing::ReviewServer;
using testing::WaitUntil;

constexpr uint8_t kOutcomeStream = 1;

PaneSettings OutcomePanes(const ModelSettings& settings) {
  return {
      .rows = 50, .window_panes = 3, .learn_rows = 150, .rolling_panes = settings.rolling_panes};
}

// `subject`: of the incidents of outcomes.
std::shared_ptr<const Settings> TwoStreams(std::string_view subject = "") {
  static std::deque<std::vector<StreamKind>> kept;
  const std::vector<StreamKind>& kinds = kept.emplace_back(
      std::vector<StreamKind>{StreamKinds().front(), {"outcomes", OutcomePanes, 1, subject}});
  v1::Config config;
  config.set_data_folder("/nonexistent");
  config.set_shards(1);
  config.mutable_commit()->set_interval("1ms");
  v1::ModelConfig* defaults = config.mutable_defaults();
  defaults->mutable_pane()->set_rows(100);
  defaults->set_window_panes(3);
  defaults->mutable_reference()->set_learn_rows(200);
  defaults->add_detectors()->mutable_psi()->set_threshold(0.5);
  const auto made = Settings::Make(config, 1);
  EXPECT_TRUE(made.ok()) << made.status();
  auto settings = std::make_shared<Settings>(**made);
  settings->streams = kinds;
  return settings;
}

void Feed(ReviewServer* server, uint8_t stream, const char* signal, uint32_t rows, double shift) {
  auto batch = std::make_unique<EventBatch>();
  batch->model = "credit";
  batch->version = "1";
  batch->stream = stream;
  batch->rows = rows;
  batch->received_ns = WallNowNs();
  batch->bytes = 1'000;
  Column& column = batch->columns.emplace_back();
  column.name = signal;
  for (uint32_t i = 0; i < rows; ++i) {
    batch->times_ns.push_back(1'700'000'000'000'000'000 + int64_t{i} * 1'000'000);
    column.numbers.push_back(i % 37 + shift);
  }
  std::atomic<bool> committed = false;
  uint64_t expected = 0;
  const Admission admission = server->pipeline()->Submit(
      &batch, {}, [&](const BatchResult&) { committed = true; }, &expected);
  ASSERT_EQ(admission, Admission::kAccepted);
  ASSERT_TRUE(WaitUntil([&] { return committed.load(); }));
}

// The store as a process that is killed now leaves it: every commit so far, and nothing else.
std::unique_ptr<Store> Killed(const Store& store) {
  std::vector<StateWrite> writes;
  const absl::Status read = store.Scan("", "", [&](std::string_view key, std::string_view value) {
    writes.push_back({std::string(key), std::string(value)});
    return true;
  });
  EXPECT_TRUE(read.ok()) << read;
  std::unique_ptr<Store> copy = NewMemoryStore();
  EXPECT_TRUE(copy->Commit(writes, false).ok());
  return copy;
}

TEST(SecondStreamTest, IsCommittedRestoredReplayedAndShown) {
  const auto settings = TwoStreams();
  std::unique_ptr<Store> left;
  {
    ReviewServer first(settings, NewMemoryStore());
    Feed(&first, kInferenceStream, "income", 500, 0);
    Feed(&first, kOutcomeStream, "loss", 350, 0);
    Feed(&first, kOutcomeStream, "loss", 225, 1'000);
    left = Killed(*first.store());
  }
  ReviewServer server(settings, std::move(left));
  Feed(&server, kOutcomeStream, "loss", 225, 1'000);
  Feed(&server, kInferenceStream, "income", 100, 0);

  const auto stub = v1::IncidentService::NewStub(server.channel());
  v1::ListIncidentsResponse listed;
  ASSERT_TRUE(WaitUntil([&] {
    grpc::ClientContext context;
    return stub->ListIncidents(&context, {}, &listed).ok() && listed.incidents_size() == 1;
  }));
  ASSERT_EQ(listed.incidents(0).alerts(0).signal(), "loss");

  v1::ReplayIncidentRequest request;
  request.set_id(listed.incidents(0).id());
  v1::ReplayIncidentResponse replayed;
  grpc::ClientContext context;
  const grpc::Status status = stub->ReplayIncident(&context, request, &replayed);
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_TRUE(replayed.identical()) << replayed.DebugString();
  EXPECT_GE(replayed.verdicts(), 5u);

  std::string page;
  PageWriter().Write(server.pipeline()->Read(), {}, WallNowNs(), &page);
  EXPECT_NE(page.find("signal=\"loss\""), std::string::npos) << page;
  EXPECT_NE(page.find("signal=\"income\""), std::string::npos);

  v1::QueryScoresRequest query;
  query.set_model("credit");
  query.set_version("1");
  query.mutable_start_time()->set_seconds(1'699'990'000);
  v1::QueryScoresResponse scores;
  grpc::ClientContext asked;
  ASSERT_TRUE(stub->QueryScores(&asked, query, &scores).ok());
  bool loss = false;
  bool income = false;
  for (const v1::ScoreSeries& series : scores.series()) {
    loss |= series.signal() == "loss";
    income |= series.signal() == "income";
  }
  EXPECT_TRUE(loss && income) << scores.DebugString();
}

template <typename Request, typename Response>
void Call(v1::IncidentService::Stub* stub,
          grpc::Status (v1::IncidentService::Stub::*method)(grpc::ClientContext*, const Request&,
                                                            Response*),
          const Request& request, Response* response) {
  grpc::ClientContext context;
  response->Clear();
  const grpc::Status status = (stub->*method)(&context, request, response);
  EXPECT_TRUE(status.ok()) << status.error_message();
}

// Two failures of one model that have nothing to do with each other.
TEST(SecondStreamTest, WithASubjectOfItsOwnHasIncidentsOfItsOwn) {
  using Stub = v1::IncidentService::Stub;
  const auto settings = TwoStreams("outcomes");
  std::unique_ptr<Store> left;
  {
    ReviewServer first(settings, NewMemoryStore());
    Feed(&first, kInferenceStream, "income", 500, 0);
    Feed(&first, kOutcomeStream, "loss", 350, 0);
    Feed(&first, kOutcomeStream, "loss", 225, 1'000);
    Feed(&first, kInferenceStream, "income", 250, 1'000);
    left = Killed(*first.store());
  }
  ReviewServer server(settings, std::move(left));
  Feed(&server, kOutcomeStream, "loss", 225, 1'000);
  Feed(&server, kInferenceStream, "income", 250, 1'000);

  const auto stub = v1::IncidentService::NewStub(server.channel());
  v1::ListIncidentsResponse listed;
  ASSERT_TRUE(WaitUntil([&] {
    Call(stub.get(), &Stub::ListIncidents, v1::ListIncidentsRequest(), &listed);
    return listed.incidents_size() == 2;
  }));
  std::map<std::string, std::string> ids;
  for (const v1::Incident& incident : listed.incidents()) {
    ids[incident.subject()] = incident.id();
    v1::ReplayIncidentRequest request;
    request.set_id(incident.id());
    v1::ReplayIncidentResponse replayed;
    Call(stub.get(), &Stub::ReplayIncident, request, &replayed);
    EXPECT_TRUE(replayed.identical()) << replayed.DebugString();
    EXPECT_GE(replayed.verdicts(), 3u);
    for (const v1::ReplaySeries& series : replayed.series()) {
      EXPECT_EQ(series.signal(), incident.subject().empty() ? "income" : "loss");
    }
  }
  ASSERT_TRUE(ids.size() == 2 && ids.contains("") && ids.contains("outcomes"));

  // A watch begins with both.
  grpc::ClientContext context;
  const auto watch = stub->WatchIncidents(&context, v1::WatchIncidentsRequest());
  std::set<std::string> watched;
  v1::WatchIncidentsResponse change;
  while (watched.size() < 2 && watch->Read(&change)) watched.insert(change.incident().subject());
  EXPECT_EQ(watched, (std::set<std::string>{"", "outcomes"}));
  context.TryCancel();

  // A decision about one leaves the other as it is.
  v1::ResolveIncidentRequest resolve;
  resolve.set_id(ids.at(""));
  v1::ResolveIncidentResponse resolved;
  Call(stub.get(), &Stub::ResolveIncident, resolve, &resolved);
  EXPECT_EQ(resolved.incident().state(), v1::INCIDENT_STATE_RESOLVED);
  v1::GetIncidentRequest get;
  get.set_id(ids.at("outcomes"));
  v1::GetIncidentResponse other;
  Call(stub.get(), &Stub::GetIncident, get, &other);
  EXPECT_EQ(other.incident().state(), v1::INCIDENT_STATE_OPEN);
}

}  // namespace
}  // namespace faultline::review

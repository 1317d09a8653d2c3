#include "tests/daemon/edge/review/review_server.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server_builder.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <utility>

#include "base/clock.h"
#include "daemon/runtime/incident_records.h"
#include "faultline/v1/config.pb.h"
#include "storage/memory_store.h"
#include "storage/tables/incident_id.h"
#include "storage/tables/keys.h"
#include "tests/support/wait.h"

namespace faultline::testing {
namespace {

std::shared_ptr<const Settings> MakeSettings() {
  v1::Config config;
  config.set_data_folder("/nonexistent");
  config.set_shards(1);
  config.mutable_commit()->set_interval("1ms");
  config.mutable_limits()->set_reference("64KiB");
  v1::ModelConfig* defaults = config.mutable_defaults();
  defaults->mutable_pane()->set_rows(100);
  defaults->set_window_panes(3);
  defaults->mutable_reference()->set_learn_rows(200);
  defaults->add_detectors()->mutable_psi()->set_threshold(0.5);
  absl::StatusOr<std::shared_ptr<const Settings>> settings = Settings::Make(config);
  EXPECT_TRUE(settings.ok()) << settings.status();
  return *settings;
}

}  // namespace

ReviewServer::ReviewServer(Core core, review::WatchLimits limits)
    : ReviewServer(core, limits, MakeSettings(), NewMemoryStore()) {}

ReviewServer::ReviewServer(std::shared_ptr<const Settings> settings, std::unique_ptr<Store> store)
    : ReviewServer(Core::kRunning, {}, std::move(settings), std::move(store)) {}

ReviewServer::ReviewServer(Core core, review::WatchLimits limits,
                           std::shared_ptr<const Settings> settings, std::unique_ptr<Store> store)
    : store_(std::move(store)),
      watch_hub_(std::make_unique<review::WatchHub>(store_.get(), limits)) {
  pipeline_ = std::make_unique<Pipeline>(
      std::move(settings), store_.get(), nullptr,
      [hub = watch_hub_.get()](uint64_t sequence, const IncidentChange&) {
        hub->Publish(sequence);
      });
  if (core == Core::kRunning) {
    const absl::Status started = pipeline_->Start();
    EXPECT_TRUE(started.ok()) << started;
  }
  review::ReviewParts parts;
  parts.pipeline = pipeline_.get();
  parts.store = store_.get();
  parts.watch_hub = watch_hub_.get();
  parts.daemon_version = "1.2.3";
  parts.start_ns = 1'700'000'000'000'000'000;
  parts.reload = [this](const Principal& by) {
    reloaded_by_ = by;
    return std::vector<std::string>{"listen.grpc"};
  };
  services_ = review::MakeReviewServices(parts);
  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
  for (const auto& service : services_) builder.RegisterService(service.get());
  server_ = builder.BuildAndStart();
  address_ = "127.0.0.1:" + std::to_string(port);
  channel_ = grpc::CreateChannel(address_, grpc::InsecureChannelCredentials());
}

ReviewServer::~ReviewServer() {
  watch_hub_->Shutdown();
  server_->Shutdown(std::chrono::system_clock::now() + std::chrono::seconds(5));
  pipeline_->Stop();
}

void ReviewServer::Feed(const std::string& model, uint32_t rows, double shift) {
  auto batch = std::make_unique<EventBatch>();
  batch->model = model;
  batch->version = "1";
  batch->rows = rows;
  batch->received_ns = WallNowNs();
  batch->bytes = 1'000;
  Column& income = batch->columns.emplace_back();
  income.name = "income";
  for (uint32_t i = 0; i < rows; ++i) {
    batch->times_ns.push_back(1'700'000'000'000'000'000 + int64_t{i} * 1'000'000);
    income.numbers.push_back(i % 37 + shift);
  }
  std::atomic<bool> committed = false;
  uint64_t expected = 0;
  const Admission admission = pipeline_->Submit(
      &batch, {}, [&](const BatchResult&) { committed = true; }, &expected);
  ASSERT_EQ(admission, Admission::kAccepted);
  ASSERT_TRUE(WaitUntil([&] { return committed.load(); }));
  ASSERT_TRUE(WaitUntil([&] { return pipeline_->ReadModel(model, "1") != nullptr; }));
}

void ReviewServer::Put(uint64_t id, const v1::Incident& incident, const std::string& change) {
  ++changes_;
  IncidentChange made{.id = id, .incident = incident, .change = change, .removed = false};
  std::vector<StateWrite> writes = IncidentWrites(made);
  writes.push_back({IncidentChangeKey(changes_), SealIncidentChange(changes_, made)});
  const absl::Status committed = store_->Commit(writes, false);
  EXPECT_TRUE(committed.ok()) << committed;
  watch_hub_->Publish(changes_);
}

void ReviewServer::ForgetChanges(uint64_t up_to) {
  std::vector<StateWrite> writes;
  for (uint64_t i = 1; i <= up_to; ++i) writes.push_back({IncidentChangeKey(i), std::nullopt});
  EXPECT_TRUE(store_->Commit(writes, false).ok());
}

v1::Incident MakeIncident(uint64_t id, const std::string& model, v1::IncidentState state) {
  v1::Incident incident;
  incident.set_id(FormatIncidentId(id));
  incident.set_model(model);
  incident.set_version("3");
  incident.set_state(state);
  incident.set_severity(v1::SEVERITY_CRITICAL);
  incident.set_failure_mode(v1::FAILURE_MODE_INPUT_DRIFT);
  incident.set_summary("income moved away from its reference");
  incident.mutable_start_time()->set_seconds(1'700'000'000);
  incident.mutable_open_time()->set_seconds(1'700'000'060);
  v1::Alert* alert = incident.add_alerts();
  alert->set_signal("income");
  alert->set_detector("psi");
  alert->set_state(v1::ALERT_STATE_FIRING);
  alert->set_severity(v1::SEVERITY_CRITICAL);
  alert->mutable_start_time()->set_seconds(1'700'000'000);
  alert->mutable_verdict()->set_score(0.4242);
  alert->mutable_verdict()->set_threshold(0.25);
  alert->mutable_verdict()->set_rows(3'000);
  alert->mutable_peak()->set_score(0.5);
  incident.set_alerts_total(1);
  v1::IncidentEvent* event = incident.add_timeline();
  event->mutable_time()->set_seconds(1'700'000'060);
  event->set_text("opened");
  v1::SignalEvidence* evidence = incident.add_evidence();
  evidence->set_signal("income");
  evidence->set_reference_rows(5'000);
  evidence->set_window_rows(3'000);
  (*incident.mutable_labels())["team"] = "risk";
  (*incident.mutable_labels())["area"] = "credit";
  incident.set_runbook_url("https://runbooks.example/credit");
  incident.set_unbudgeted(true);
  return incident;
}

}  // namespace faultline::testing

#include <google/protobuf/util/time_util.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/check.h"
#include "daemon/core/stream/score_history.h"
#include "daemon/edge/review/evidence_calls.h"
#include "daemon/edge/review/incident_reader.h"
#include "faultline/v1/incident_service.pb.h"
#include "storage/rocks/rocks_store.h"
#include "storage/tables/incident_id.h"
#include "storage/tables/keys.h"
#include "tests/bench/figures.h"
#include "tests/support/daemon_child.h"
#include "tests/support/streams.h"

// How long the calls take that list what is stored, on RocksDB, without what gRPC adds: 100 000
// incidents of 50 models, and 30 days of scores of one model.

namespace faultline::bench {
namespace {

using google::protobuf::util::TimeUtil;
using testing::Random;

constexpr uint64_t kIncidents = 100'000;
constexpr uint64_t kModels = 50;
constexpr uint32_t kSignals = 20;
constexpr int kCells = 64;
constexpr int64_t kSecond = 1'000'000'000;
constexpr int64_t kEndNs = 1'800'000'000 * kSecond;
constexpr double kTargetMs = 50;
constexpr int kRepeats = 9;

std::string ModelName(uint64_t i) { return "model" + std::to_string(i % kModels); }

void Commit(Store* store, std::vector<StateWrite>* writes) {
  FAULTLINE_CHECK(store->Commit(*writes, false).ok(), "there is room");
  writes->clear();
}

// As the daemon stores it: two signals with their bins, four alerts, a dozen events.
v1::Incident MakeIncident(uint64_t i, Random* random) {
  v1::Incident incident;
  incident.set_id(FormatIncidentId(i));
  incident.set_model(ModelName(i));
  incident.set_version("1");
  incident.set_state(i + kModels > kIncidents ? v1::INCIDENT_STATE_OPEN
                                              : v1::INCIDENT_STATE_RESOLVED);
  incident.set_severity(i % 7 == 0 ? v1::SEVERITY_CRITICAL : v1::SEVERITY_WARNING);
  incident.set_failure_mode(v1::FAILURE_MODE_INPUT_DRIFT);
  incident.set_summary("income of " + incident.model() + " moved away from its reference");
  incident.mutable_open_time()->set_seconds(1'700'000'000 + static_cast<int64_t>(i) * 600);
  *incident.mutable_start_time() = incident.open_time();
  for (int signal = 0; signal < 2; ++signal) {
    v1::SignalEvidence* evidence = incident.add_evidence();
    evidence->set_signal("signal" + std::to_string(signal));
    for (int cell = 0; cell < kCells; ++cell) {
      v1::DistributionCell* each = evidence->add_cells();
      each->set_label(std::to_string(cell) + ".125 .. " + std::to_string(cell + 1) + ".125");
      each->set_reference_share(random->Uniform());
      each->set_window_share(random->Uniform());
    }
    for (const char* detector : {"psi", "mean_change"}) {
      v1::Alert* alert = incident.add_alerts();
      alert->set_signal(evidence->signal());
      alert->set_detector(detector);
      alert->mutable_verdict()->set_score(random->Uniform());
      alert->mutable_peak()->set_score(random->Uniform());
    }
  }
  for (int event = 0; event < 12; ++event) {
    v1::IncidentEvent* each = incident.add_timeline();
    *each->mutable_time() = incident.open_time();
    each->set_text("mean_change on signal1 rose to " + std::to_string(random->Uniform()));
  }
  return incident;
}

void StoreIncidents(Store* store) {
  std::vector<StateWrite> writes;
  Random random(1);
  for (uint64_t i = 1; i <= kIncidents; ++i) {
    const IncidentChange change = {
        .id = i, .incident = MakeIncident(i, &random), .change = "", .removed = false};
    for (StateWrite& write : IncidentWrites(change)) writes.push_back(std::move(write));
    if (writes.size() >= 1'000) Commit(store, &writes);
  }
  Commit(store, &writes);
}

// Every pane of 10 seconds would change nothing: a span holds extremes and changes of state.
void StoreHistory(Store* store) {
  ScoreHistory history({ModelHash(ModelName(0), "1"), kInferenceStream});
  Random random(2);
  Effects effects;
  for (int64_t at = kEndNs - kHistoryAgeMaxNs; at <= kEndNs; at += kHistorySpanNs) {
    for (uint32_t signal = 0; signal < kSignals; ++signal) {
      SignalReading reading;
      reading.name = "signal" + std::to_string(signal);
      for (const char* detector : {"bin_change", "mean_change", "missing_rate", "psi"}) {
        DetectorReading& each = reading.readings.emplace_back();
        each.detector = detector;
        each.verdict.threshold = 1;
        each.verdict.score = random.Uniform();
        each.verdict.state = VerdictState::kQuiet;
      }
      history.Add(signal, reading, at, &effects);
    }
    history.TakeCheckpoint(&effects);
    if (effects.writes.size() >= 1'000) Commit(store, &effects.writes);
  }
  Commit(store, &effects.writes);
}

double MedianMs(const std::function<void()>& call) {
  std::vector<double> times;
  for (int i = 0; i < kRepeats; ++i) {
    const auto start = std::chrono::steady_clock::now();
    call();
    times.push_back(
        std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start)
            .count());
  }
  std::nth_element(times.begin(), times.begin() + kRepeats / 2, times.end());
  return times[kRepeats / 2];
}

void List(const char* name, const Store& store, const review::IncidentFilter& filter,
          uint32_t count, size_t expected) {
  size_t found = 0;
  const double ms = MedianMs([&] {
    const auto page = review::ListIncidents(store, filter, 0, count);
    FAULTLINE_CHECK(page.ok(), "it is stored");
    found = page->incidents.size();
  });
  FAULTLINE_CHECK(found == expected, "so many fit");
  Print(std::string("review.list.") + name, ms, "ms", kTargetMs, Better::kLower);
}

void Scores(const char* name, const Store& store, int64_t from_ns, const std::string& signal) {
  v1::QueryScoresRequest request;
  request.set_model(ModelName(0));
  request.set_version("1");
  request.add_signals(signal);
  *request.mutable_start_time() = TimeUtil::NanosecondsToTimestamp(from_ns);
  *request.mutable_end_time() = TimeUtil::NanosecondsToTimestamp(kEndNs);
  int points = 0;
  const double ms = MedianMs([&] {
    v1::QueryScoresResponse response;
    FAULTLINE_CHECK(review::QueryScores(store, request, &response).ok(), "it is stored");
    points = 0;
    for (const v1::ScoreSeries& series : response.series()) points += series.points_size();
  });
  FAULTLINE_CHECK(points > 0, "it is stored");
  Print(std::string("review.scores.") + name + ".points", points, "points");
  Print(std::string("review.scores.") + name, ms, "ms", kTargetMs, Better::kLower);
}

int Main() {
  const testing::TempFolder folder;
  auto store = OpenRocksStore(folder.path());
  FAULTLINE_CHECK(store.ok(), "a folder of our own");
  StoreIncidents(store->get());
  StoreHistory(store->get());
  const auto list = [&](const char* name, size_t expected, uint32_t count = 50,
                        const std::function<void(review::IncidentFilter*)>& choose = nullptr) {
    review::IncidentFilter filter;
    if (choose) choose(&filter);
    List(name, **store, filter, count, expected);
  };
  list("newest_50", 50);
  list("newest_1000", 1'000, 1'000);
  list("of_a_model_50", 50, 50, [](auto* filter) { filter->model = ModelName(3); });
  list("open_50", 50, 50, [](auto* filter) { filter->states = {v1::INCIDENT_STATE_OPEN}; });
  list("of_a_signal_50", 50, 50, [](auto* filter) { filter->signal = "signal1"; });
  // A page that finds nothing ends after 20 000 incidents and says where to go on.
  list("no_model_fits", 0, 50, [](auto* filter) { filter->model = "none"; });
  list("no_signal_fits", 0, 50, [](auto* filter) { filter->signal = "none"; });
  Scores("day_of_a_signal", **store, kEndNs - 86'400 * kSecond, "signal3");
  Scores("30_days_of_a_signal", **store, kEndNs - kHistoryAgeMaxNs, "signal3");
  Scores("30_days_of_all", **store, kEndNs - kHistoryAgeMaxNs, "*");
  return 0;
}

}  // namespace
}  // namespace faultline::bench

int main() { return faultline::bench::Main(); }

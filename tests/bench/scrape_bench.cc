#include <arpa/inet.h>
#include <netinet/in.h>
#include <prometheus/gauge.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/check.h"
#include "base/clock.h"
#include "daemon/edge/http/http_server.h"
#include "daemon/edge/metrics/metrics_page.h"
#include "tests/bench/figures.h"

// A metrics page of 100 000 series per signal: written with labels at hand, written when every
// signal is new (a pane has closed everywhere), fetched over HTTP, and the same series out of
// prometheus-cpp's registry.

namespace faultline::bench {
namespace {

constexpr int kModels = 4;
constexpr int kSignals = 481;
constexpr const char* kDetectors[] = {"psi",         "jensen_shannon", "kolmogorov_smirnov",
                                      "wasserstein", "missing_rate",   "out_of_range",
                                      "page_hinkley"};
constexpr int kRepeats = 9;

std::shared_ptr<const ModelSnapshot> MakeModel(int index, int round) {
  auto signals = std::make_shared<ModelSignals>();
  uint64_t state = static_cast<uint64_t>(index * 1000 + round) + 1;
  const auto next = [&] {
    state = state * 6364136223846793005ull + 1442695040888963407ull;
    return static_cast<double>(state >> 11) * 0x1p-53;
  };
  for (int s = 0; s < kSignals; ++s) {
    SignalReading signal;
    signal.name = "customer_feature_" + std::to_string(s);
    signal.missing_ratio = next();
    signal.out_of_range_ratio = next();
    signal.unseen_ratio = next();
    for (const char* detector : kDetectors) {
      DetectorReading reading;
      reading.detector = detector;
      reading.verdict.state = VerdictState::kQuiet;
      reading.verdict.score = next();
      reading.verdict.threshold = next();
      reading.verdict.p_value = next();
      reading.verdict.rows = static_cast<uint64_t>(next() * 100'000);
      reading.verdict.reference_rows = 5'000;
      signal.readings.push_back(std::move(reading));
    }
    signals->signals.push_back(std::move(signal));
  }
  auto model = std::make_shared<ModelSnapshot>();
  model->name = "model_" + std::to_string(index);
  model->version = "2024-05-17";
  model->signals = std::move(signals);
  return model;
}

PipelineReading MakeReading(int round) {
  PipelineReading reading;
  for (int m = 0; m < kModels; ++m) reading.models.push_back(MakeModel(m, round));
  return reading;
}

template <typename Run>
double MedianMilliseconds(Run run) {
  std::vector<double> took;
  for (int i = 0; i < kRepeats; ++i) {
    const int64_t begin_ns = SteadyNowNs();
    run();
    took.push_back(static_cast<double>(SteadyNowNs() - begin_ns) * 1e-6);
  }
  std::nth_element(took.begin(), took.begin() + kRepeats / 2, took.end());
  return took[kRepeats / 2];
}

// The same series as gauges of a registry, as a daemon without a page of its own would keep them.
std::unique_ptr<prometheus::Registry> MakeRegistry(const PipelineReading& reading) {
  auto registry = std::make_unique<prometheus::Registry>();
  std::map<std::string, prometheus::Family<prometheus::Gauge>*> families;
  const auto family = [&](const std::string& name) -> prometheus::Family<prometheus::Gauge>& {
    auto& known = families[name];
    if (known == nullptr) {
      known = &prometheus::BuildGauge().Name(name).Help("Help.").Register(*registry);
    }
    return *known;
  };
  for (const auto& model : reading.models) {
    for (const SignalReading& signal : model->signals->signals) {
      const std::map<std::string, std::string> labels = {
          {"model", model->name}, {"version", model->version}, {"signal", signal.name}};
      family("faultline_signal_missing_ratio").Add(labels).Set(signal.missing_ratio);
      family("faultline_signal_out_of_range_ratio").Add(labels).Set(signal.out_of_range_ratio);
      family("faultline_signal_new_category_ratio").Add(labels).Set(signal.unseen_ratio);
      for (const DetectorReading& detector : signal.readings) {
        auto all = labels;
        all["detector"] = detector.detector;
        const Verdict& verdict = detector.verdict;
        family("faultline_detector_score").Add(all).Set(verdict.score);
        family("faultline_detector_score_ratio").Add(all).Set(verdict.ratio());
        family("faultline_detector_threshold").Add(all).Set(verdict.threshold);
        family("faultline_detector_p_value").Add(all).Set(verdict.p_value);
        family("faultline_detector_firing").Add(all).Set(detector.firing ? 1 : 0);
        const auto rows = static_cast<double>(verdict.rows);
        family("faultline_detector_window_samples").Add(all).Set(rows);
        family("faultline_detector_reference_samples").Add(all).Set(5'000);
      }
    }
  }
  return registry;
}

// Fetches /metrics once, over a connection of its own; the bytes of the answer.
size_t Fetch(uint16_t port) {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(port);
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  FAULTLINE_CHECK(connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof to) == 0, "it listens");
  const std::string request = "GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
  FAULTLINE_CHECK(write(fd, request.data(), request.size()) > 0, "it reads");
  static char bytes[1 << 18];
  size_t total = 0;
  for (ssize_t got = 0; (got = read(fd, bytes, sizeof bytes)) > 0;) {
    total += static_cast<size_t>(got);
  }
  close(fd);
  return total;
}

int Main() {
  PageOptions options;
  options.signals_always = {"*"};
  std::vector<PipelineReading> rounds;
  for (int i = 0; i < kRepeats; ++i) rounds.push_back(MakeReading(i));
  PageWriter writer;
  // Into fresh memory, as a scrape does.
  size_t page_bytes = 0;
  const auto write = [&](const PipelineReading& reading) {
    std::string page;
    page.reserve(page_bytes);
    writer.Write(reading, options, 0, &page);
    page_bytes = page.size();
  };
  write(rounds[0]);
  Print("scrape.series", static_cast<double>(writer.signal_series()), "series");
  Print("scrape.page.bytes", static_cast<double>(page_bytes), "bytes");
  const double warm = MedianMilliseconds([&] { write(rounds[0]); });
  Print("scrape.page.signals_unchanged", warm, "ms", 25, Better::kLower);
  int round = 0;
  const auto next_round = [&]() -> const PipelineReading& { return rounds[++round % kRepeats]; };
  const double renewed = MedianMilliseconds([&] { write(next_round()); });
  Print("scrape.page.all_signals_new", renewed, "ms", 25, Better::kLower);

  DaemonMetrics daemon({.version = "bench", .revision = ""}, [] { return DaemonReading(); });
  const auto metrics = [&](const HttpRequest&, const HttpReply& reply) {
    reply({200, "text/plain", WriteMetricsPage(next_round(), options, &writer, &daemon)});
  };
  auto server =
      HttpServer::Start({.address = "127.0.0.1:0"},
                        {{.path = "/metrics", .handler = metrics, .run = HttpRun::kShared}});
  FAULTLINE_CHECK(server.ok(), "any port will do");
  const uint16_t port = (*server)->port();
  size_t fetched = 0;
  const double http = MedianMilliseconds([&] { fetched = Fetch(port); });
  FAULTLINE_CHECK(fetched > page_bytes, "the page and more came");
  Print("scrape.http.all_signals_new", http, "ms");

  const auto registry = MakeRegistry(rounds[0]);
  size_t bytes = 0;
  const double theirs = MedianMilliseconds(
      [&] { bytes = prometheus::TextSerializer().Serialize(registry->Collect()).size(); });
  FAULTLINE_CHECK(bytes > 0, "it wrote something");
  Print("scrape.prometheus_cpp", theirs, "ms");
  Print("scrape.prometheus_cpp_over_page", theirs / renewed, "x");
  return 0;
}

}  // namespace
}  // namespace faultline::bench

int main() { return faultline::bench::Main(); }

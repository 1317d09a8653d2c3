#include "daemon/edge/metrics/daemon_metrics.h"

#include <dirent.h>
#include <prometheus/collectable.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>
#include <sys/resource.h>
#include <unistd.h>

#include <fstream>
#include <sstream>
#include <string_view>
#include <utility>
#include <vector>

namespace faultline {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;

// Figures of this process from the kernel.
struct OwnReading {
  double cpu_seconds = 0;
  double start_time = 0;
  uint64_t resident_bytes = 0;
  uint64_t virtual_bytes = 0;
  uint64_t threads = 0;
  uint64_t open_fds = 0;
  uint64_t fds_max = 0;
};

// When the machine started, in seconds since 1970.
double BootTime() {
  std::ifstream stat("/proc/stat");
  std::string word;
  while (stat >> word) {
    if (word != "btime") continue;
    double seconds = 0;
    stat >> seconds;
    return seconds;
  }
  return 0;
}

uint64_t CountOpenFds() {
  DIR* folder = opendir("/proc/self/fd");
  if (folder == nullptr) return 0;
  uint64_t count = 0;
  while (readdir(folder) != nullptr) ++count;
  closedir(folder);
  // Without ".", ".." and the one of the folder itself.
  return count > 3 ? count - 3 : 0;
}

OwnReading ReadOwn() {
  OwnReading own;
  std::ifstream stream("/proc/self/stat");
  std::string line;
  std::getline(stream, line);
  // The second field, the name in brackets, may hold anything.
  std::istringstream fields(line.substr(std::min(line.size(), line.rfind(')') + 1)));
  std::vector<std::string> field(25);
  for (size_t i = 3; i < field.size(); ++i) fields >> field[i];
  const auto number = [&](size_t i) { return std::strtod(field[i].c_str(), nullptr); };
  const double ticks = static_cast<double>(sysconf(_SC_CLK_TCK));
  static const double boot_time = BootTime();
  own.cpu_seconds = (number(14) + number(15)) / ticks;
  own.threads = static_cast<uint64_t>(number(20));
  own.start_time = boot_time + number(22) / ticks;
  own.virtual_bytes = static_cast<uint64_t>(number(23));
  own.resident_bytes = static_cast<uint64_t>(number(24) * static_cast<double>(getpagesize()));
  own.open_fds = CountOpenFds();
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0) own.fds_max = limit.rlim_cur;
  return own;
}

class Families {
 public:
  Families& Family(std::string name, MetricType type, std::string help) {
    families_.push_back({std::move(name), std::move(help), type, {}});
    return *this;
  }
  Families& Value(double value, std::vector<ClientMetric::Label> labels = {}) {
    ClientMetric metric;
    metric.label = std::move(labels);
    (families_.back().type == MetricType::Counter ? metric.counter.value : metric.gauge.value) =
        value;
    families_.back().metric.push_back(std::move(metric));
    return *this;
  }
  Families& Counter(std::string name, std::string help, uint64_t value) {
    return Family(std::move(name), MetricType::Counter, std::move(help))
        .Value(static_cast<double>(value));
  }
  Families& Gauge(std::string name, std::string help, double value) {
    return Family(std::move(name), MetricType::Gauge, std::move(help)).Value(value);
  }
  std::vector<MetricFamily> Take() { return std::move(families_); }

 private:
  std::vector<MetricFamily> families_;
};

void AddOwn(const OwnReading& own, Families* families) {
  families
      ->Family("process_cpu_seconds_total", MetricType::Counter, "CPU time used, user and system.")
      .Value(own.cpu_seconds)
      .Gauge("process_resident_memory_bytes", "Resident memory.",
             static_cast<double>(own.resident_bytes))
      .Gauge("process_virtual_memory_bytes", "Virtual memory.",
             static_cast<double>(own.virtual_bytes))
      .Gauge("process_open_fds", "Open file descriptors.", static_cast<double>(own.open_fds))
      .Gauge("process_max_fds", "File descriptors that may be open.",
             static_cast<double>(own.fds_max))
      .Gauge("process_start_time_seconds", "When the daemon started.", own.start_time)
      .Gauge("process_threads", "Threads.", static_cast<double>(own.threads));
}

void AddDaemon(const DaemonReading& reading, Families* families) {
  families->Gauge("faultline_ready", "1 while events are taken in.", reading.ready ? 1 : 0)
      .Family("faultline_connections", MetricType::Gauge, "Open connections.")
      .Value(static_cast<double>(reading.grpc_connections), {{"protocol", "grpc"}})
      .Value(static_cast<double>(reading.http_connections), {{"protocol", "http"}})
      .Family(
          "faultline_connections_refused_total", MetricType::Counter,
          "Connections refused or closed because too many were open, or because memory was short.")
      .Value(static_cast<double>(reading.grpc_connections_refused), {{"protocol", "grpc"}})
      .Value(static_cast<double>(reading.http_connections_refused), {{"protocol", "http"}})
      .Family("faultline_http_requests_total", MetricType::Counter,
              "HTTP requests answered, by route and status code.");
  for (const auto& [key, count] : reading.http_requests) {
    const size_t blank = key.rfind(' ');
    if (blank == std::string::npos) continue;
    families->Value(static_cast<double>(count),
                    {{"code", key.substr(blank + 1)}, {"route", key.substr(0, blank)}});
  }
  families
      ->Counter("faultline_log_lines_dropped_total",
                "Log lines dropped because too many were alike.", reading.log_lines_dropped)
      .Gauge("faultline_config_last_reload_successful",
             "1 if the configuration in use is the one in the file, as of the last reload.",
             reading.reload_successful ? 1 : 0)
      .Gauge("faultline_config_last_reload_success_timestamp_seconds",
             "When the configuration in use was read.", reading.reload_success_time)
      .Gauge("faultline_recorder_enabled", "1 if raw events are recorded.",
             reading.recorder_enabled ? 1 : 0)
      .Gauge("faultline_recorder_bytes", "Bytes of recorded events on disk.",
             static_cast<double>(reading.recorder_bytes))
      .Gauge("faultline_recorder_segments", "Files of recorded events.",
             static_cast<double>(reading.recorder_segments))
      .Counter("faultline_recorder_rows_total", "Rows recorded.", reading.recorded_rows)
      .Counter("faultline_recorder_dropped_rows_total",
               "Rows not recorded because of the byte rate or a failed write.",
               reading.recorder_dropped_rows)
      .Gauge("faultline_self_probe_ok", "1 if the daemon's last gRPC call to itself succeeded.",
             reading.self_probe_ok ? 1 : 0)
      .Gauge("faultline_self_probe_duration_seconds",
             "How long the daemon's last call to itself took.", reading.self_probe_seconds);
}

void AddAlertPoster(const AlertPosterReading& reading, Families* families) {
  families
      ->Counter("faultline_alertmanager_posts_total", "Requests made to Alertmanager.",
                reading.posts)
      .Counter("faultline_alertmanager_posts_failed_total",
               "Requests to Alertmanager that failed; they are retried.", reading.posts_failed)
      .Family("faultline_alertmanager_alerts_total", MetricType::Counter,
              "Alerts posted, by outcome.")
      .Value(static_cast<double>(reading.alerts_taken), {{"result", "taken"}})
      .Value(static_cast<double>(reading.alerts_refused), {{"result", "refused"}})
      .Value(static_cast<double>(reading.alerts_dropped), {{"result", "dropped"}})
      .Gauge("faultline_alertmanager_alerts",
             "Alerts that are active, or whose end is not posted yet.",
             static_cast<double>(reading.alerts))
      .Gauge("faultline_alertmanager_up", "1 if Alertmanager answered the last request.",
             reading.up ? 1 : 0)
      .Gauge("faultline_alertmanager_taken_timestamp_seconds",
             "When Alertmanager last took alerts; 0: not since the start.",
             static_cast<double>(reading.taken_ns) * 1e-9);
}

const char* Compiler() {
#if defined(__clang__)
  return "clang " __clang_version__;
#else
  return "gcc " __VERSION__;
#endif
}

}  // namespace

struct DaemonMetrics::Impl : prometheus::Collectable {
  Impl(const Build& build_facts, std::function<DaemonReading()> read_daemon)
      : build(build_facts), read(std::move(read_daemon)) {}

  std::vector<MetricFamily> Collect() const override {
    Families families;
    families
        .Family("faultline_build_info", MetricType::Gauge,
                "1, with the version and commit of this binary.")
        .Value(
            1,
            {{"version", build.version}, {"revision", build.revision}, {"compiler", Compiler()}});
    const DaemonReading reading = read();
    AddDaemon(reading, &families);
    if (reading.posts_alerts) AddAlertPoster(reading.alert_poster, &families);
    AddOwn(ReadOwn(), &families);
    std::vector<MetricFamily> all = families.Take();
    for (MetricFamily& family : registry.Collect()) all.push_back(std::move(family));
    return all;
  }

  Build build;
  std::function<DaemonReading()> read;
  prometheus::Registry registry;
  prometheus::Histogram& scrape_seconds =
      prometheus::BuildHistogram()
          .Name("faultline_scrape_duration_seconds")
          .Help("How long writing the metrics page took.")
          .Register(registry)
          .Add({}, prometheus::Histogram::BucketBoundaries{0.0001, 0.00025, 0.001, 0.0025, 0.01,
                                                           0.025, 0.1, 0.25, 1});
};

DaemonMetrics::DaemonMetrics(const Build& build, std::function<DaemonReading()> read)
    : impl_(std::make_unique<Impl>(build, std::move(read))) {}
DaemonMetrics::~DaemonMetrics() = default;

void DaemonMetrics::ObserveScrape(double seconds) { impl_->scrape_seconds.Observe(seconds); }

void DaemonMetrics::Write(std::string* page) const {
  page->append(prometheus::TextSerializer().Serialize(impl_->Collect()));
}

}  // namespace faultline

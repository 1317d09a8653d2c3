#include "daemon/daemon.h"

#include <absl/strings/str_cat.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <fstream>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "base/clock.h"
#include "daemon/config/config_file.h"
#include "daemon/daemon_http.h"
#include "daemon/edge/grpc/grpc_server.h"
#include "daemon/edge/ingest/ingestion_service.h"
#include "daemon/edge/ingest/intake.h"
#include "daemon/edge/notify/alert_poster.h"
#include "daemon/edge/review/incident_reader.h"
#include "daemon/edge/review/services.h"
#include "daemon/edge/review/watch_hub.h"
#include "daemon/log/log.h"
#include "daemon/report_http.h"
#include "daemon/runtime/memory.h"
#include "daemon/runtime/pipeline.h"
#include "daemon/runtime/watchdog.h"
#include "storage/rocks/rocks_store.h"
#include "storage/segments/recorder.h"

namespace faultline {
namespace {

constexpr std::chrono::milliseconds kCallPatience{3'000};
constexpr uint32_t kIncidentsAtOnce = 256;
// With less, libraries abort or hang in the middle of the start.
constexpr rlim_t kAddressSpaceMin = 512ull << 20;
constexpr rlim_t kDescriptorsMin = 64;

absl::Status CheckProcessLimits() {
  rlimit limit{};
  if (getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur < kAddressSpaceMin) {
    return absl::FailedPreconditionError(
        absl::StrCat("the address space is limited to ", limit.rlim_cur >> 20, " MiB, ",
                     kAddressSpaceMin >> 20, " MiB are needed: raise ulimit -v"));
  }
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < kDescriptorsMin) {
    return absl::FailedPreconditionError(absl::StrCat("open files are limited to ", limit.rlim_cur,
                                                      ", ", kDescriptorsMin,
                                                      " are needed: raise ulimit -n"));
  }
  return absl::OkStatus();
}

// The configuration file, overridden by the command line.
absl::StatusOr<LoadedConfig> Load(const ServeOptions& options) {
  LoadedConfig loaded;
  if (!options.config_path.empty()) {
    absl::StatusOr<LoadedConfig> file = LoadConfigFile(options.config_path);
    if (!file.ok()) return file.status();
    loaded = *std::move(file);
  }
  v1::Config& config = loaded.parsed.config;
  if (!options.data_folder.empty()) config.set_data_folder(options.data_folder);
  if (!options.grpc_address.empty()) config.mutable_listen()->set_grpc(options.grpc_address);
  if (!options.socket_path.empty()) config.mutable_listen()->set_socket(options.socket_path);
  if (!options.http_address.empty()) config.mutable_listen()->set_http(options.http_address);
  if (!options.reports_address.empty()) {
    config.mutable_listen()->set_reports(options.reports_address);
  }
  if (config.limits().memory().empty()) {
    if (const std::optional<uint64_t> allowed = ControlGroupMemory()) {
      config.mutable_limits()->set_memory(std::to_string(CeilingWithin(*allowed)));
    }
  }
  const absl::Status resolved = ResolveConfig(&loaded);
  if (!resolved.ok()) return resolved;
  return loaded;
}

void ApplyLog(const LogSettings& settings) {
  ConfigureLog(ParseLogLevel(settings.level).value_or(LogLevel::kInfo), settings.json);
}

// Changed fields that are read only at the start.
std::vector<std::string> NeedRestart(const LoadedConfig& old, const LoadedConfig& now) {
  std::vector<std::string> names;
  const auto compare = [&](const char* name, const auto& a, const auto& b) {
    if (a != b) names.emplace_back(name);
  };
  compare("data_folder", old.process.data_folder, now.process.data_folder);
  compare("listen.grpc", old.process.listen.grpc_address, now.process.listen.grpc_address);
  compare("listen.socket", old.process.listen.socket_path, now.process.listen.socket_path);
  compare("listen.http", old.process.listen.http_address, now.process.listen.http_address);
  compare("listen.reports", old.process.listen.reports_address, now.process.listen.reports_address);
  compare("listen.reports_url", old.process.listen.reports_url, now.process.listen.reports_url);
  compare("alertmanager", old.process.alertmanager, now.process.alertmanager);
  compare("listen.connections_max", old.process.listen.connections_max,
          now.process.listen.connections_max);
  compare("limits.message", old.settings->limits.message_bytes, now.settings->limits.message_bytes);
  compare("recorder.enabled", old.process.recorder.enabled, now.process.recorder.enabled);
  compare("recorder.bytes_per_second_max", old.process.recorder.bytes_per_second,
          now.process.recorder.bytes_per_second);
  compare("recorder.bytes_max", old.process.recorder.bytes, now.process.recorder.bytes);
  compare("recorder.age_max", old.process.recorder.age_ns, now.process.recorder.age_ns);
  compare("shards", old.settings->shards, now.settings->shards);
  return names;
}

absl::StatusOr<std::unique_ptr<Recorder>> OpenRecorder(const ProcessSettings& process) {
  if (!process.recorder.enabled) return std::unique_ptr<Recorder>();
  RecorderOptions options;
  options.folder = process.data_folder + "/recorder";
  options.bytes_per_second_max = process.recorder.bytes_per_second;
  options.bytes_max = process.recorder.bytes;
  options.age_max_ns = process.recorder.age_ns;
  return Recorder::Open(std::move(options));
}

}  // namespace

struct Daemon::Parts {
  ServeOptions options;
  LoadedConfig config;
  int64_t start_ns = WallNowNs();
  int64_t config_ns = 0;  // when the configuration was read at the start
  std::unique_ptr<Store> store;
  std::unique_ptr<Recorder> recorder;
  std::unique_ptr<review::WatchHub> watch_hub;
  std::unique_ptr<AlertPoster> alert_poster;  // null: nothing is posted
  std::unique_ptr<Pipeline> pipeline;
  std::unique_ptr<Watchdog> watchdog;
  std::unique_ptr<Intake> intake;
  std::unique_ptr<IngestionService> ingestion;
  std::vector<std::unique_ptr<grpc::Service>> review;
  std::unique_ptr<GrpcServer> grpc;
  std::unique_ptr<DaemonHttp> http;
  std::unique_ptr<ReportHttp> reports;  // null: off
  std::function<absl::StatusOr<std::vector<std::string>>(const Principal& by)> reload;
  // One reload at a time, and none before all parts exist: clients may ask for one early.
  std::mutex reload_mutex;
  bool stopped = false;

  absl::Status OpenState();
  absl::Status OpenAlertPoster();
  absl::Status Listen();
  absl::Status ListenForReports();
  absl::Status WriteAddresses() const;
};

absl::Status Daemon::Parts::OpenState() {
  absl::StatusOr<std::unique_ptr<Store>> opened = OpenRocksStore(config.process.data_folder);
  if (!opened.ok()) return opened.status();
  store = *std::move(opened);
  absl::StatusOr<std::unique_ptr<Recorder>> recording = OpenRecorder(config.process);
  if (!recording.ok()) return recording.status();
  recorder = *std::move(recording);
  watch_hub = std::make_unique<review::WatchHub>(store.get());
  pipeline = std::make_unique<Pipeline>(config.settings, store.get(), recorder.get(),
                                        [this](uint64_t sequence, const IncidentChange& change) {
                                          watch_hub->Publish(sequence);
                                          if (alert_poster) alert_poster->Apply(change);
                                        });
  if (!config.process.alertmanager.url.host.empty()) {
    absl::Status known = OpenAlertPoster();
    if (!known.ok()) return known;
  }
  absl::Status started = pipeline->Start();
  if (!started.ok()) return started;
  watchdog = std::make_unique<Watchdog>([this] { return pipeline->progress(); });
  watchdog->Start();
  return absl::OkStatus();
}

// Before the pipeline starts, so that older incidents cannot overwrite newer changes.
absl::Status Daemon::Parts::OpenAlertPoster() {
  alert_poster = std::make_unique<AlertPoster>(config.process.alertmanager);
  review::IncidentFilter open;
  open.states = {v1::INCIDENT_STATE_OPEN, v1::INCIDENT_STATE_ACKNOWLEDGED};
  review::IncidentPage page;
  do {
    absl::StatusOr<review::IncidentPage> next =
        review::ListIncidents(*store, open, page.last_id, kIncidentsAtOnce);
    if (!next.ok()) return next.status();
    page = *std::move(next);
    for (const v1::Incident& incident : page.incidents) alert_poster->Apply(incident);
  } while (!page.complete);
  return absl::OkStatus();
}

absl::Status Daemon::Parts::ListenForReports() {
  if (!config.process.listen.reports_address.empty()) {
    absl::StatusOr<std::unique_ptr<ReportHttp>> started =
        ReportHttp::Start(store.get(), recorder.get(), config.process.listen);
    if (started.ok()) {
      reports = *std::move(started);
    } else if (config.process.listen.reports_required) {
      return started.status();
    } else {
      // Reports are optional unless their address is configured.
      Log(LogLevel::kWarn,
          "cannot serve incident reports over HTTP; set listen.reports to a free address",
          {{"error", std::string(started.status().message())}});
    }
  }
  if (alert_poster)
    alert_poster->Start(reports ? reports->url() : config.process.listen.reports_url);
  return absl::OkStatus();
}

absl::Status Daemon::Parts::Listen() {
  const ListenSettings& listen = config.process.listen;
  const LimitSettings& limits = config.settings->limits;
  intake = MakeIntake(pipeline.get());
  ingestion = std::make_unique<IngestionService>(intake.get());
  review::ReviewParts parts;
  parts.pipeline = pipeline.get();
  parts.store = store.get();
  parts.recorder = recorder.get();
  parts.watch_hub = watch_hub.get();
  parts.daemon_version = FAULTLINE_VERSION;
  parts.start_ns = start_ns;
  parts.reload = reload;
  review = review::MakeReviewServices(parts);
  std::vector<grpc::Service*> services = {ingestion.get()};
  for (const auto& service : review) services.push_back(service.get());

  GrpcServerOptions grpc_options;
  grpc_options.address = listen.grpc_address;
  grpc_options.socket_path = listen.socket_path;
  grpc_options.connections_max = listen.connections_max;
  grpc_options.message_bytes_max = limits.message_bytes;
  grpc_options.queue_bytes_max = limits.queue_bytes;
  grpc_options.ready = [this] { return pipeline->ready(); };
  grpc_options.unexplained_bytes = [this] { return pipeline->unexplained_bytes(); };
  absl::StatusOr<std::unique_ptr<GrpcServer>> started = GrpcServer::Start(grpc_options, services);
  if (!started.ok()) return started.status();
  grpc = *std::move(started);

  DaemonHttpParts http_parts;
  http_parts.pipeline = pipeline.get();
  http_parts.hub = ingestion->hub();
  http_parts.recorder = recorder.get();
  http_parts.alert_poster = alert_poster.get();
  http_parts.config_ns = config_ns;
  http_parts.connections = [this] { return grpc->connections(); };
  http_parts.healthy = [this] { return watchdog->health(); };
  http_parts.reload = reload;
  http_parts.grpc_address = grpc->address();
  absl::StatusOr<std::unique_ptr<DaemonHttp>> http_server =
      DaemonHttp::Start(http_parts, listen, limits.message_bytes);
  if (!http_server.ok()) return http_server.status();
  http = *std::move(http_server);
  return ListenForReports();
}

absl::Status Daemon::Parts::WriteAddresses() const {
  const std::string path = config.process.data_folder + "/addresses.json";
  std::ofstream out(path + ".new");
  out << "{\"grpc\": \"" << grpc->address() << "\", \"socket\": \"" << grpc->socket_address()
      << "\", \"http\": \"" << http->address() << "\", \"reports\": \""
      << (reports ? reports->address() : "") << "\"}\n";
  out.close();
  if (!out || rename((path + ".new").c_str(), path.c_str()) != 0) {
    return absl::UnavailableError(absl::StrCat("cannot write ", path));
  }
  return absl::OkStatus();
}

Daemon::Daemon(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}

Daemon::~Daemon() { Stop(); }

absl::StatusOr<std::unique_ptr<Daemon>> Daemon::Start(const ServeOptions& options) {
  absl::StatusOr<LoadedConfig> config = Load(options);
  if (!config.ok()) return config.status();
  auto parts = std::make_unique<Parts>();
  parts->config_ns = WallNowNs();
  parts->options = options;
  parts->config = *std::move(config);
  ApplyLog(parts->config.process.log);
  auto daemon = std::unique_ptr<Daemon>(new Daemon(std::move(parts)));
  Parts& built = *daemon->parts_;
  built.reload = [raw = daemon.get()](const Principal& by) { return raw->Reload(by); };
  absl::Status status = CheckProcessLimits();
  if (status.ok()) status = built.OpenState();
  if (status.ok()) {
    std::lock_guard lock(built.reload_mutex);
    status = built.Listen();
  }
  if (status.ok()) status = built.WriteAddresses();
  if (!status.ok()) return status;
  Log(LogLevel::kInfo, "ready",
      {{"version", FAULTLINE_VERSION},
       {"grpc", built.grpc->address()},
       {"socket", built.grpc->socket_address()},
       {"http", built.http->address()},
       {"reports", built.reports ? built.reports->url() : "off"},
       {"data_folder", built.config.process.data_folder},
       {"start_ms", (WallNowNs() - built.start_ns) / 1'000'000}});
  return daemon;
}

absl::StatusOr<std::vector<std::string>> Daemon::Reload(const Principal& by) {
  std::lock_guard lock(parts_->reload_mutex);
  if (parts_->http == nullptr)
    return absl::UnavailableError("the daemon has not started yet; try again later");
  absl::StatusOr<LoadedConfig> config = Load(parts_->options);
  parts_->http->CountReload(config.ok());
  if (!config.ok()) {
    Log(LogLevel::kError, "configuration rejected; keeping the previous one",
        {{"by", NameOf(by)}, {"error", std::string(config.status().message())}});
    return config.status();
  }
  const std::vector<std::string> names = NeedRestart(parts_->config, *config);
  ApplyLog(config->process.log);
  parts_->pipeline->Run("", by, ApplySettings{config->settings}, nullptr);
  Log(LogLevel::kInfo, "configuration reloaded",
      {{"by", NameOf(by)}, {"fields_that_need_a_restart", static_cast<int64_t>(names.size())}});
  return names;
}

void Daemon::Stop() {
  Parts& parts = *parts_;
  if (std::exchange(parts.stopped, true)) return;
  if (parts.http) parts.http->Retire();
  if (parts.grpc) parts.grpc->Retire();
  if (parts.ingestion) parts.ingestion->Drain();
  if (parts.watch_hub) parts.watch_hub->Shutdown();
  // Calls in progress are answered by the next commit, which may be an interval away.
  const std::chrono::nanoseconds interval(parts.config.settings->commit.interval_ns);
  if (parts.grpc) {
    parts.grpc->Stop(kCallPatience + std::chrono::ceil<std::chrono::milliseconds>(interval));
  }
  if (parts.watchdog) parts.watchdog->Stop();
  if (parts.pipeline) parts.pipeline->Stop();
  if (parts.alert_poster) parts.alert_poster->Stop();
  if (parts.reports) parts.reports->Stop();
  if (parts.http) parts.http->Stop();
  std::error_code ignored;
  unlink((parts.config.process.data_folder + "/addresses.json").c_str());
}

namespace {

// Ends the process if stopping takes too long: the next start goes on from the last commit.
class StopDeadline {
 public:
  StopDeadline() : thread_([this] { Watch(); }) {}
  ~StopDeadline() {
    done_ = true;
    thread_.join();
  }

 private:
  void Watch() {
    const int64_t end_ns = SteadyNowNs() + int64_t{Daemon::kStopSeconds} * 1'000'000'000;
    while (!done_) {
      if (SteadyNowNs() > end_ns) {
        Log(LogLevel::kError, "cannot stop within the deadline; exiting");
        _exit(1);
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
  }

  std::atomic<bool> done_ = false;
  std::thread thread_;
};

// Ends the process if a stop is requested before it has started; the next start finds the same
// state.
class StopWhileStarting {
 public:
  explicit StopWhileStarting(const sigset_t& signals)
      : signals_(signals), thread_([this] { Watch(); }) {}
  ~StopWhileStarting() {
    done_ = true;
    thread_.join();
  }

 private:
  void Watch() {
    sigdelset(&signals_, SIGHUP);
    const timespec pause = {0, 10'000'000};
    while (!done_) {
      if (sigtimedwait(&signals_, nullptr, &pause) < 0) continue;
      Log(LogLevel::kInfo, "stop requested while starting");
      _exit(0);
    }
  }

  sigset_t signals_;
  std::atomic<bool> done_ = false;
  std::thread thread_;
};

}  // namespace

int Serve(const ServeOptions& options) {
  // Blocked before any thread starts, so that only sigwait below sees them.
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&signals, signal);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  signal(SIGPIPE, SIG_IGN);

  absl::StatusOr<std::unique_ptr<Daemon>> daemon = [&] {
    StopWhileStarting stop(signals);
    return Daemon::Start(options);
  }();
  if (!daemon.ok()) {
    Log(LogLevel::kError, "cannot start", {{"error", std::string(daemon.status().message())}});
    return 1;
  }
  int received = 0;
  while (sigwait(&signals, &received) == 0 && received == SIGHUP) {
    // A rejected configuration is logged; the previous one stays.
    (void)(*daemon)->Reload(Principal::Configuration());
  }
  Log(LogLevel::kInfo, "stopping");
  {
    StopDeadline deadline;
    (*daemon)->Stop();
  }
  Log(LogLevel::kInfo, "stopped");
  return 0;
}

}  // namespace faultline

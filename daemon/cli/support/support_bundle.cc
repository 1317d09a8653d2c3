#include <absl/strings/str_cat.h>
#include <google/protobuf/stubs/common.h>
#include <grpcpp/grpcpp.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/http_url.h"
#include "daemon/cli/args/command_line.h"
#include "daemon/cli/commands/client_command.h"
#include "daemon/cli/commands/commands.h"
#include "daemon/cli/commands/model_lookup.h"
#include "daemon/cli/console/console.h"
#include "daemon/cli/console/outcome.h"
#include "daemon/cli/support/support_parts.h"
#include "daemon/client/client.h"
#include "daemon/client/messages.h"
#include "daemon/edge/http/http_client.h"
#include "faultline/v1/admin.grpc.pb.h"
#include "faultline/v1/incident_service.grpc.pb.h"

namespace faultline::cli {
namespace {

constexpr uint32_t kIncidents = 50;
constexpr int kModels = 50;
constexpr uint64_t kMetricsBytesMax = 64 << 20;

struct BundleOptions {
  ClientOptions client;
  std::string out;
  std::string config;
  std::string http = "127.0.0.1:7071";
};

// Collects files; missing.txt names the files that could not be collected.
class Bundle {
 public:
  explicit Bundle(const BundleOptions& options) : options_(options) {}

  void Collect() {
    AddDaemon();
    AddIncidents();
    AddConfig();
    const absl::StatusOr<std::string> metrics = MetricsPage();
    if (metrics.ok()) {
      files_.emplace_back("metrics.txt", *metrics);
    } else {
      Miss("metrics.txt", std::string(metrics.status().message()));
    }
    files_.emplace_back("versions.txt", Versions());
    if (!missing_.empty()) files_.emplace_back("missing.txt", missing_);
  }

  const std::vector<BundleFile>& files() const { return files_; }
  const std::string& missing() const { return missing_; }

 private:
  absl::StatusOr<std::string> MetricsPage() const {
    const absl::StatusOr<HttpUrl> url = ParseHttpUrl("http://" + options_.http);
    if (!url.ok()) return url.status();
    HttpClientOptions http;
    http.timeout = std::chrono::seconds(
        std::max<int64_t>(1, static_cast<int64_t>(options_.client.timeout_seconds)));
    http.body_bytes_max = kMetricsBytesMax;
    absl::StatusOr<HttpClient::Answer> answer = HttpClient(*url, http).Get("/metrics");
    if (answer.ok() && answer->code == 200) return std::move(answer->body);
    return absl::UnavailableError(absl::StrCat("http://", options_.http, "/metrics: ",
                                               answer.ok()
                                                   ? absl::StrCat("status ", answer->code)
                                                   : std::string(answer.status().message())));
  }

  void Miss(const std::string& file, const std::string& why) {
    absl::StrAppend(&missing_, file, ": ", Printable(why), "\n");
  }

  bool Add(const std::string& file, const grpc::Status& status,
           const google::protobuf::Message& message) {
    if (status.ok()) {
      files_.emplace_back(file, ToJson(message, true));
    } else {
      Miss(file, status.error_message());
    }
    return status.ok();
  }

  void AddDaemon() {
    const auto admin = v1::AdminService::NewStub(channel_);
    v1::GetStatusResponse daemon;
    Add("status.json",
        Call(options_.client, admin.get(), &v1::AdminService::Stub::GetStatus,
             v1::GetStatusRequest(), &daemon),
        daemon);
    const auto stub = v1::ModelService::NewStub(channel_);
    v1::ListModelsResponse models;
    if (!Add("models.json", ListAllModels(options_.client, stub.get(), &models), models)) return;
    for (int i = 0; i < std::min(models.models_size(), kModels); ++i) {
      v1::GetModelStatusRequest request;
      request.set_name(models.models(i).name());
      request.set_version(models.models(i).version());
      v1::GetModelStatusResponse response;
      const grpc::Status status = Call(options_.client, stub.get(),
                                       &v1::ModelService::Stub::GetModelStatus, request, &response);
      for (v1::SignalStatus& signal : *response.mutable_signals()) {
        for (v1::Verdict& verdict : *signal.mutable_verdicts()) {
          if (verdict.state() != v1::VERDICT_STATE_CANNOT_TELL) verdict.clear_detail();
        }
      }
      Add(absl::StrCat("model_", i, ".json"), status, response);
    }
  }

  void AddIncidents() {
    const auto stub = v1::IncidentService::NewStub(channel_);
    v1::ListIncidentsRequest request;
    request.set_page_size(kIncidents);
    v1::ListIncidentsResponse list;
    const grpc::Status status = Call(options_.client, stub.get(),
                                     &v1::IncidentService::Stub::ListIncidents, request, &list);
    for (v1::Incident& incident : *list.mutable_incidents()) {
      incident = WithoutPayload(std::move(incident));
    }
    Add("incidents.json", status, list);
  }

  void AddConfig() {
    if (options_.config.empty()) return Miss("config.yaml", "not asked for; name it by --config");
    std::ifstream in(options_.config);
    const std::string text{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
    if (!in.is_open()) return Miss("config.yaml", "cannot read " + options_.config);
    files_.emplace_back("config.yaml", WithoutSecrets(text));
  }

  static std::string Versions() {
    utsname system{};
    uname(&system);
    return absl::StrCat("faultline ", FAULTLINE_VERSION, "\ngrpc ", grpc::Version(), "\nprotobuf ",
                        GOOGLE_PROTOBUF_VERSION, "\ncompiler ", __VERSION__, "\nsystem ",
                        system.sysname, " ", system.release, " ", system.machine, "\ncores ",
                        sysconf(_SC_NPROCESSORS_ONLN), "\n");
  }

  const BundleOptions& options_;
  const std::shared_ptr<grpc::Channel> channel_ = Connect(options_.client);
  std::vector<BundleFile> files_;
  std::string missing_;
};

int Write(BundleOptions options) {
  const int64_t now_ns = WallNowNs();
  std::string top = "faultline-support-" + TimeText(now_ns);
  std::replace(top.begin(), top.end(), ' ', '-');
  top.erase(std::remove(top.begin(), top.end(), ':'), top.end());
  if (options.out.empty()) options.out = top + ".tar.gz";
  Bundle bundle(options);
  bundle.Collect();
  const bool archive = options.out.ends_with(".tar.gz") || options.out.ends_with(".tgz");
  const absl::Status written = archive ? WriteArchive(options.out, top, bundle.files(), now_ns)
                                       : WriteFolder(options.out, bundle.files());
  if (!written.ok()) {
    return Complain("support-bundle: " + std::string(written.message()), kExitFailed);
  }
  std::string text = "Wrote " + Printable(options.out) + ". It holds no values of events; look " +
                     "through it before you send it.\n";
  if (!bundle.missing().empty()) text += "Left out:\n" + bundle.missing();
  if (!Print(text)) return kExitFailed;
  const bool reached =
      std::any_of(bundle.files().begin(), bundle.files().end(),
                  [](const BundleFile& file) { return file.first == "status.json"; });
  return reached ? kExitOk : kExitUnreachable;
}

}  // namespace

void AddSupportBundle(Command root) {
  Command command =
      root.Add("support-bundle", "Collect diagnostics for support, without event values");
  const auto options = std::make_shared<BundleOptions>();
  AddClientOptions(command, &options->client);
  command.AddOption("--out", &options->out, "New .tar.gz file, or new folder");
  command.AddOption("--config", &options->config, "Configuration file to include");
  command.AddOption("--http", &options->http, "Where the daemon serves /metrics").ShowDefault();
  command.OnRun([options] { return Write(*options); });
}

}  // namespace faultline::cli

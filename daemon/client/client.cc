#include "daemon/client/client.h"

#include <absl/strings/str_cat.h>
#include <google/protobuf/util/json_util.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <iostream>

#include "base/clock.h"
#include "daemon/cli/commands/commands.h"
#include "daemon/cli/console/console.h"

namespace faultline::cli {
namespace {

constexpr const char* kDefaultSocket = "/var/lib/faultline/faultline.sock";
constexpr const char* kDefaultAddress = "127.0.0.1:7070";
constexpr int kMessageBytesMax = 256 << 20;

std::string AddressOf(const ClientOptions& options) {
  return options.address.empty() ? DefaultAddress() : options.address;
}

}  // namespace

void AddClientOptions(CLI::App* app, ClientOptions* options) {
  app->add_option("--address", options->address,
                  "Where the daemon listens: host:port or unix:/path ($FAULTLINE_ADDRESS)");
  app->add_option("--output", options->output, "text for people or json for programs")
      ->check(CLI::IsMember({"text", "json"}))
      ->capture_default_str();
  app->add_option("--timeout", options->timeout_seconds, "Seconds to wait for an answer")
      ->check(CLI::Range(0.001, 86'400.0))
      ->capture_default_str();
}

std::string DefaultAddress() {
  const char* from_environment = std::getenv("FAULTLINE_ADDRESS");
  if (from_environment != nullptr && *from_environment != '\0') return from_environment;
  if (access(kDefaultSocket, W_OK) == 0) return absl::StrCat("unix:", kDefaultSocket);
  return kDefaultAddress;
}

std::shared_ptr<grpc::Channel> Connect(const ClientOptions& options) {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(kMessageBytesMax);
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  return grpc::CreateCustomChannel(AddressOf(options), grpc::InsecureChannelCredentials(),
                                   arguments);
}

void SetDeadline(const ClientOptions& options, grpc::ClientContext* context) {
  const auto wait = std::chrono::duration<double>(options.timeout_seconds);
  const std::chrono::nanoseconds until = std::chrono::nanoseconds(WallNowNs()) +
                                         std::chrono::duration_cast<std::chrono::nanoseconds>(wait);
  context->set_deadline(std::chrono::system_clock::time_point(
      std::chrono::duration_cast<std::chrono::system_clock::duration>(until)));
}

int Report(const grpc::Status& status, const ClientOptions& options) {
  const std::string message = Printable(status.error_message());
  switch (status.error_code()) {
    case grpc::StatusCode::OK:
      return kExitOk;
    case grpc::StatusCode::UNAVAILABLE:
      return Complain(
          absl::StrCat("cannot reach the daemon at ", Printable(AddressOf(options)), " (", message,
                       "); start it with 'faultline serve', or say where it is with "
                       "--address"),
          kExitUnreachable);
    case grpc::StatusCode::DEADLINE_EXCEEDED:
      return Complain(
          absl::StrCat("the daemon at ", Printable(AddressOf(options)), " did not answer within ",
                       Short(options.timeout_seconds), " s; wait longer with --timeout"),
          kExitUnreachable);
    case grpc::StatusCode::UNIMPLEMENTED:
      return Complain(absl::StrCat("the server at ", Printable(AddressOf(options)),
                                   " does not know this call; is it a Faultline of this version?"),
                      kExitFailed);
    case grpc::StatusCode::NOT_FOUND:
      return Complain(message, kExitNotFound);
    default:
      return Complain(message, kExitFailed);
  }
}

int Complain(std::string_view text, int exit_code) {
  std::cout.flush();
  std::cerr << absl::StrCat("faultline: ", Printable(text), "\n");
  std::cerr.flush();
  return exit_code;
}

std::string ToJson(const google::protobuf::Message& message, bool pretty) {
  google::protobuf::util::JsonPrintOptions options;
  options.add_whitespace = pretty;
  options.always_print_primitive_fields = true;
  options.preserve_proto_field_names = true;
  std::string json;
  // Fails only for broken Any and Timestamp values; the rest of the answer is still worth showing.
  const auto status = google::protobuf::util::MessageToJsonString(message, &json, options);
  if (!status.ok()) Complain(absl::StrCat("JSON: ", status.ToString()), kExitFailed);
  if (json.empty() || json.back() != '\n') json.push_back('\n');
  return json;
}

int64_t ToNs(const google::protobuf::Timestamp& time) {
  constexpr int64_t kSecondsMax = 9'000'000'000;  // the year 2255
  return std::clamp(time.seconds(), -kSecondsMax, kSecondsMax) * 1'000'000'000 + time.nanos();
}

std::string Actor() {
  const char* user = std::getenv("USER");
  return user == nullptr ? "" : user;
}

bool Print(std::string_view text) {
  std::cout << text;
  std::cout.flush();
  return std::cout.good();
}

}  // namespace faultline::cli

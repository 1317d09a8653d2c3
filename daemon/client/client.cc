#include "daemon/client/client.h"

#include <absl/strings/str_cat.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>

#include "base/clock.h"

namespace faultline::cli {
namespace {

constexpr const char* kDefaultSocket = "/var/lib/faultline/faultline.sock";
constexpr const char* kDefaultAddress = "127.0.0.1:7070";
constexpr int kMessageBytesMax = 256 << 20;

}  // namespace

std::string DefaultAddress() {
  const char* from_environment = std::getenv("FAULTLINE_ADDRESS");
  if (from_environment != nullptr && *from_environment != '\0') return from_environment;
  if (access(kDefaultSocket, W_OK) == 0) return absl::StrCat("unix:", kDefaultSocket);
  return kDefaultAddress;
}

std::string AddressOf(const ClientOptions& options) {
  return options.address.empty() ? DefaultAddress() : options.address;
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

}  // namespace faultline::cli

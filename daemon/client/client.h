#pragma once

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/support/status.h>

#include <memory>
#include <string>

namespace faultline::cli {

// The options of every command that calls the daemon: --address, --output, --timeout.
struct ClientOptions {
  std::string address;  // host:port or unix:path; empty: DefaultAddress()
  std::string output = "text";
  double timeout_seconds = 10;

  bool json() const { return output == "json"; }
};

// $FAULTLINE_ADDRESS, or the socket in the default data folder if it exists, or 127.0.0.1:7070.
std::string DefaultAddress();

// options.address, or the default.
std::string AddressOf(const ClientOptions& options);

// A channel to the daemon, not connected yet. Accepts messages of up to 256 MiB.
std::shared_ptr<grpc::Channel> Connect(const ClientOptions& options);

// Sets the deadline of one call.
void SetDeadline(const ClientOptions& options, grpc::ClientContext* context);

// One unary call with its deadline.
template <typename Stub, typename Request, typename Response>
grpc::Status Call(const ClientOptions& options, Stub* stub,
                  grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Response*),
                  const Request& request, Response* response) {
  grpc::ClientContext context;
  SetDeadline(options, &context);
  return (stub->*method)(&context, request, response);
}

}  // namespace faultline::cli

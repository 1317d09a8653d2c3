#pragma once

#include <google/protobuf/message.h>
#include <google/protobuf/timestamp.pb.h>
#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/support/status.h>

#include <CLI/App.hpp>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace faultline::cli {

// What every command that talks to the daemon takes: --address, --output, --timeout.
struct ClientOptions {
  std::string address;  // host:port or unix:path; empty: DefaultAddress()
  std::string output = "text";
  double timeout_seconds = 10;

  bool json() const { return output == "json"; }
};

// Adds the options to a command; they must outlive it.
void AddClientOptions(CLI::App* app, ClientOptions* options);

// $FAULTLINE_ADDRESS, or the socket in the default data folder if it is there, or 127.0.0.1:7070.
std::string DefaultAddress();

// A channel to the daemon, not connected yet. Takes messages of up to 256 MiB.
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

// Says on standard error, in one line, that a call failed and what to do, and returns the exit
// code for it.
int Report(const grpc::Status& status, const ClientOptions& options);

// Says on standard error "faultline: <text>" in one line and returns `exit_code`.
int Complain(std::string_view text, int exit_code);

// Protobuf's JSON with the field names of the .proto files, zeros included; ends with a line end.
std::string ToJson(const google::protobuf::Message& message, bool pretty);

// Nanoseconds since 1970; 0 for the time that is not set.
int64_t ToNs(const google::protobuf::Timestamp& time);

// Who is asking, as the system knows them: $USER, or empty.
std::string Actor();

// Writes to standard output. False if nobody reads it any more.
bool Print(std::string_view text);

}  // namespace faultline::cli

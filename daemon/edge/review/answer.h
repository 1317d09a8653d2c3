#pragma once

#include <absl/status/status.h>
#include <google/protobuf/timestamp.pb.h>
#include <grpcpp/server_context.h>
#include <grpcpp/support/status.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "daemon/runtime/pipeline.h"

namespace faultline::review {

// What the services share: how they refuse, and how they wait for the core.

// The codes have equal numbers. The message is cut at kMessageBytesMax, because it travels as a
// header.
inline constexpr size_t kMessageBytesMax = 1'024;
grpc::Status ToGrpcStatus(const absl::Status& status);

// OK if `text` has `bytes_min` to `bytes_max` bytes of UTF-8 without control characters; with
// `lines`, line ends and tabs are allowed. INVALID_ARGUMENT naming the field otherwise.
absl::Status CheckText(const char* field, std::string_view text, size_t bytes_min, size_t bytes_max,
                       bool lines = false);
// The same for the name and version of a model.
absl::Status CheckModel(const char* field, std::string_view name, std::string_view version);
// The page size asked for, or the default for 0. INVALID_ARGUMENT above the maximum.
absl::Status CheckPageSize(uint32_t* page_size, uint32_t unset, uint32_t most);

// "'name' version 'version'" with unprintable characters escaped.
std::string NameModel(std::string_view name, std::string_view version);

google::protobuf::Timestamp ToTimestamp(int64_t ns);
// From 1970 on, and such that its nanoseconds fit into 64 bits: until 2262.
bool IsTime(const google::protobuf::Timestamp& time);

// Who calls: the name they claim and, over a unix socket, the user id that the kernel gives.
Principal CallerOf(const grpc::ServerContext& context, const std::string& claimed);

// Runs a command of the caller, who claims this name, and waits for its commit.
// INVALID_ARGUMENT if the name is too long or not plain text; CANCELLED if the caller goes away,
// UNAVAILABLE if it is not committed within kCommandSeconds; in both cases it may still happen.
inline constexpr int kCommandSeconds = 60;
CommandResult RunCommand(Pipeline* pipeline, grpc::ServerContext* context, const std::string& model,
                         const std::string& claimed, CommandAction action);

}  // namespace faultline::review

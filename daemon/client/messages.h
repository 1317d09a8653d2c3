#pragma once

#include <google/protobuf/message.h>
#include <google/protobuf/timestamp.pb.h>

#include <cstdint>
#include <string>

namespace faultline::cli {

// Protobuf's JSON with the field names of the .proto files, zeros included; ends with a line end.
// A message that cannot be written completely (an invalid Timestamp) is cut there.
std::string ToJson(const google::protobuf::Message& message, bool pretty);

// Nanoseconds since 1970; 0 for a time that is not set.
int64_t ToNs(const google::protobuf::Timestamp& time);

}  // namespace faultline::cli

#include "daemon/client/messages.h"

#include <google/protobuf/util/json_util.h>

#include <algorithm>
#include <iostream>

#include "base/escape.h"

namespace faultline::cli {

std::string ToJson(const google::protobuf::Message& message, bool pretty) {
  google::protobuf::util::JsonPrintOptions options;
  options.add_whitespace = pretty;
  options.always_print_primitive_fields = true;
  options.preserve_proto_field_names = true;
  std::string json;
  const auto status = google::protobuf::util::MessageToJsonString(message, &json, options);
  if (!status.ok()) std::cerr << "faultline: cannot write JSON: " << status.ToString() << std::endl;
  json = SafeJson(json);
  if (json.empty() || json.back() != '\n') json.push_back('\n');
  return json;
}

int64_t ToNs(const google::protobuf::Timestamp& time) {
  constexpr int64_t kSecondsMax = 9'000'000'000;  // the year 2255
  return std::clamp(time.seconds(), -kSecondsMax, kSecondsMax) * 1'000'000'000 + time.nanos();
}

}  // namespace faultline::cli

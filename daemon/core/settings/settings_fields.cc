#include "daemon/core/settings/settings_fields.h"

#include <absl/strings/str_cat.h>
#include <google/protobuf/descriptor.h>

#include <algorithm>

#include "base/check.h"
#include "base/clean_text.h"

namespace faultline {
namespace {

constexpr size_t kShownBytesMax = 64;

const google::protobuf::FieldDescriptor* FieldOf(const google::protobuf::Message& message,
                                                 const char* field) {
  const auto* found = message.GetDescriptor()->FindFieldByName(field);
  FAULTLINE_CHECK(found != nullptr, "the caller names a field of the message");
  return found;
}

std::string RangeWords(const std::string& low, const std::string& high) {
  return absl::StrCat(low, " to ", high);
}

}  // namespace

void SettingsFields::Refuse(const std::string& path, std::string_view value,
                            std::string_view expected) {
  if (!ok()) return;
  status_ = absl::InvalidArgumentError(absl::StrCat(path, ": ", CleanText(value, kShownBytesMax),
                                                    ": expected ", std::string(expected)));
}

void SettingsFields::Refuse(const std::string& path, const absl::Status& status) {
  if (!ok()) return;
  status_ = absl::InvalidArgumentError(absl::StrCat(path, ": ", status.message()));
}

void SettingsFields::Duration(const std::string& path, const std::string& text, int64_t low,
                              int64_t high, const char* expected, int64_t* out) {
  if (text.empty()) return;
  const absl::StatusOr<int64_t> value = ParseDuration(text);
  if (!value.ok()) return Refuse(path, value.status());
  if (*value < low || *value > high) return Refuse(path, text, expected);
  *out = *value;
}

void SettingsFields::Bytes(const std::string& path, const std::string& text, uint64_t low,
                           uint64_t high, const char* expected, uint64_t* out) {
  if (text.empty()) return;
  const absl::StatusOr<uint64_t> value = ParseBytes(text);
  if (!value.ok()) return Refuse(path, value.status());
  if (*value < low || *value > high) return Refuse(path, text, expected);
  *out = *value;
}

void SettingsFields::Word(const std::string& path, const std::string& text,
                          const std::vector<std::string>& words, size_t* out) {
  if (text.empty()) return;
  const auto found = std::find(words.begin(), words.end(), text);
  if (found != words.end()) {
    *out = static_cast<size_t>(found - words.begin());
    return;
  }
  std::string expected;
  for (size_t i = 0; i < words.size(); ++i) {
    absl::StrAppend(&expected, i == 0 ? "" : i + 1 == words.size() ? " or " : ", ", words[i]);
  }
  Refuse(path, text, expected);
}

void SettingsFields::Number(const std::string& path, const google::protobuf::Message& message,
                            const char* field, uint32_t low, uint32_t high, uint32_t* out) {
  const auto* descriptor = FieldOf(message, field);
  if (!message.GetReflection()->HasField(message, descriptor)) return;
  const uint32_t value = message.GetReflection()->GetUInt32(message, descriptor);
  if (value < low || value > high) {
    return Refuse(absl::StrCat(path, ".", field), absl::StrCat(value),
                  RangeWords(absl::StrCat(low), absl::StrCat(high)));
  }
  *out = value;
}

void SettingsFields::Real(const std::string& path, const google::protobuf::Message& message,
                          const char* field, double low, double high, double* out) {
  const auto* descriptor = FieldOf(message, field);
  if (!message.GetReflection()->HasField(message, descriptor)) return;
  const double value = message.GetReflection()->GetDouble(message, descriptor);
  if (!(value >= low && value <= high)) {
    return Refuse(absl::StrCat(path, ".", field), absl::StrCat(value),
                  RangeWords(absl::StrCat(low), absl::StrCat(high)));
  }
  *out = value;
}

}  // namespace faultline

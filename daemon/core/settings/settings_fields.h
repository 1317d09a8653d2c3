#pragma once

#include <absl/status/status.h>
#include <google/protobuf/message.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/core/settings/settings.h"
#include "faultline/v1/config.pb.h"

namespace faultline {

// Reads fields of the configuration one by one and keeps the first error, as
// "path: value: expected ...". A field that is not set leaves *out unchanged.
class SettingsFields {
 public:
  // Text; empty: not set. `expected` ends the message about a value outside [low, high].
  void Duration(const std::string& path, const std::string& text, int64_t low, int64_t high,
                const char* expected, int64_t* out);
  void Bytes(const std::string& path, const std::string& text, uint64_t low, uint64_t high,
             const char* expected, uint64_t* out);
  // One of `words`; *out is its index.
  void Word(const std::string& path, const std::string& text, const std::vector<std::string>& words,
            size_t* out);
  // An optional field of `message`, by its name.
  void Number(const std::string& path, const google::protobuf::Message& message, const char* field,
              uint32_t low, uint32_t high, uint32_t* out);
  void Real(const std::string& path, const google::protobuf::Message& message, const char* field,
            double low, double high, double* out);
  // Reports a wrong value, cleaned and truncated.
  void Refuse(const std::string& path, std::string_view value, std::string_view expected);
  // The same with a message that already names the value.
  void Refuse(const std::string& path, const absl::Status& status);

  bool ok() const { return status_.ok(); }
  const absl::Status& status() const { return status_; }

 private:
  absl::Status status_;
};

// `own` merged over `defaults`: single fields of `own` win, a non-empty list replaces the whole
// list, maps are joined.
v1::ModelConfig MergedModel(const v1::ModelConfig& defaults, const v1::ModelConfig& own);

// Reads an alarm budget; fields that are not set leave *budget unchanged.
void ReadBudget(const v1::AlarmBudgetConfig& config, const std::string& path,
                SettingsFields* fields, AlarmBudget* budget);

// Reads the configuration of one model. `path`: its place in the file, for messages.
void ReadModel(const v1::ModelConfig& config, const std::string& path, SettingsFields* fields,
               ModelSettings* settings);

}  // namespace faultline

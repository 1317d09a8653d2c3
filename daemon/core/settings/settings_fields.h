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

// Takes values out of the configuration one by one and remembers the first that is wrong, as
// "path: value: expected ...". A field that is not set leaves what it would go into as it is.
class SettingsFields {
 public:
  // Text; empty is not set. `expected` ends the message of a value outside [low, high].
  void Duration(const std::string& path, const std::string& text, int64_t low, int64_t high,
                const char* expected, int64_t* out);
  void Bytes(const std::string& path, const std::string& text, uint64_t low, uint64_t high,
             const char* expected, uint64_t* out);
  // One of a few words; gives its position.
  void Word(const std::string& path, const std::string& text, const std::vector<std::string>& words,
            size_t* out);
  // An optional field of `message`, by its name.
  void Number(const std::string& path, const google::protobuf::Message& message, const char* field,
              uint32_t low, uint32_t high, uint32_t* out);
  void Real(const std::string& path, const google::protobuf::Message& message, const char* field,
            double low, double high, double* out);
  // Says that a value is wrong. The value is shown cleaned and cut.
  void Refuse(const std::string& path, std::string_view value, std::string_view expected);
  // The same with a message that names the value already.
  void Refuse(const std::string& path, const absl::Status& status);

  bool ok() const { return status_.ok(); }
  const absl::Status& status() const { return status_; }

 private:
  absl::Status status_;
};

// `own` over `defaults`, field by field: own single fields win, a list that is not empty replaces
// the whole list, maps are joined.
v1::ModelConfig MergedModel(const v1::ModelConfig& defaults, const v1::ModelConfig& own);

// How many false alarms are granted; what is not set stays as it is in *budget.
void ReadBudget(const v1::AlarmBudgetConfig& config, const std::string& path,
                SettingsFields* fields, AlarmBudget* budget);

// What one model's configuration says. `path` is where it stands, for messages.
void ReadModel(const v1::ModelConfig& config, const std::string& path, SettingsFields* fields,
               ModelSettings* settings);

}  // namespace faultline

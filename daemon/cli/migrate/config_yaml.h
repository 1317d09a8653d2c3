#pragma once

#include <string>
#include <string_view>

#include "daemon/cli/migrate/config_import.h"

namespace faultline::cli {

// Writes the configuration of one imported model, a line a detector.
class ConfigYaml {
 public:
  // `source`: the tool that the rules come from.
  ConfigYaml(std::string_view source, ImportedModel model);

  // A detector of one signal with its threshold; `said` is the rule as the other tool writes
  // it. Scores are at most 1; a threshold of 0 or below becomes "any": the smallest above 0.
  void Add(std::string_view signal, std::string_view kind, double threshold, std::string_view said);
  // Rules that were not converted.
  void Remark(std::string_view signal, std::string_view why);

  std::string Text() const;

 private:
  const std::string source_;
  const ImportedModel model_;
  std::string detectors_;
  std::string remarks_;
};

}  // namespace faultline::cli

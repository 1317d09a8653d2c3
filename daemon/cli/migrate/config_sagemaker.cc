#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <cmath>
#include <map>

#include "daemon/cli/migrate/config_import.h"
#include "daemon/cli/migrate/config_yaml.h"

namespace faultline::cli {
namespace {

namespace json = boost::json;

absl::StatusOr<json::object> Parsed(std::string_view text, const char* what) {
  json::error_code error;
  json::value value = json::parse({text.data(), text.size()}, error);
  if (error) return absl::InvalidArgumentError(absl::StrCat(what, ": ", error.message()));
  if (!value.is_object()) {
    return absl::InvalidArgumentError(absl::StrCat(what, ": expected an object"));
  }
  return std::move(value.as_object());
}

const json::object* Object(const json::object& in, std::string_view name) {
  const json::value* found = in.if_contains({name.data(), name.size()});
  return found == nullptr ? nullptr : found->if_object();
}

std::string Text(const json::object& in, std::string_view name, std::string_view fallback = "") {
  const json::value* found = in.if_contains({name.data(), name.size()});
  if (found == nullptr || !found->is_string()) return std::string(fallback);
  return std::string(found->get_string());
}

// The fallback if it is missing or not a finite number.
double Number(const json::object& in, std::string_view name, double fallback) {
  const json::value* found = in.if_contains({name.data(), name.size()});
  if (found == nullptr || !found->is_number()) return fallback;
  const auto number = found->to_number<double>();
  return std::isfinite(number) ? number : fallback;
}

// The rules of a feature: the common ones, overridden by its own.
struct Rules {
  double datatype = 1;  // share of values that must have the type
  double domain = 1;    // share of values that must be known
  bool compare = false;
  bool robust = true;
  double distance = 0.1;
  bool chi_squared = false;
  double categorical_distance = 0.1;

  void Take(const json::object& from) {
    datatype = Number(from, "datatype_check_threshold", datatype);
    domain = Number(from, "domain_content_threshold", domain);
    const json::object* distribution = Object(from, "distribution_constraints");
    if (distribution == nullptr) return;
    compare = Text(*distribution, "perform_comparison", compare ? "Enabled" : "") == "Enabled";
    robust = Text(*distribution, "comparison_method", robust ? "Robust" : "") == "Robust";
    distance = Number(*distribution, "comparison_threshold", distance);
    chi_squared = Text(*distribution, "categorical_drift_method",
                       chi_squared ? "ChiSquared" : "") == "ChiSquared";
    categorical_distance =
        Number(*distribution, "categorical_comparison_threshold", categorical_distance);
  }
};

// The baseline in statistics.json.
struct Baseline {
  double rows = 0;
  std::map<std::string, double> missing;  // share, by feature
};

absl::StatusOr<Baseline> ReadBaseline(std::string_view text) {
  Baseline baseline;
  if (text.empty()) return baseline;
  const absl::StatusOr<json::object> all = Parsed(text, "statistics");
  if (!all.ok()) return all.status();
  if (const json::object* dataset = Object(*all, "dataset")) {
    baseline.rows = Number(*dataset, "item_count", 0);
  }
  const json::value* features = all->if_contains("features");
  if (features == nullptr || !features->is_array()) {
    return absl::InvalidArgumentError("statistics: features: expected a list");
  }
  for (const json::value& feature : features->get_array()) {
    if (!feature.is_object()) continue;
    for (const char* kind : {"numerical_statistics", "string_statistics"}) {
      const json::object* numbers = Object(feature.get_object(), kind);
      const json::object* common = numbers == nullptr ? nullptr : Object(*numbers, "common");
      if (common == nullptr) continue;
      const double missing = Number(*common, "num_missing", 0);
      const double rows = missing + Number(*common, "num_present", 0);
      if (rows > 0) baseline.missing[Text(feature.get_object(), "name")] = missing / rows;
    }
  }
  return baseline;
}

class Feature {
 public:
  Feature(const json::object& in, const Rules& common, const Baseline& baseline,
          const ImportedModel& model)
      : in_(in), rules_(common), baseline_(baseline), model_(model), name_(Text(in, "name")) {
    if (const json::object* own = Object(in, "monitoringConfigOverrides")) rules_.Take(*own);
  }

  void Write(ConfigYaml* yaml) const {
    Completeness(yaml);
    const std::string type = Text(in_, "inferred_type", "Unknown");
    if (type == "Integral" || type == "Fractional") {
      Numbers(yaml);
    } else if (type == "String") {
      Strings(yaml);
    } else {
      yaml->Remark(name_, absl::StrCat("inferred_type ", type, " has no rules"));
    }
  }

 private:
  void Completeness(ConfigYaml* yaml) const {
    const double completeness = Number(in_, "completeness", -1);
    if (completeness < 0) return;
    // Ours is the share beyond the reference's.
    const auto before = baseline_.missing.find(name_);
    const double expected = before == baseline_.missing.end() ? 0 : before->second;
    yaml->Add(name_, "missing_rate", 1 - completeness - expected,
              absl::StrFormat("completeness %g", completeness));
  }

  void Numbers(ConfigYaml* yaml) const {
    yaml->Add(name_, "invalid_rate", 1 - rules_.datatype,
              absl::StrFormat("datatype_check_threshold %g", rules_.datatype));
    const json::object* numbers = Object(in_, "num_constraints");
    if (numbers != nullptr && numbers->if_contains("is_non_negative") != nullptr &&
        numbers->at("is_non_negative") == true) {
      yaml->Remark(name_,
                   "is_non_negative: range_change watches the reference's own range instead");
    }
    if (!rules_.compare) return;
    if (!rules_.robust) {
      yaml->Add(name_, "kolmogorov_smirnov", rules_.distance,
                absl::StrFormat("Simple %g", rules_.distance));
      return;
    }
    // Robust is the distance less what few rows make; that depends on the window alone.
    const double rows = baseline_.rows > 0 ? baseline_.rows : HUGE_VAL;
    const double few = 1.8 * std::sqrt(1 / static_cast<double>(model_.window_rows) + 1 / rows);
    yaml->Add(name_, "kolmogorov_smirnov", rules_.distance + few,
              absl::StrFormat("Robust %g", rules_.distance));
  }

  void Strings(ConfigYaml* yaml) const {
    const json::object* strings = Object(in_, "string_constraints");
    if (strings != nullptr && strings->if_contains("domains") != nullptr) {
      yaml->Add(name_, "unseen_category", 1 - rules_.domain,
                absl::StrFormat("domain_content_threshold %g", rules_.domain));
    }
    if (!rules_.compare) return;
    yaml->Remark(name_, absl::StrFormat("%s %g: distribution_change watches it instead",
                                        rules_.chi_squared ? "ChiSquared" : "LInfinity",
                                        rules_.categorical_distance));
  }

  const json::object& in_;
  Rules rules_;
  const Baseline& baseline_;
  const ImportedModel& model_;
  const std::string name_;
};

}  // namespace

absl::StatusOr<std::string> ConfigOfSageMaker(std::string_view constraints,
                                              std::string_view statistics,
                                              const ImportedModel& model) {
  const absl::StatusOr<json::object> all = Parsed(constraints, "constraints");
  if (!all.ok()) return all.status();
  const absl::StatusOr<Baseline> baseline = ReadBaseline(statistics);
  if (!baseline.ok()) return baseline.status();
  const json::value* features = all->if_contains("features");
  if (features == nullptr || !features->is_array()) {
    return absl::InvalidArgumentError("constraints: features: expected a list");
  }
  Rules common;
  if (const json::object* monitoring = Object(*all, "monitoring_config")) common.Take(*monitoring);
  ConfigYaml yaml("SageMaker's constraints", model);
  size_t number = 0;
  for (const json::value& feature : features->get_array()) {
    if (!feature.is_object() || Text(feature.get_object(), "name").empty()) {
      return absl::InvalidArgumentError(
          absl::StrCat("constraints: features[", number, "]: expected an object with a name"));
    }
    Feature(feature.get_object(), common, *baseline, model).Write(&yaml);
    ++number;
  }
  return yaml.Text();
}

}  // namespace faultline::cli

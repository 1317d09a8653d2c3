#include <xxhash.h>

#include <array>
#include <sstream>
#include <string>

#include "detectors/change/sequence_rule.h"

namespace faultline {
namespace {

using enum SequenceInput;

constexpr double kMost = 1e9;
constexpr SequenceOption kMode = {"mode", 0, -1, 1, true};  // 1 up, -1 down, 0 both

// clang-format off
constexpr SequenceOption kAdwinOptions[] = {
    {"delta", 0.002, 1e-300, 1}, {"clock", 32, 1, kMost, true}, {"max_buckets", 5, 2, 16, true},
    {"min_window_length", 5, 1, kMost, true}, {"grace_period", 10, 1, kMost, true},
    {"river", 0, 0, 1, true}};
constexpr SequenceOption kPageHinkleyOptions[] = {
    {"min_instances", 30, 1, kMost, true}, {"delta", 0.005, 0, kMost}, {"threshold", 50, 0, 1e100},
    {"alpha", 0.9999, 0, 1}, kMode};
constexpr SequenceOption kCusumOptions[] = {
    {"min_instances", 30, 1, kMost, true}, {"slack", 0.5, 0, kMost}, {"threshold", 5, 1e-9, kMost},
    kMode};
constexpr SequenceOption kEwmaOptions[] = {
    {"alpha", 0.1, 1e-9, 1}, {"threshold", 4, 1e-9, kMost}, {"min_instances", 30, 1, kMost, true},
    kMode};
constexpr SequenceOption kShewhartOptions[] = {
    {"k", 3, 1e-9, kMost}, {"min_instances", 30, 1, kMost, true}, kMode};
constexpr SequenceOption kDdmOptions[] = {
    {"warm_start", 30, 1, kMost, true}, {"warning_threshold", 2, 0, kMost},
    {"drift_threshold", 3, 0, kMost}};
constexpr SequenceOption kEddmOptions[] = {
    {"warm_start", 30, 1, kMost, true}, {"alpha", 0.95, 0, 1}, {"beta", 0.9, 0, 1}};
constexpr SequenceOption kRddmOptions[] = {
    {"warm_start", 129, 1, kMost, true}, {"warning_threshold", 1.773, 1e-9, kMost},
    {"drift_threshold", 2.258, 1e-9, kMost}, {"buffer_size", 7000, 1, 65'536, true},
    {"max_concept_size", 40'000, 1, kMost, true}, {"warning_limit", 1400, 1, kMost, true}};
constexpr SequenceOption kHddmAOptions[] = {
    {"drift_confidence", 0.001, 1e-300, 1}, {"warning_confidence", 0.005, 1e-300, 1},
    {"two_sided_test", 0, 0, 1, true}};
constexpr SequenceOption kHddmWOptions[] = {
    {"drift_confidence", 0.001, 1e-300, 1}, {"warning_confidence", 0.005, 1e-300, 1},
    {"lambda_val", 0.05, 1e-9, 1}, {"two_sided_test", 0, 0, 1, true}};
constexpr SequenceOption kFhddmOptions[] = {
    {"sliding_window_size", 100, 1, 65'536, true}, {"confidence_level", 0.000001, 1e-300, 1},
    {"short_window_size", 0, 0, 65'536, true}};  // 0: none
constexpr SequenceOption kMddmWindow = {"sliding_window_size", 100, 1, 4096, true};
constexpr SequenceOption kMddmDrift = {"drift_confidence", 0.000001, 1e-300, 1};
constexpr SequenceOption kMddmWarning = {"warning_confidence", 0.000005, 1e-300, 1};
constexpr SequenceOption kMddmAOptions[] = {
    kMddmWindow, {"difference", 0.01, 1e-9, 1000}, kMddmDrift, kMddmWarning};
constexpr SequenceOption kMddmEOptions[] = {
    kMddmWindow, {"lambda_val", 0.01, 1e-9, 0.1}, kMddmDrift, kMddmWarning};
constexpr SequenceOption kMddmGOptions[] = {
    kMddmWindow, {"ratio", 1.01, 1 + 1e-9, 1.1}, kMddmDrift, kMddmWarning};
constexpr SequenceOption kKswinOptions[] = {
    {"alpha", 0.005, 0, 1}, {"window_size", 100, 2, 4096, true}, {"stat_size", 30, 1, 2048, true},
    {"seed", 0, 0, 4294967295, true}};
constexpr SequenceOption kBocpdOptions[] = {
    {"lambda", 250, 1 + 1e-9, 1e12}, {"mean", 0, -1e100, 1e100}, {"kappa", 1, 1e-9, kMost},
    {"alpha", 1, 1e-3, kMost}, {"beta", 1, 1e-100, 1e100},
    {"run_lengths", 250, 16, 4096, true}, {"fall", 10, 0, kMost}};

constexpr SequenceKind kKinds[] = {
    {"adwin",        kNumbers, 1, kAdwinOptions,       MakeAdwin},
    {"page_hinkley", kNumbers, 1, kPageHinkleyOptions, MakePageHinkleyValues},
    {"cusum",        kNumbers, 1, kCusumOptions,       MakeCusum},
    {"ewma",         kNumbers, 1, kEwmaOptions,        MakeEwma},
    {"shewhart",     kNumbers, 1, kShewhartOptions,    MakeShewhart},
    {"kswin",        kNumbers, 1, kKswinOptions,       MakeKswin},
    {"bocpd",        kNumbers, 1, kBocpdOptions,       MakeBocpd},
    {"ddm",          kErrors,  1, kDdmOptions,         MakeDdm},
    {"eddm",         kErrors,  1, kEddmOptions,        MakeEddm},
    {"rddm",         kErrors,  1, kRddmOptions,        MakeRddm},
    {"hddm_a",       kErrors,  1, kHddmAOptions,       MakeHddmA},
    {"hddm_w",       kErrors,  1, kHddmWOptions,       MakeHddmW},
    {"fhddm",        kErrors,  1, kFhddmOptions,       MakeFhddm},
    {"mddm_a",       kErrors,  1, kMddmAOptions,       MakeMddmA},
    {"mddm_e",       kErrors,  1, kMddmEOptions,       MakeMddmE},
    {"mddm_g",       kErrors,  1, kMddmGOptions,       MakeMddmG},
};
// clang-format on

constexpr size_t kOptionsMost = 8;

absl::Status Wrong(std::string_view kind, const std::string& why) {
  return absl::InvalidArgumentError(std::string(kind) + why);
}

std::string RangeOf(const SequenceOption& option) {
  std::ostringstream text;
  text << "." << option.name << ": " << option.least << " to " << option.most
       << (option.whole ? ", whole" : "");
  return text.str();
}

}  // namespace

std::span<const SequenceKind> SequenceKinds() { return kKinds; }

const SequenceKind* FindSequenceKind(std::string_view name) {
  for (const SequenceKind& kind : kKinds) {
    if (kind.name == name) return &kind;
  }
  return nullptr;
}

absl::StatusOr<std::shared_ptr<const SequenceDetector>> MakeSequence(
    std::string_view name, std::span<const SequenceSetting> settings) {
  const SequenceKind* kind = FindSequenceKind(name);
  if (kind == nullptr) return Wrong(name, ": unknown sequence detector");
  std::array<double, kOptionsMost> values = {};
  FAULTLINE_CHECK(kind->options.size() <= kOptionsMost, "a constant of this file");
  for (size_t i = 0; i < kind->options.size(); ++i) values[i] = kind->options[i].fallback;
  for (const SequenceSetting& setting : settings) {
    const std::string_view option_name = setting.first;
    const double value = setting.second;
    const auto option = std::find_if(kind->options.begin(), kind->options.end(),
                                     [&](const auto& o) { return o.name == option_name; });
    if (option == kind->options.end()) {
      return Wrong(name, ": unknown option " + std::string(option_name));
    }
    const bool fits = value >= option->least && value <= option->most;
    if (!fits || (option->whole && value != std::floor(value))) {
      return Wrong(name, RangeOf(*option));
    }
    values[static_cast<size_t>(option - kind->options.begin())] = value;
  }
  const uint64_t seed = XXH3_64bits_withSeed(name.data(), name.size(), kind->version);
  const uint64_t tag = XXH3_64bits_withSeed(values.data(), sizeof values, seed);
  auto made = kind->make({values.data(), kind->options.size()}, tag);
  if (made == nullptr) {
    return Wrong(name, ": the options contradict each other");
  }
  return made;
}

}  // namespace faultline

#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "detectors/contract/cause.h"
#include "detectors/contract/detector.h"
#include "faultline/v1/detector.pb.h"

namespace faultline {

// What an alarm of a detector points to first.
enum class Concern : uint8_t { kQuality, kShift, kChange, kAnomaly };

// Where verdicts can be recomputed from.
enum class ReplaySource : uint8_t { kPanes, kEvents };

// Which signals a kind looks at, of those whose type it judges.
enum class Subject : uint8_t {
  kColumns,  // all, or those that `signals` names
  kStatus,   // columns with the role status, or those that `signals` names
  kRowRate,  // the rows of the model as such
  kOwn,      // signals that it derives from rows itself
};

// A detector made from its options: exactly one of compare, follow and score is set; `rows` comes
// with a follow detector, which judges what it derives.
struct Detector {
  std::string_view name;
  std::shared_ptr<const CompareDetector> compare = nullptr;
  std::shared_ptr<const FollowDetector> follow = nullptr;
  std::shared_ptr<const ScoreDetector> score = nullptr;
  std::shared_ptr<const RowDetector> rows = nullptr;
};

// One line per kind. The name is the proto field, the metric label, the heading in
// docs/detectors.md and the golden file.
struct CatalogEntry {
  v1::DetectorSpec::KindCase kind;
  std::string_view name;
  Concern concern;
  FailureMode failure_mode;  // of an alarm on an input
  Subject subject;
  uint32_t state_version;
  uint32_t state_bytes_max;  // per signal; 0 for compare detectors
  ReplaySource replay;
  bool in_default_suite;
  // Its verdicts are evidence that alarms against the model's alarm budget; else against a fixed
  // threshold, which promises nothing.
  bool budgeted;
  // It compares the rolling reference with the one in use, not the window.
  bool on_rolling;
  // It judges the distribution as a whole, not rare values: the dispersion that it finds is that of
  // the signal's rows.
  bool whole;
  // INVALID_ARGUMENT naming the option and its range.
  absl::StatusOr<Detector> (*make)(const v1::DetectorSpec& spec);
  const DetectorCause* cause = nullptr;  // null: its alarms speak for no cause by themselves
  uint32_t memory_bytes = 0;  // that its row detector keeps from row to row, per derived signal
};

// The table.
std::span<const CatalogEntry> Catalog();

// nullptr if there is no such kind.
const CatalogEntry* FindKind(v1::DetectorSpec::KindCase kind);
const CatalogEntry* FindKind(std::string_view name);

// Makes a detector. INVALID_ARGUMENT if the kind is not set or an option is out of range.
absl::StatusOr<Detector> MakeDetector(const v1::DetectorSpec& spec);

}  // namespace faultline

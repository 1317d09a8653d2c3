#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "detectors/contract/detector.h"
#include "faultline/v1/detector.pb.h"

namespace faultline {

// What an alarm of a detector points to in the first place.
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
  Subject subject;
  uint32_t state_version;
  uint32_t state_bytes_max;  // per signal; 0 for compare detectors
  ReplaySource replay;
  bool in_default_suite;
  // Its verdicts are evidence and alarm within the model's alarm budget; otherwise they alarm at a
  // fixed threshold, without any promise about false alarms.
  bool budgeted;
  // It compares the rolling reference, instead of the window, with the reference in use.
  bool on_rolling;
  // INVALID_ARGUMENT naming the option and its range.
  absl::StatusOr<Detector> (*make)(const v1::DetectorSpec& spec);
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

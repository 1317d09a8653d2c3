#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "detectors/contract/cause.h"
#include "detectors/contract/detector.h"
#include "detectors/contract/transform.h"

namespace faultline::v1 {
class DetectorSpec;
}  // namespace faultline::v1

namespace faultline {

// What an alarm of a detector points to in the first place.
enum class Concern : uint8_t { kQuality, kShift, kChange, kAnomaly };
// As labels name it: "quality".
std::string_view NameOf(Concern concern);

// Where verdicts can be recomputed from.
enum class ReplaySource : uint8_t { kPanes, kEvents };

// Which signals a kind looks at, of those whose type it judges.
enum class Watched : uint8_t {
  kColumns,  // all, or those that `signals` names
  kStatus,   // columns with the role status, or those that `signals` names
  kOwn,      // signals that its own transform makes
};

// A detector made from its options: exactly one of compare and follow is set. If it brings a
// transform, it judges what that makes, and `signals` in its options choose the columns.
struct Detector {
  std::string_view name;
  std::shared_ptr<const CompareDetector> compare = nullptr;
  std::shared_ptr<const FollowDetector> follow = nullptr;
  std::shared_ptr<const Transform> transform = nullptr;
};

// One line per kind. The name is the proto field, the metric label, the heading in
// docs/detectors.md and the golden file.
struct CatalogEntry {
  int kind;  // number of its field in v1::DetectorSpec
  std::string_view name;
  Concern concern;
  FailureMode failure_mode;  // of an alarm on an input
  Watched watched;
  uint32_t state_version;
  uint32_t state_bytes_max;  // per signal; 0 for compare detectors
  ReplaySource replay;
  bool in_default_suite;
  // Its verdicts are evidence and alarm within the model's alarm budget; otherwise they alarm at a
  // fixed threshold, without any promise about false alarms.
  bool budgeted;
  // It compares the rolling reference, instead of the window, with the reference in use.
  bool on_rolling;
  // It judges the distribution as a whole, not rare values: the dispersion that it finds is that of
  // the signal's rows.
  bool whole;
  // INVALID_ARGUMENT naming the option and its range.
  absl::StatusOr<Detector> (*make)(const v1::DetectorSpec& spec);
  const DetectorCause* cause = nullptr;  // null: its alarms speak for no cause by themselves
  uint32_t memory_bytes = 0;             // that its transform keeps from row to row, per signal
};

// The table.
std::span<const CatalogEntry> Catalog();

// nullptr if there is no such kind.
const CatalogEntry* FindKind(int kind);
const CatalogEntry* FindKind(std::string_view name);

// Makes a detector. INVALID_ARGUMENT if the kind is not set or an option is out of range.
absl::StatusOr<Detector> MakeDetector(const v1::DetectorSpec& spec);

}  // namespace faultline

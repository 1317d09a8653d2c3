#pragma once

#include <absl/status/statusor.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace faultline {

// The published sequential detectors, as known from river and MOA: they take a signal's raw values
// one by one and report when its distribution has changed. They keep no alarm budget;
// docs/detectors.md lists the false alarms of each.

enum class SequenceReport : uint8_t { kNone, kWarning, kChange };

// The outcome of one call of Take.
struct SequenceStep {
  size_t taken = 0;                               // number of values taken
  SequenceReport report = SequenceReport::kNone;  // raised by the last of them
  // Of a change: how many values ago, the last one included, the new distribution is estimated to
  // have begun. 0: this detector gives no estimate.
  uint64_t ago = 0;
};

// A stateless object made once from its options; the state of a stream is flat bytes that the
// caller keeps.
//
// Limitations:  NaN and infinite values are skipped, magnitudes above 1e100 are clipped; detectors
//               of errors skip everything but 0 (right) and 1 (wrong).
class SequenceDetector {
 public:
  virtual ~SequenceDetector() = default;
  // Bytes of one stream's state, constant for the object's life. Aligned as a double.
  virtual size_t state_bytes() const = 0;
  // Writes the state of a stream without values.
  virtual void Start(std::span<std::byte> state) const = 0;
  // Takes values in order, up to the first one with which a change is found or a warning begins;
  // call again with the rest. How values are divided into calls makes no difference. State that no
  // Start or Take with these options wrote is treated as a fresh start.
  virtual SequenceStep Take(std::span<const double> values, std::span<std::byte> state) const = 0;
};

struct SequenceOption {
  std::string_view name;
  double fallback;  // as in river, where river has it
  double least;
  double most;
  bool whole = false;  // whole numbers only
};

enum class SequenceInput : uint8_t { kNumbers, kErrors };

// One line per kind.
struct SequenceKind {
  std::string_view name;
  SequenceInput input;
  uint32_t version;  // of its state
  std::span<const SequenceOption> options;
  // One value per option, all in range; `tag` is for the state. nullptr if the options contradict
  // each other.
  std::shared_ptr<const SequenceDetector> (*make)(std::span<const double> options, uint64_t tag);
};

// The table.
std::span<const SequenceKind> SequenceKinds();

// nullptr if there is no such kind.
const SequenceKind* FindSequenceKind(std::string_view name);

// Makes a detector; options not set have their fallback. INVALID_ARGUMENT names the kind, the
// option and its range.
using SequenceSetting = std::pair<std::string_view, double>;
absl::StatusOr<std::shared_ptr<const SequenceDetector>> MakeSequence(
    std::string_view kind, std::span<const SequenceSetting> settings = {});

}  // namespace faultline

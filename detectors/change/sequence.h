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

// The published sequential detectors, as people know them from river and MOA: they take a
// signal's raw values one after the other and say when its law has changed. They keep no alarm
// budget: what each costs in false alarms is in docs/detectors.md.

enum class SequenceMark : uint8_t { kNone, kWarning, kChange };

// What one call of Take came to.
struct SequenceStep {
  size_t taken = 0;                         // values taken
  SequenceMark mark = SequenceMark::kNone;  // what the last of them led to
  // Of a change: how many values ago, the last one included, the new law is taken to have begun. 0:
  // this detector does not say.
  uint64_t ago = 0;
};

// A stateless object made once from its options; what must be remembered of a stream is flat bytes
// that the caller keeps.
//
// Limitations:  NaN and infinite values are passed over, larger ones than 1e100 are cut to it;
//               those that take errors pass over everything but 0 (right) and 1 (wrong).
class SequenceDetector {
 public:
  virtual ~SequenceDetector() = default;
  // Bytes of one stream's state, constant for the object's life. Aligned as a double.
  virtual size_t state_bytes() const = 0;
  // Writes the state of a stream that has shown nothing yet.
  virtual void Start(std::span<std::byte> state) const = 0;
  // Takes values in order, up to the first one with which a change is found or a warning begins;
  // call again with the rest. Where the values are cut into calls makes no difference. State that
  // no Start or Take of these options wrote is treated as a fresh start.
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
  // One value per option, all in range; `tag` is to name the state. nullptr if they contradict each
  // other.
  std::shared_ptr<const SequenceDetector> (*make)(std::span<const double> options, uint64_t tag);
};

// The table.
std::span<const SequenceKind> SequenceKinds();

// nullptr if there is no such kind.
const SequenceKind* FindSequenceKind(std::string_view name);

// Makes a detector; options that are not named have their fallback. INVALID_ARGUMENT naming the
// kind, the option and its range.
using SequenceSetting = std::pair<std::string_view, double>;
absl::StatusOr<std::shared_ptr<const SequenceDetector>> MakeSequence(
    std::string_view kind, std::span<const SequenceSetting> settings = {});

}  // namespace faultline

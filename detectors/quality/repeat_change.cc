// Detects rows whose whole content occurred before, among the last few thousand rows: duplicates,
// retries, replayed traffic. Blind to a replay of older rows, and not for rows that repeat
// normally. A row is remembered by 16 bits of its hash in one of 2048 sets of four: about one new
// row in ten thousand counts as a repeat, in the reference as well.
#include <absl/strings/str_cat.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>

#include "detectors/kinds.h"
#include "detectors/quality/share_change.h"
#include "faultline/v1/detector.pb.h"

namespace faultline {
namespace {

constexpr ShareChange::Kind kKind = {"repeat_change", 0x7265'0001, "repeated rows", false};
constexpr std::string_view kSignal = "row_repeats";
constexpr uint32_t kRowsMin = 64;
constexpr uint32_t kRowsMax = 4'096;
constexpr uint32_t kBlockRows = 64;
constexpr double kNatural = 0.9;

struct Fitted {
  uint32_t tag;
  uint32_t rows;  // to look back
};
constexpr uint32_t kTag = 0x7272'6502;

// Stamps are row numbers: at most kRowsMax + kSets old, so 16 bits suffice.
struct Slot {
  uint16_t print = 0;  // 0: free
  uint16_t stamp = 0;
};
constexpr uint32_t kSets = 2'048;
constexpr uint32_t kSlots = 4;
struct Memory {
  uint64_t rows = 0;  // seen
  uint64_t tag = 0;
  std::array<std::array<Slot, kSlots>, kSets> sets{};
};

uint16_t Age(uint16_t now, const Slot& slot) { return static_cast<uint16_t>(now - slot.stamp); }

// Whether the row occurred before; remembers it.
bool TakeRow(uint64_t hash, uint32_t most_age, Memory* memory) {
  const auto now = static_cast<uint16_t>(memory->rows);
  for (Slot& slot : memory->sets[memory->rows % kSets]) {
    if (Age(now, slot) > most_age) slot.print = 0;
  }
  ++memory->rows;
  const auto print = static_cast<uint16_t>(std::max<uint64_t>(hash >> 48, 1));
  auto& set = memory->sets[hash % kSets];
  const auto age = [&](const Slot& slot) -> uint32_t {
    return slot.print == 0 || Age(now, slot) > most_age ? UINT32_MAX : Age(now, slot);
  };
  Slot* leaves = set.data();
  for (Slot& slot : set) {
    if (slot.print == print && age(slot) != UINT32_MAX) {
      slot.stamp = now;
      return true;
    }
    if (age(slot) > age(*leaves)) leaves = &slot;
  }
  *leaves = {print, now};
  return false;
}

uint64_t Mix(uint64_t hash, uint64_t key) {
  hash = (hash ^ key) * 0x9e37'79b9'7f4a'7c15;
  return hash ^ (hash >> 32);
}

class RowRepeats final : public Transform {
 public:
  explicit RowRepeats(uint32_t rows)
      : Transform({.name = kKind.name,
                   .owned = true,
                   .options = absl::StrCat("rows ", rows),
                   .memory_bytes = sizeof(Memory)}),
        rows_(rows) {}

  bool Takes(const ColumnOffer& column) const override {
    return column.chosen && column.values != ColumnValues::kVectors;
  }
  bool Makes(std::string_view signal) const override { return signal == kSignal; }

  absl::Status Fit(std::span<const RowColumn> columns, uint32_t rows,
                   std::vector<MadeSignal>* signals) const override {
    if (columns.empty()) {
      return absl::FailedPreconditionError("repeat_change needs at least one column");
    }
    if (rows < 2 * kRowsMin) {
      return absl::FailedPreconditionError(
          absl::StrCat("repeat_change needs ", 2 * kRowsMin - rows, " more reference rows"));
    }
    MadeSignal& made = signals->emplace_back();
    made.name = kSignal;
    for (uint32_t k = 0; k < columns.size(); ++k) made.columns.push_back(k);
    const Fitted fitted = {kTag, std::min(rows_, rows / 2)};
    made.fitted.assign(reinterpret_cast<const char*>(&fitted), sizeof fitted);
    return absl::OkStatus();
  }

  void Derive(std::string_view fitted, std::span<const RowColumn> columns, RowRange range,
              std::span<std::byte> memory, std::span<double> values) const override {
    Fitted from{};
    if (fitted.size() == sizeof from) std::memcpy(&from, fitted.data(), sizeof from);
    if (from.tag != kTag || memory.size() != sizeof(Memory)) {
      std::fill(values.begin() + range.begin, values.begin() + range.end, kUnset);
      return;
    }
    auto* seen = reinterpret_cast<Memory*>(memory.data());
    if (seen->tag != kTag) *seen = Memory();
    seen->tag = kTag;
    for (uint32_t begin = range.begin; begin < range.end; begin += kBlockRows) {
      const uint32_t rows = std::min(kBlockRows, range.end - begin);
      std::array<uint64_t, kBlockRows> hashes{};
      std::array<uint64_t, kBlockRows> any{};
      for (const RowColumn& column : columns) {
        for (uint32_t i = 0; i < rows; ++i) {
          const uint64_t key = column.Key(begin + i);
          hashes[i] = Mix(hashes[i], key);
          any[i] |= key;
        }
      }
      for (uint32_t i = 0; i < rows; ++i) {
        values[begin + i] = kUnset;
        if (any[i] == 0) continue;  // an empty row
        const bool warm = seen->rows >= from.rows;
        const bool came = TakeRow(Mix(hashes[i], columns.size()), from.rows, seen);
        if (warm) values[begin + i] = came ? 1 : 0;
      }
    }
  }

 private:
  uint32_t rows_;
};

class RepeatChange final : public ShareChange {
 public:
  explicit RepeatChange(double tolerance) : ShareChange(kKind, tolerance) {}
  bool Judges(SignalType type) const override { return type == SignalType::kNumeric; }

 protected:
  Share ShareOf(const FollowInput& input) const override { return ShareOfOnes(input); }
  std::string WhyInapplicable(const FollowInput& input) const override {
    return input.reference.mean() < kNatural ? "" : "most reference rows are repeats too";
  }
};

}  // namespace

absl::StatusOr<Detector> MakeRepeatChange(const v1::DetectorSpec& spec) {
  const v1::RepeatChangeOptions& options = spec.repeat_change();
  const auto tolerance = ReadShareTolerance(kKind.name, options);
  if (!tolerance.ok()) return tolerance.status();
  const uint32_t rows = options.has_rows() ? options.rows() : kRowsMax;
  if (rows < kRowsMin || rows > kRowsMax) return OptionError(kKind.name, "rows", "64 to 4096");
  return Detector{.name = kKind.name,
                  .follow = std::make_shared<RepeatChange>(*tolerance),
                  .transform = std::make_shared<RowRepeats>(rows)};
}

}  // namespace faultline

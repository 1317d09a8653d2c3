// Detects rows that violate "one column determines another": a broken join, a code table changed on
// one side. The map is learnt from the first half of the reference rows and the usual share of
// violations from the second, so a dependency that never held is recognised as such. Blind to
// values of the determining column outside the 4096 most frequent ones of the first half.
#include <absl/strings/str_cat.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "detectors/kinds.h"
#include "detectors/quality/share_change.h"
#include "faultline/v1/detector.pb.h"

namespace faultline {
namespace {

constexpr ShareChange::Kind kKind = {"dependency_change", 0x6465'0001,
                                     "rows that violate the dependency", false};
constexpr size_t kEntriesMax = 4'096;
constexpr uint32_t kRowsMin = 40;
constexpr size_t kNameMax = 61;  // two of them and " -> " make a signal's name

// The fitted bytes: a header, then slots; their number is a power of two, at most half are used.
struct Header {
  uint32_t tag;
  uint32_t slots;
};
constexpr uint32_t kTag = 0x7264'6501;
struct Slot {
  uint64_t from;  // 0: free
  uint64_t to;
};

// For each value of `from`, the value of `to` in most of its rows.
std::vector<Slot> LearnMap(const RowColumn& from, const RowColumn& to, uint32_t rows) {
  std::map<uint64_t, std::map<uint64_t, uint32_t>> counts;
  for (uint32_t row = 0; row < rows; ++row) {
    const uint64_t a = from.Key(row);
    const uint64_t b = to.Key(row);
    if (a != 0 && b != 0) ++counts[a][b];
  }
  std::vector<std::pair<uint32_t, Slot>> ranked;
  for (const auto& [a, values] : counts) {
    uint32_t total = 0;
    std::pair<uint32_t, uint64_t> best;
    for (const auto& [b, count] : values) {
      total += count;
      if (count > best.first) best = {count, b};
    }
    ranked.push_back({total, {a, best.second}});
  }
  std::stable_sort(ranked.begin(), ranked.end(),
                   [](const auto& a, const auto& b) { return a.first > b.first; });
  ranked.resize(std::min(ranked.size(), kEntriesMax));
  std::vector<Slot> entries;
  entries.reserve(ranked.size());
  for (const auto& entry : ranked) entries.push_back(entry.second);
  return entries;
}

std::string Encode(const std::vector<Slot>& entries) {
  Header header = {kTag, 16};
  while (header.slots < 2 * entries.size()) header.slots *= 2;
  std::vector<Slot> slots(header.slots);
  for (const Slot& entry : entries) {
    size_t at = entry.from % header.slots;
    while (slots[at].from != 0) at = (at + 1) % header.slots;
    slots[at] = entry;
  }
  std::string bytes(sizeof header + slots.size() * sizeof(Slot), '\0');
  std::memcpy(bytes.data(), &header, sizeof header);
  std::memcpy(bytes.data() + sizeof header, slots.data(), slots.size() * sizeof(Slot));
  return bytes;
}

// The value that `from` determines; 0 if unknown.
uint64_t Find(std::string_view fitted, uint32_t slots, uint64_t from) {
  for (uint32_t i = 0, at = static_cast<uint32_t>(from % slots); i < slots; ++i) {
    Slot slot;
    std::memcpy(&slot, fitted.data() + sizeof(Header) + at * sizeof slot, sizeof slot);
    if (slot.from == from) return slot.to;
    if (slot.from == 0) return 0;
    at = at + 1 == slots ? 0 : at + 1;
  }
  return 0;
}

class RowDependency final : public Transform {
 public:
  RowDependency(std::string from, std::string to)
      : Transform({.name = kKind.name, .owned = true, .options = absl::StrCat(from, " -> ", to)}),
        from_(std::move(from)),
        to_(std::move(to)) {}

  bool Takes(const ColumnOffer& column) const override {
    return column.values != ColumnValues::kVectors &&
           (column.signal == from_ || column.signal == to_);
  }
  bool Makes(std::string_view signal) const override { return signal == facts().options; }

  absl::Status Fit(std::span<const RowColumn> columns, uint32_t rows,
                   std::vector<MadeSignal>* signals) const override {
    if (columns.size() != 2) {
      return absl::FailedPreconditionError(
          absl::StrCat("dependency_change: ", from_, " and ", to_,
                       " must be columns with the same reference rows"));
    }
    if (rows < kRowsMin) {
      return absl::FailedPreconditionError(
          absl::StrCat("dependency_change needs ", kRowsMin - rows, " more reference rows"));
    }
    const uint32_t from = columns[0].signal == from_ ? 0 : 1;
    MadeSignal& made = signals->emplace_back();
    made.name = facts().options;
    made.columns = {from, 1 - from};
    made.used_rows = rows / 2;
    made.fitted = Encode(LearnMap(columns[from], columns[1 - from], made.used_rows));
    return absl::OkStatus();
  }

  void Derive(std::string_view fitted, std::span<const RowColumn> columns, RowRange range,
              std::span<std::byte> /*memory*/, std::span<double> values) const override {
    Header header{};
    if (fitted.size() >= sizeof header) std::memcpy(&header, fitted.data(), sizeof header);
    const bool ours = header.tag == kTag && header.slots > 0 && columns.size() == 2 &&
                      fitted.size() == sizeof header + header.slots * sizeof(Slot);
    for (uint32_t row = range.begin; row < range.end; ++row) {
      values[row] = kUnset;
      const uint64_t from = ours ? columns[0].Key(row) : 0;
      const uint64_t to = from == 0 ? 0 : columns[1].Key(row);
      const uint64_t expected = to == 0 ? 0 : Find(fitted, header.slots, from);
      if (expected != 0) values[row] = to == expected ? 0 : 1;
    }
  }

 private:
  std::string from_;
  std::string to_;
};

class DependencyChange final : public ShareChange {
 public:
  explicit DependencyChange(double tolerance) : ShareChange(kKind, tolerance) {}
  bool Judges(SignalType type) const override { return type == SignalType::kNumeric; }

 protected:
  Share ShareOf(const FollowInput& input) const override { return ShareOfOnes(input); }
};

}  // namespace

absl::StatusOr<Detector> MakeDependencyChange(const v1::DetectorSpec& spec) {
  const v1::DependencyChangeOptions& options = spec.dependency_change();
  const auto tolerance = ReadShareTolerance(kKind.name, options);
  if (!tolerance.ok()) return tolerance.status();
  const auto named = [](const std::string& name) {
    return !name.empty() && name.size() <= kNameMax;
  };
  if (!named(options.from())) {
    return OptionError(kKind.name, "from", "a column name of at most 61 bytes");
  }
  if (!named(options.to()) || options.to() == options.from()) {
    return OptionError(kKind.name, "to", "the name of another column, at most 61 bytes");
  }
  return Detector{.name = kKind.name,
                  .follow = std::make_shared<DependencyChange>(*tolerance),
                  .transform = std::make_shared<RowDependency>(options.from(), options.to())};
}

}  // namespace faultline

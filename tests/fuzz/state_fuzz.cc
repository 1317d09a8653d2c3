// All that a store holds, as a start of the daemon restores it: keys and values in turn. What is
// taken goes on: rows, time, people's commands, and another restart.
#include <algorithm>

#include "base/check.h"
#include "storage/tables/keys.h"
#include "storage/tables/records.h"
#include "tests/fuzz/batches.h"
#include "tests/fuzz/core_state.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/mutate.h"

namespace faultline::fuzz {
namespace {

// The first byte chooses the settings; then key, value, key, value.
bool InTime(std::string_view bytes) { return !bytes.empty() && (bytes.front() & 1) != 0; }

Stored StoredOf(std::string_view bytes) {
  const std::vector<std::string> parts = Split(bytes.substr(1));
  Stored stored;
  for (size_t i = 0; i + 1 < parts.size(); i += 2) stored[parts[i]] = parts[i + 1];
  return stored;
}

std::string BytesOf(char first, const Stored& stored) {
  std::vector<std::string> parts;
  for (const auto& [key, value] : stored) {
    parts.push_back(key);
    parts.push_back(value);
  }
  return first + Join(parts);
}

void GoOn(CoreState* core) {
  core->Tick(kNow + 500 * kSecond);
  // With ids of their own, behind everything that a seed holds.
  for (int i = 0; i < 4; ++i) {
    core->Apply(DecodedBatch(static_cast<uint64_t>(90 + i), 12, kNow + (600 + i * 12) * kSecond,
                             i % 2 == 1));
  }
  core->Run(RelearnReference{"credit", "1"}, kNow + 700 * kSecond);
  core->Run(RollbackReference{"credit", "1", "back"}, kNow + 700 * kSecond);
  core->Run(PromoteReference{"credit", "1", "on"}, kNow + 701 * kSecond);
  core->Apply(DecodedBatch(99, 12, kNow + 720 * kSecond, false));
  core->Tick(kNow + 900 * kSecond);
  core->TakeCheckpoint();
}

void CheckRestarts(const CoreState& core, bool in_time) {
  CoreState again(BusySettings(in_time));
  const absl::Status restored = again.Restore(core.stored());
  if (!restored.ok()) CheckFailed(__FILE__, __LINE__, "restored", restored.ToString().c_str());
  again.TakeCheckpoint();
  FAULTLINE_CHECK(again.stored() == core.stored(), "a restart changes no byte");
}

Stored SeedOf(bool in_time, int batches) {
  CoreState core(BusySettings(in_time));
  core.Produce({.producer_id = "p", .epoch = 1, .sequence = 1});
  for (int i = 0; i < batches; ++i) {
    core.Apply(DecodedBatch(static_cast<uint64_t>(i), 10, kNow + i * 10 * kSecond, i > 8));
    core.Tick(kNow + i * 10 * kSecond);
    core.TakeCheckpoint();
  }
  if (batches > 10) {
    core.Run(CommentIncident{1, "looking"}, kNow + 200 * kSecond);
    core.Run(SilenceModel{"credit", kNow + 300 * kSecond, "quiet"}, kNow + 200 * kSecond);
    core.TakeCheckpoint();
  }
  return core.stored();
}

}  // namespace

void Run(std::string_view bytes) {
  if (bytes.empty()) return;
  CoreState core(BusySettings(InTime(bytes)));
  if (!core.Restore(StoredOf(bytes)).ok()) return;
  GoOn(&core);
  CheckRestarts(core, InTime(bytes));
}

void Mutate(Random* dice, size_t bytes_max, std::string* bytes) {
  if (bytes->empty()) return MutateRaw(dice, bytes_max, bytes);
  Stored stored = StoredOf(*bytes);
  if (stored.empty() || dice->Below(64) == 0) return MutateRaw(dice, bytes_max, bytes);
  auto record = stored.begin();
  std::advance(record, static_cast<ptrdiff_t>(dice->Below(stored.size())));
  std::string key = record->first;
  switch (dice->Below(12)) {
    case 0:
      stored.erase(record);
      break;
    case 1:
      MutateRaw(dice, key.size() + 8, &key);
      stored[key] = record->second;
      break;
    case 2: {
      auto other = stored.begin();
      std::advance(other, static_cast<ptrdiff_t>(dice->Below(stored.size())));
      record->second = other->second;
      break;
    }
    default:
      MutateSealed(
          dice, bytes_max,
          [&](char kind, std::string* payload) {
            v1::Incident incident;
            if (kind == static_cast<char>(Table::kIncident)) {
              return MutateSerialized(dice, bytes_max, &incident, payload);
            }
            MutateRaw(dice, bytes_max, payload);
          },
          &record->second);
  }
  std::string mutated = BytesOf(bytes->front(), stored);
  if (mutated.size() <= bytes_max) *bytes = std::move(mutated);
}

std::vector<std::string> Seeds() {
  std::vector<std::string> seeds;
  for (const bool in_time : {false, true}) {
    for (const int batches : {1, 3, 6, 12}) {
      seeds.push_back(BytesOf(in_time ? 1 : 0, SeedOf(in_time, batches)));
    }
  }
  return seeds;
}

}  // namespace faultline::fuzz

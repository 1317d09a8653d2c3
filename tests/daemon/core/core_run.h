#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "daemon/core/shard/shard.h"

namespace faultline::testing {

inline constexpr int64_t kSecond = 1'000'000'000;
// 2026-09-21 14:13:20 UTC.
inline constexpr int64_t kStart = 1'790'000'000 * kSecond;

// Settings from a Config in text format; one shard unless it says otherwise.
std::shared_ptr<const Settings> MakeSettings(const std::string& text);

// Numbers that look random, always the same for a seed.
class Numbers {
 public:
  explicit Numbers(uint64_t seed) : state_(seed) {}
  uint64_t Next(uint64_t below);
  double Uniform();  // [0, 1)
  double Normal();   // about standard normal: the sum of twelve uniform ones

 private:
  uint64_t state_;
};

// A batch of rows that are a second apart, for model "credit" version "1" unless said otherwise.
class BatchMaker {
 public:
  explicit BatchMaker(uint32_t rows, int64_t first_ns = kStart, int64_t step_ns = kSecond);
  BatchMaker& Model(const std::string& name, const std::string& version = "1");
  BatchMaker& Number(const std::string& name, std::vector<double> values);
  BatchMaker& String(const std::string& name, const std::vector<std::string>& values);
  BatchMaker& Vector(const std::string& name, std::vector<float> values, uint32_t dimension);
  // Of the column added last.
  BatchMaker& Role(v1::ColumnRole role);
  BatchMaker& Missing(const std::vector<uint32_t>& rows);
  BatchMaker& Times(std::vector<int64_t> times_ns);
  BatchMaker& Refused(const std::vector<uint32_t>& rows);
  BatchMaker& ReceivedAt(int64_t now_ns);
  // The rows [begin, end) of it.
  std::unique_ptr<EventBatch> Rows(uint32_t begin, uint32_t end) const;
  std::unique_ptr<EventBatch> Make() const { return Rows(0, batch_.rows); }

 private:
  EventBatch batch_;
};

// A shard and what a store would hold of it: TakeCheckpoint moves its effects there, Restart makes
// a new shard from it. Failures are test failures.
class CoreRun {
 public:
  explicit CoreRun(std::shared_ptr<const Settings> settings);

  BatchResult Apply(std::unique_ptr<EventBatch> batch);
  CommandResult Run(CommandAction action, int64_t now_ns = kStart,
                    const Principal& by = Principal::Person("ada"));
  void Tick(int64_t now_ns) { shard_->Tick(now_ns, &effects_); }
  void Resume() { shard_->Resume(); }
  void TakeCheckpoint();
  // Takes a checkpoint first, as a graceful stop does: state since the last one would be lost.
  void Restart();
  // The same with other settings.
  void Restart(std::shared_ptr<const Settings> settings);
  // Restores from other bytes: the first error, or OK.
  absl::Status TryRestore(const std::map<std::string, std::string>& stored) const;

  Shard& shard() { return *shard_; }
  // Keys and values, without incidents.
  const std::map<std::string, std::string>& stored() const { return stored_; }
  const std::map<uint64_t, v1::Incident>& incidents() const { return incidents_; }
  // As published by the last checkpoint; null if the model is gone or was never there.
  std::shared_ptr<const ModelSnapshot> Snapshot(const std::string& name = "credit",
                                                const std::string& version = "1") const;
  // A signal by name; fails if it does not exist.
  SignalReading Signal(const std::string& name, const std::string& model = "credit",
                       const std::string& version = "1") const;
  const std::vector<Note>& notes() const { return notes_; }
  // Without their incidents.
  const std::vector<IncidentChange>& changes() const { return changes_; }
  size_t recorded() const { return recorded_; }

 private:
  std::shared_ptr<const Settings> settings_;
  std::unique_ptr<Shard> shard_;
  Effects effects_;
  std::map<std::string, std::string> stored_;
  std::map<uint64_t, v1::Incident> incidents_;
  std::map<std::pair<std::string, std::string>, std::shared_ptr<const ModelSnapshot>> snapshots_;
  std::vector<Note> notes_;
  std::vector<IncidentChange> changes_;
  size_t recorded_ = 0;
};

// Restores `shard` from what a store holds: the order of tables is that of their letters, models
// first.
absl::Status RestoreFrom(const std::map<std::string, std::string>& stored,
                         const std::map<uint64_t, v1::Incident>& incidents, Shard* shard);

// How many keys of a table there are.
size_t CountKeys(const std::map<std::string, std::string>& stored, char table);

}  // namespace faultline::testing

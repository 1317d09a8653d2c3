#include "tests/daemon/core/core_run.h"

#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <utility>

#include "storage/tables/envelope.h"
#include "storage/tables/keys.h"
#include "storage/tables/records.h"

namespace faultline::testing {

std::shared_ptr<const Settings> MakeSettings(const std::string& text) {
  v1::Config config;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &config)) << text;
  const auto settings = Settings::Make(config, 1);
  EXPECT_TRUE(settings.ok()) << settings.status();
  return settings.ok() ? *settings : nullptr;
}

uint64_t Numbers::Next(uint64_t below) {
  state_ = state_ * 6'364'136'223'846'793'005ull + 1'442'695'040'888'963'407ull;
  return (state_ >> 33) % below;
}

double Numbers::Uniform() { return static_cast<double>(Next(1u << 30)) / (1u << 30); }

double Numbers::Normal() {
  double sum = -6;
  for (int i = 0; i < 12; ++i) sum += Uniform();
  return sum;
}

BatchMaker::BatchMaker(uint32_t rows, int64_t first_ns, int64_t step_ns) {
  Model("credit");
  batch_.rows = rows;
  for (uint32_t row = 0; row < rows; ++row) batch_.times_ns.push_back(first_ns + row * step_ns);
  batch_.received_ns = rows == 0 ? first_ns : batch_.times_ns.back();
}

BatchMaker& BatchMaker::Model(const std::string& name, const std::string& version) {
  batch_.model = name;
  batch_.version = version;
  return *this;
}

BatchMaker& BatchMaker::Number(const std::string& name, std::vector<double> values) {
  EXPECT_EQ(values.size(), batch_.rows);
  Column& column = batch_.columns.emplace_back();
  column.name = name;
  column.numbers = std::move(values);
  return *this;
}

BatchMaker& BatchMaker::String(const std::string& name, const std::vector<std::string>& values) {
  EXPECT_EQ(values.size(), batch_.rows);
  Column& column = batch_.columns.emplace_back();
  column.name = name;
  column.type = ColumnType::kString;
  std::map<std::string, uint32_t> codes;
  for (const std::string& value : values) {
    const auto [entry, is_new] = codes.emplace(value, static_cast<uint32_t>(codes.size()));
    if (is_new) column.dictionary.push_back(value);
    column.codes.push_back(entry->second);
  }
  return *this;
}

BatchMaker& BatchMaker::Vector(const std::string& name, std::vector<float> values,
                               uint32_t dimension) {
  EXPECT_EQ(values.size(), static_cast<size_t>(batch_.rows) * dimension);
  Column& column = batch_.columns.emplace_back();
  column.name = name;
  column.type = ColumnType::kEmbedding;
  column.embedding = std::move(values);
  column.dimension = dimension;
  return *this;
}

BatchMaker& BatchMaker::Role(v1::ColumnRole role) {
  batch_.columns.back().role = role;
  return *this;
}

BatchMaker& BatchMaker::Missing(const std::vector<uint32_t>& rows) {
  std::vector<uint64_t>& nulls = batch_.columns.back().nulls;
  nulls.resize((batch_.rows + 63) / 64);
  for (const uint32_t row : rows) nulls[row / 64] |= uint64_t{1} << (row % 64);
  return *this;
}

BatchMaker& BatchMaker::Times(std::vector<int64_t> times_ns) {
  EXPECT_EQ(times_ns.size(), batch_.rows);
  batch_.times_ns = std::move(times_ns);
  return *this;
}

BatchMaker& BatchMaker::Refused(const std::vector<uint32_t>& rows) {
  batch_.refused.resize((batch_.rows + 63) / 64);
  for (const uint32_t row : rows) batch_.refused[row / 64] |= uint64_t{1} << (row % 64);
  batch_.refused_rows = rows.size();
  return *this;
}

BatchMaker& BatchMaker::ReceivedAt(int64_t now_ns) {
  batch_.received_ns = now_ns;
  return *this;
}

std::unique_ptr<EventBatch> BatchMaker::Rows(uint32_t begin, uint32_t end) const {
  auto part = std::make_unique<EventBatch>();
  part->model = batch_.model;
  part->version = batch_.version;
  part->rows = end - begin;
  part->received_ns = batch_.received_ns;
  part->times_ns.assign(batch_.times_ns.begin() + begin, batch_.times_ns.begin() + end);
  const auto bits = [&](const std::vector<uint64_t>& from) {
    std::vector<uint64_t> to(from.empty() ? 0 : (part->rows + 63) / 64);
    for (uint32_t row = begin; row < end && !from.empty(); ++row) {
      if ((from[row / 64] >> (row % 64) & 1) == 0) continue;
      to[(row - begin) / 64] |= uint64_t{1} << ((row - begin) % 64);
    }
    return to;
  };
  part->refused = bits(batch_.refused);
  for (uint32_t row = 0; row < part->rows; ++row) part->refused_rows += part->IsRefused(row);
  for (const Column& whole : batch_.columns) {
    Column& column = part->columns.emplace_back();
    column.name = whole.name;
    column.role = whole.role;
    column.type = whole.type;
    column.dictionary = whole.dictionary;
    column.dimension = whole.dimension;
    column.nulls = bits(whole.nulls);
    const auto slice = [&](const auto& from, auto* to, size_t width) {
      if (from.empty()) return;
      to->assign(from.begin() + static_cast<ptrdiff_t>(begin * width),
                 from.begin() + static_cast<ptrdiff_t>(end * width));
    };
    slice(whole.numbers, &column.numbers, 1);
    slice(whole.codes, &column.codes, 1);
    slice(whole.embedding, &column.embedding, whole.dimension);
  }
  return part;
}

CoreRun::CoreRun(std::shared_ptr<const Settings> settings)
    : settings_(std::move(settings)), shard_(std::make_unique<Shard>(settings_)) {}

BatchResult CoreRun::Apply(std::unique_ptr<EventBatch> batch) {
  const std::shared_ptr<const EventBatch> shared = std::move(batch);
  BatchResult result;
  shard_->Apply(shared, &result, &effects_);
  EXPECT_EQ(result.applied_rows + result.late_rows + result.rejected_rows, shared->rows);
  uint64_t by_reason = 0;
  for (const uint64_t rows : result.rejected_by_reason) by_reason += rows;
  EXPECT_EQ(by_reason, result.rejected_rows);
  return result;
}

CommandResult CoreRun::Run(CommandAction action, int64_t now_ns, const Principal& by) {
  if (const auto* apply = std::get_if<ApplySettings>(&action)) settings_ = apply->settings;
  CommandResult result;
  shard_->Apply(Command{now_ns, by, std::move(action)}, &result, &effects_);
  return result;
}

void CoreRun::TakeCheckpoint() {
  shard_->TakeCheckpoint(&effects_);
  for (StateWrite& write : effects_.writes) {
    if (write.value.has_value()) {
      stored_[write.key] = *std::move(write.value);
    } else {
      stored_.erase(write.key);
    }
  }
  for (IncidentChange& change : effects_.incidents) {
    if (change.removed) {
      incidents_.erase(change.id);
    } else {
      incidents_[change.id] = std::move(change.incident);
    }
    change.incident.Clear();
    changes_.push_back(std::move(change));
  }
  for (Effects::Publication& publication : effects_.publications) {
    snapshots_[{publication.name, publication.version}] = publication.snapshot;
  }
  notes_.insert(notes_.end(), effects_.notes.begin(), effects_.notes.end());
  recorded_ += effects_.recorded.size();
  effects_ = Effects();
}

void CoreRun::Restart() { Restart(settings_); }

void CoreRun::Restart(std::shared_ptr<const Settings> settings) {
  TakeCheckpoint();
  settings_ = std::move(settings);
  shard_ = std::make_unique<Shard>(settings_);
  const absl::Status status = RestoreFrom(stored_, incidents_, shard_.get());
  ASSERT_TRUE(status.ok()) << status;
}

absl::Status CoreRun::TryRestore(const std::map<std::string, std::string>& stored) const {
  Shard fresh(settings_);
  return RestoreFrom(stored, incidents_, &fresh);
}

std::shared_ptr<const ModelSnapshot> CoreRun::Snapshot(const std::string& name,
                                                       const std::string& version) const {
  const auto found = snapshots_.find({name, version});
  return found == snapshots_.end() ? nullptr : found->second;
}

SignalReading CoreRun::Signal(const std::string& name, const std::string& model,
                              const std::string& version) const {
  const auto snapshot = Snapshot(model, version);
  if (snapshot != nullptr) {
    for (const SignalReading& signal : snapshot->signals->signals) {
      if (signal.name == name) return signal;
    }
  }
  ADD_FAILURE() << "no signal " << name << " of " << model << " " << version;
  return {};
}

absl::Status RestoreFrom(const std::map<std::string, std::string>& stored,
                         const std::map<uint64_t, v1::Incident>& incidents, Shard* shard) {
  absl::Status status;
  for (const bool models : {true, false}) {
    for (const auto& [key, value] : stored) {
      if (((*ParseKey(key)).table == Table::kModel) != models) continue;
      status.Update(shard->Restore(key, value));
    }
  }
  for (const auto& [id, incident] : incidents) {
    status.Update(shard->Restore(IncidentKey(id),
                                 SealRecord(Table::kIncident, incident.SerializeAsString())));
  }
  status.Update(shard->FinishRestore());
  return status;
}

size_t CountKeys(const std::map<std::string, std::string>& stored, char table) {
  return static_cast<size_t>(std::count_if(stored.begin(), stored.end(), [&](const auto& entry) {
    return static_cast<char>((*ParseKey(entry.first)).table) == table;
  }));
}

}  // namespace faultline::testing

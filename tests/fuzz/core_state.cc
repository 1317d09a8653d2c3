#include "tests/fuzz/core_state.h"

#include <google/protobuf/text_format.h>

#include <utility>

#include "base/check.h"
#include "daemon/runtime/incident_records.h"
#include "storage/tables/keys.h"
#include "storage/tables/records.h"

namespace faultline::fuzz {
namespace {

constexpr char kBusy[] = R"(
    window_panes: 3 reference { learn_rows: 40 rolling_panes: 20 }
    columns { name: "*" record: "keep" }
    alert { fire_panes: 1 resolve_panes: 1 }
    alarm_budget { false_alarms: 1000 per: "1000 rows" }
    detectors { distribution_change {} } detectors { mean_change {} } detectors { scale_change {} }
    detectors { missing_change {} } detectors { invalid_change {} } detectors { unseen_change {} }
    detectors { range_change {} } detectors { stuck {} } detectors { unit_change {} }
    detectors { repeat_change {} } detectors { correlation_change { pairs_max: 2 } }
    detectors { row_score { threshold: 0.2 } }
    detectors { psi { threshold: 0.2 rows_min: 10 } }
    detectors { missing_rate { threshold: 0.2 rows_min: 10 } }
    detectors { page_hinkley { threshold: 50 } })";

}  // namespace

std::shared_ptr<const Settings> SettingsOf(const std::string& text) {
  v1::Config config;
  FAULTLINE_CHECK(google::protobuf::TextFormat::ParseFromString(text, &config), "ours are right");
  auto settings = Settings::Make(config, 1);
  if (!settings.ok())
    CheckFailed(__FILE__, __LINE__, "settings", settings.status().ToString().c_str());
  return *std::move(settings);
}

std::shared_ptr<const Settings> BusySettings(bool in_time) {
  const auto with = [](const char* pane) {
    return SettingsOf(std::string("defaults {") + pane + kBusy + "}");
  };
  static const auto by_time = with(R"(pane { length: "10s" } idle_close: "20s")");
  static const auto by_rows = with("pane { rows: 10 }");
  return in_time ? by_time : by_rows;
}

absl::Status CoreState::RestoreRecord(const std::string& key_bytes, const std::string& value) {
  const absl::StatusOr<Key> key = ParseKey(key_bytes);
  if (!key.ok()) return key.status();
  if (key->table == Table::kCommittedSequence) {
    return sequences_.Restore(key->producer_id, value, kNow);
  }
  if (key->table == Table::kGlobal && key->global == Global::kRowTotals) {
    return OpenRowTotals(value).status();
  }
  if (key->table == Table::kGlobal && key->global == Global::kChangeSequence) {
    const absl::StatusOr<uint64_t> sequence = OpenChangeSequence(value);
    if (sequence.ok()) change_sequence_ = *sequence;
    return sequence.status();
  }
  if (key->table == Table::kGlobal) return absl::OkStatus();  // of the store itself
  return shard_->Restore(key_bytes, value);
}

absl::Status CoreState::Restore(const Stored& stored) {
  stored_ = stored;
  for (const bool models : {true, false}) {
    for (const auto& [key, value] : stored) {
      const absl::StatusOr<Key> parsed = ParseKey(key);
      if ((parsed.ok() && parsed->table == Table::kModel) != models) continue;
      absl::Status status = RestoreRecord(key, value);
      if (!status.ok()) return status;
    }
  }
  return shard_->FinishRestore();
}

BatchResult CoreState::Apply(std::unique_ptr<EventBatch> batch) {
  const std::shared_ptr<const EventBatch> shared = std::move(batch);
  BatchResult result;
  shard_->Apply(shared, &result, &effects_);
  FAULTLINE_CHECK(result.duplicate_rows == 0, "the core knows no producers");
  FAULTLINE_CHECK(result.applied_rows + result.late_rows + result.rejected_rows == shared->rows,
                  "every row has one fate");
  uint64_t by_reason = 0;
  for (const uint64_t rows : result.rejected_by_reason) by_reason += rows;
  FAULTLINE_CHECK(by_reason == result.rejected_rows, "every refusal has a reason");
  FAULTLINE_CHECK(result.rejected_rows >= shared->refused_rows, "what was refused stays so");
  return result;
}

CommandResult CoreState::Run(CommandAction action, int64_t now_ns) {
  CommandResult result;
  shard_->Apply(Command{now_ns, Principal::Person("fuzz"), std::move(action)}, &result, &effects_);
  return result;
}

void CoreState::Produce(const BatchName& batch) {
  uint64_t expected = 0;
  FAULTLINE_CHECK(sequences_.Check(batch, kNow, &expected) == Admission::kAccepted,
                  "it is the next");
  sequences_.Admit(batch, kNow);
}

void CoreState::TakeCheckpoint() {
  shard_->TakeCheckpoint(&effects_);
  sequences_.TakeCheckpoint(&effects_.writes);
  sequences_.Committed();
  for (const IncidentChange& change : effects_.incidents) {
    for (StateWrite& write : IncidentWrites(change)) effects_.writes.push_back(std::move(write));
    ++change_sequence_;
    effects_.writes.push_back(
        {IncidentChangeKey(change_sequence_), SealIncidentChange(change_sequence_, change)});
  }
  for (StateWrite& write : effects_.writes) {
    if (write.value.has_value()) {
      stored_[write.key] = *std::move(write.value);
    } else {
      stored_.erase(write.key);
    }
  }
  effects_ = Effects();
}

}  // namespace faultline::fuzz

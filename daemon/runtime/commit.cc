#include "daemon/runtime/commit.h"

#include <iterator>
#include <string>

#include "base/check.h"
#include "daemon/log/log.h"
#include "daemon/runtime/incident_records.h"
#include "daemon/runtime/planted_bug.h"
#include "storage/tables/keys.h"

namespace faultline {
namespace {

// Changes that a watcher can resume over.
constexpr uint64_t kChangesKept = 10'000;

}  // namespace

void CommitComposer::Restore(const RowTotals& totals, uint64_t change_sequence,
                             uint64_t oldest_change) {
  totals_ = totals;
  change_sequence_ = change_sequence;
  oldest_change_ = oldest_change;
  for (size_t reason = 0; reason < core_rejected_.size(); ++reason) {
    const auto found =
        totals.rejected_by_reason.find(RejectReasonName(static_cast<v1::RejectReason>(reason)));
    if (found != totals.rejected_by_reason.end()) core_rejected_[reason] = found->second;
  }
}

void CommitComposer::Compose(Commit* commit) {
  for (ShardCheckpoint& shard : commit->shards) {
    commit->writes.insert(commit->writes.end(),
                          std::make_move_iterator(shard.effects.writes.begin()),
                          std::make_move_iterator(shard.effects.writes.end()));
    shard.effects.writes.clear();
    if (Planted(PlantedBug::kLosesAWrite) && commit->writes.size() > 8) commit->writes.pop_back();
    for (const Note& note : shard.effects.notes) {
      Log(LogLevel::kInfo, "state changed", {{"what", note.text}, {"by", NameOf(note.by)}});
    }
  }
  AddIncidents(commit);
  AddRows(commit);
  for (StateWrite& producer : commit->gate.producers) commit->writes.push_back(std::move(producer));
  for (const StateWrite& write : commit->writes) {
    commit->bytes += write.key.size() + (write.value.has_value() ? write.value->size() : 0);
  }
}

void CommitComposer::AddIncidents(Commit* commit) {
  const uint64_t before = change_sequence_;
  for (ShardCheckpoint& shard : commit->shards) {
    for (IncidentChange& change : shard.effects.incidents) {
      for (StateWrite& write : IncidentWrites(change)) commit->writes.push_back(std::move(write));
      ++change_sequence_;
      commit->writes.push_back(
          {IncidentChangeKey(change_sequence_), SealIncidentChange(change_sequence_, change)});
      commit->changes.emplace_back(change_sequence_, std::move(change));
    }
  }
  if (change_sequence_ == before) return;
  for (; oldest_change_ + kChangesKept <= change_sequence_; ++oldest_change_) {
    commit->writes.push_back({IncidentChangeKey(oldest_change_), std::nullopt});
  }
  commit->writes.push_back(
      {GlobalKey(Global::kChangeSequence), SealChangeSequence(change_sequence_)});
}

void CommitComposer::AddRows(Commit* commit) {
  const FrontRows& front = commit->gate.rows;
  RowTotals totals = totals_;
  for (const ShardCheckpoint& shard : commit->shards) {
    for (const ShardCheckpoint::Batch& batch : shard.batches) {
      const BatchResult& result = batch.result;
      FAULTLINE_CHECK(result.applied_rows + result.late_rows + result.rejected_rows == batch.rows,
                      "the core accounts for every row of a batch");
      totals.applied += result.applied_rows;
      if (!Planted(PlantedBug::kForgetsLateRows)) totals.late += result.late_rows;
      for (size_t reason = 0; reason < core_rejected_.size(); ++reason) {
        core_rejected_[reason] += result.rejected_by_reason[reason];
      }
    }
  }
  totals.received = front.received;
  totals.duplicate = front.duplicate;
  totals.shed = front.shed;
  totals.rejected = 0;
  totals.rejected_by_reason.clear();
  for (size_t reason = 0; reason < core_rejected_.size(); ++reason) {
    const uint64_t rows = front.rejected[reason] + core_rejected_[reason];
    totals.rejected += rows;
    if (rows > 0) {
      totals.rejected_by_reason[RejectReasonName(static_cast<v1::RejectReason>(reason))] = rows;
    }
  }
  if (SameRows(totals, totals_)) return;
  totals_ = totals;
  commit->writes.push_back({GlobalKey(Global::kRowTotals), SealRowTotals(totals_)});
}

}  // namespace faultline

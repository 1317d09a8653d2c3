#include "daemon/runtime/producer_sequences.h"

#include <absl/strings/str_cat.h>

#include <utility>

#include "base/check.h"
#include "base/codec.h"
#include "storage/tables/keys.h"
#include "storage/tables/records.h"

namespace faultline {

ProducerSequences::Sequences* ProducerSequences::FindOrAdd(const std::string& id, uint64_t epoch,
                                                           int64_t now_ns) {
  const auto found = producers_.find(id);
  if (found != producers_.end()) {
    Sequences& sequences = found->second;
    if (epoch > sequences.epoch) {
      sequences.epoch = epoch;
      sequences.admitted = sequences.checkpoint = sequences.committed = 0;
      SetDirty(found);
    }
    sequences.used_ns = now_ns;
    return &sequences;
  }
  if (producers_.size() >= producers_max_ && !MakeRoom(now_ns)) return nullptr;
  const auto added = producers_.try_emplace(id).first;
  SetDirty(added);
  added->second.epoch = epoch;
  added->second.used_ns = now_ns;
  return &added->second;
}

void ProducerSequences::SetDirty(Producers::iterator producer) {
  if (std::exchange(producer->second.dirty, true)) return;
  dirty_.push_back(producer);
}

bool ProducerSequences::MakeRoom(int64_t now_ns) {
  auto idle = producers_.end();
  for (auto it = producers_.begin(); it != producers_.end(); ++it) {
    const Sequences& sequences = it->second;
    const bool settled =
        !sequences.dirty && !sequences.committing && sequences.admitted == sequences.committed;
    if (!settled || now_ns - sequences.used_ns < kIdleNs) continue;
    if (idle == producers_.end() || sequences.used_ns < idle->second.used_ns) idle = it;
  }
  if (idle == producers_.end()) return false;
  removed_.push_back(idle->first);
  producers_.erase(idle);
  return true;
}

absl::StatusOr<uint64_t> ProducerSequences::Greet(const std::string& id, uint64_t epoch,
                                                  int64_t now_ns) {
  const auto found = producers_.find(id);
  if (found != producers_.end() && epoch < found->second.epoch) {
    return absl::FailedPreconditionError(
        absl::StrCat("producer ", id, " is at epoch ", found->second.epoch, "; epoch ", epoch,
                     " is fenced off; restart the producer with a larger epoch"));
  }
  const Sequences* sequences = FindOrAdd(id, epoch, now_ns);
  if (sequences == nullptr) {
    return absl::ResourceExhaustedError(
        absl::StrCat("limits.producers is ", producers_max_,
                     " and all of them are in use; reuse a producer id, or raise the limit"));
  }
  return sequences->committed;
}

Admission ProducerSequences::Check(const BatchName& name, int64_t now_ns, uint64_t* expected) {
  *expected = 1;
  const auto found = producers_.find(name.producer_id);
  if (found != producers_.end() && name.epoch < found->second.epoch) {
    *expected = found->second.admitted + 1;
    return Admission::kFenced;
  }
  const Sequences* sequences = FindOrAdd(name.producer_id, name.epoch, now_ns);
  if (sequences == nullptr) return Admission::kLimit;
  *expected = sequences->admitted + 1;
  if (name.sequence == *expected) return Admission::kAccepted;
  return name.sequence != 0 && name.sequence < *expected ? Admission::kDuplicate
                                                         : Admission::kOutOfOrder;
}

void ProducerSequences::Admit(const BatchName& name, int64_t now_ns) {
  const auto found = producers_.find(name.producer_id);
  FAULTLINE_CHECK(found != producers_.end() && found->second.epoch == name.epoch &&
                      found->second.admitted + 1 == name.sequence,
                  "only what Check accepted under the same lock is admitted");
  found->second.admitted = name.sequence;
  SetDirty(found);
  found->second.used_ns = now_ns;
}

void ProducerSequences::TakeCheckpoint(std::vector<StateWrite>* writes) {
  for (const Producers::iterator moved : dirty_) {
    auto& [id, sequences] = *moved;
    sequences.checkpoint = sequences.admitted;
    sequences.dirty = false;
    if (!std::exchange(sequences.committing, true)) committing_.push_back(moved);
    std::string payload;
    Encoder encoder(&payload);
    encoder.Varint(sequences.epoch);
    encoder.Varint(sequences.checkpoint);
    writes->push_back({CommittedSequenceKey(id), SealRecord(Table::kCommittedSequence, payload)});
  }
  dirty_.clear();
  for (const std::string& id : removed_) {
    if (!producers_.contains(id)) writes->push_back({CommittedSequenceKey(id), std::nullopt});
  }
  removed_.clear();
}

void ProducerSequences::Committed() {
  for (const Producers::iterator producer : committing_) {
    producer->second.committed = producer->second.checkpoint;
    producer->second.committing = false;
  }
  committing_.clear();
}

absl::Status ProducerSequences::Restore(std::string_view id, std::string_view value,
                                        int64_t now_ns) {
  const absl::StatusOr<std::string_view> payload = OpenRecord(Table::kCommittedSequence, value);
  if (!payload.ok()) return payload.status();
  Decoder decoder(*payload);
  Sequences sequences;
  sequences.epoch = decoder.Varint();
  sequences.admitted = sequences.checkpoint = sequences.committed = decoder.Varint();
  sequences.used_ns = now_ns;
  if (!decoder.Done()) {
    return absl::DataLossError("a producer's record is damaged");
  }
  producers_.insert_or_assign(std::string(id), sequences);
  return absl::OkStatus();
}

}  // namespace faultline

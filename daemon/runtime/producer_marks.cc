#include "daemon/runtime/producer_marks.h"

#include <absl/strings/str_cat.h>

#include <utility>

#include "base/check.h"
#include "base/codec.h"
#include "storage/tables/keys.h"
#include "storage/tables/records.h"

namespace faultline {
ProducerMarks::Mark* ProducerMarks::FindOrAdd(const std::string& id, uint64_t epoch,
                                              int64_t now_ns) {
  const auto found = marks_.find(id);
  if (found != marks_.end()) {
    Mark& mark = found->second;
    if (epoch > mark.epoch) {
      mark.epoch = epoch;
      mark.admitted = mark.cut = mark.committed = 0;
      SetDirty(found);
    }
    mark.used_ns = now_ns;
    return &mark;
  }
  if (marks_.size() >= producers_max_ && !MakeRoom(now_ns)) return nullptr;
  const auto added = marks_.try_emplace(id).first;
  SetDirty(added);
  added->second.epoch = epoch;
  added->second.used_ns = now_ns;
  return &added->second;
}

void ProducerMarks::SetDirty(Marks::iterator mark) {
  if (std::exchange(mark->second.dirty, true)) return;
  dirty_.push_back(mark);
}

bool ProducerMarks::MakeRoom(int64_t now_ns) {
  auto rested = marks_.end();
  for (auto it = marks_.begin(); it != marks_.end(); ++it) {
    const Mark& mark = it->second;
    const bool settled = !mark.dirty && !mark.cutting && mark.admitted == mark.committed;
    if (!settled || now_ns - mark.used_ns < kRestNs) continue;
    if (rested == marks_.end() || mark.used_ns < rested->second.used_ns) rested = it;
  }
  if (rested == marks_.end()) return false;
  removed_.push_back(rested->first);
  marks_.erase(rested);
  return true;
}

absl::StatusOr<uint64_t> ProducerMarks::Greet(const std::string& id, uint64_t epoch,
                                              int64_t now_ns) {
  const auto found = marks_.find(id);
  if (found != marks_.end() && epoch < found->second.epoch) {
    return absl::FailedPreconditionError(
        absl::StrCat("producer ", id, " is at epoch ", found->second.epoch, "; epoch ", epoch,
                     " is shut out: start again with a larger epoch"));
  }
  const Mark* mark = FindOrAdd(id, epoch, now_ns);
  if (mark == nullptr) {
    return absl::ResourceExhaustedError(
        absl::StrCat("all ", producers_max_,
                     " producers are in use: reuse a producer id, or raise limits.producers"));
  }
  return mark->committed;
}

Admission ProducerMarks::Check(const BatchName& name, int64_t now_ns, uint64_t* expected) {
  *expected = 1;
  const auto found = marks_.find(name.producer_id);
  if (found != marks_.end() && name.epoch < found->second.epoch) {
    *expected = found->second.admitted + 1;
    return Admission::kFenced;
  }
  const Mark* mark = FindOrAdd(name.producer_id, name.epoch, now_ns);
  if (mark == nullptr) return Admission::kLimit;
  *expected = mark->admitted + 1;
  if (name.sequence == *expected) return Admission::kAccepted;
  return name.sequence != 0 && name.sequence < *expected ? Admission::kDuplicate
                                                         : Admission::kOutOfOrder;
}

void ProducerMarks::Admit(const BatchName& name, int64_t now_ns) {
  const auto found = marks_.find(name.producer_id);
  FAULTLINE_CHECK(found != marks_.end() && found->second.epoch == name.epoch &&
                      found->second.admitted + 1 == name.sequence,
                  "only what Check accepted under the same lock is admitted");
  found->second.admitted = name.sequence;
  SetDirty(found);
  found->second.used_ns = now_ns;
}

void ProducerMarks::Cut(std::vector<StateWrite>* writes) {
  for (const Marks::iterator moved : dirty_) {
    auto& [id, mark] = *moved;
    mark.cut = mark.admitted;
    mark.dirty = false;
    if (!std::exchange(mark.cutting, true)) cutting_.push_back(moved);
    std::string payload;
    Encoder encoder(&payload);
    encoder.Varint(mark.epoch);
    encoder.Varint(mark.cut);
    writes->push_back({ProducerMarkKey(id), SealRecord(Table::kProducerMark, payload)});
  }
  dirty_.clear();
  for (const std::string& id : removed_) {
    if (!marks_.contains(id)) writes->push_back({ProducerMarkKey(id), std::nullopt});
  }
  removed_.clear();
}

void ProducerMarks::Committed() {
  for (const Marks::iterator cut : cutting_) {
    cut->second.committed = cut->second.cut;
    cut->second.cutting = false;
  }
  cutting_.clear();
}

absl::Status ProducerMarks::Restore(std::string_view id, std::string_view value, int64_t now_ns) {
  const absl::StatusOr<std::string_view> payload = OpenRecord(Table::kProducerMark, value);
  if (!payload.ok()) return payload.status();
  Decoder decoder(*payload);
  Mark mark;
  mark.epoch = decoder.Varint();
  mark.admitted = mark.cut = mark.committed = decoder.Varint();
  mark.used_ns = now_ns;
  if (!decoder.Done()) {
    return absl::DataLossError("a producer mark is damaged");
  }
  marks_.insert_or_assign(std::string(id), mark);
  return absl::OkStatus();
}

}  // namespace faultline

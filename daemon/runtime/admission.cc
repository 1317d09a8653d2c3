#include "daemon/runtime/admission.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <utility>

#include "daemon/core/shard/shard.h"
#include "daemon/runtime/planted_bug.h"

namespace faultline {
namespace {

constexpr int64_t kMeasureNs = 50'000'000;
// A holder may have this many times what is free.
constexpr uint64_t kFreeTimes = 8;

}  // namespace

void Admitted::Add(uint64_t more, const std::vector<std::string>& holders) {
  bytes += more;
  for (const std::string& holder : holders) held[holder] += more;
}

void Admitted::Remove(const Admitted& committed) {
  bytes -= committed.bytes;
  commands -= committed.commands;
  for (const auto& [holder, part] : committed.held) {
    const auto found = held.find(holder);
    if ((found->second -= part) == 0) held.erase(found);
  }
}

AdmissionGate::AdmissionGate(const Settings& settings,
                             std::vector<std::unique_ptr<ShardThread>>* shards, Clock clock,
                             std::function<uint64_t()> resident_bytes, std::function<void()> wake)
    : shards_(*shards),
      clock_(std::move(clock)),
      resident_bytes_(std::move(resident_bytes)),
      wake_(std::move(wake)),
      sequences_(settings.limits.producers),
      bytes_max_(settings.limits.queue_bytes),
      memory_max_(settings.limits.memory_bytes) {}

ShardThread& AdmissionGate::ShardFor(const std::string& model) {
  return *shards_[ShardOf(model, static_cast<uint32_t>(shards_.size()))];
}

absl::StatusOr<uint64_t> AdmissionGate::Greet(const std::string& producer_id, uint64_t epoch) {
  std::lock_guard lock(mutex_);
  return sequences_.Greet(producer_id, epoch, clock_.steady_ns());
}

Admission AdmissionGate::Submit(std::unique_ptr<EventBatch>* batch, const BatchName& name,
                                BatchDone done, uint64_t* expected) {
  Admission admission = Admission::kAccepted;
  {
    std::lock_guard lock(mutex_);
    *expected = name.sequence;
    if (closed_) return Admission::kStopping;
    const int64_t now_ns = clock_.steady_ns();
    const bool sequenced = !name.producer_id.empty();
    if (sequenced) admission = sequences_.Check(name, now_ns, expected);
    const uint64_t rows = (*batch)->rows;
    const bool duplicate = admission == Admission::kDuplicate;
    if (!duplicate && admission != Admission::kAccepted) return admission;
    const uint64_t bytes = duplicate ? kBatchBytesMin : std::max((*batch)->bytes, kBatchBytesMin);
    std::vector<std::string> holders = {"m" + (*batch)->model};
    if (sequenced) holders.push_back("p" + name.producer_id);
    const bool full = !HasRoom(bytes, BytesMax(now_ns), holders);
    if (full && !Planted(PlantedBug::kIgnoresTheQueueLimit)) return Admission::kFull;
    admitted_.Add(bytes, holders);
    since_checkpoint_.Add(bytes, holders);
    if (duplicate) {
      rows_.duplicate += rows;
      duplicates_.push_back({next_ticket_++, rows, std::move(done)});
      batch->reset();
    } else {
      if (sequenced) sequences_.Admit(name, now_ns);
      (*batch)->principal = Principal::Producer(name.producer_id);
      ShardThread& shard = ShardFor((*batch)->model);
      shard.PushBatch(std::shared_ptr<const EventBatch>(std::move(*batch)), next_ticket_++,
                      std::move(done));
    }
    rows_.received += rows;
    *expected += admission == Admission::kAccepted ? 1 : 0;
  }
  wake_();
  return admission;
}

uint64_t AdmissionGate::BytesMax(int64_t now_ns) {
  if (memory_max_ == 0) return bytes_max_;
  if (now_ns >= next_measure_ns_) {
    next_measure_ns_ = now_ns + kMeasureNs;
    const uint64_t resident = resident_bytes_();
    // What waits is resident already.
    others_ = resident - std::min(resident, admitted_.bytes);
  }
  return std::min(bytes_max_, memory_max_ - std::min(memory_max_, others_));
}

bool AdmissionGate::HasRoom(uint64_t bytes, uint64_t bytes_max,
                            const std::vector<std::string>& holders) const {
  // A batch larger than the whole queue is admitted when the queue is empty.
  if (admitted_.bytes == 0) return true;
  if (admitted_.bytes + bytes > bytes_max) return false;
  const uint64_t share = kFreeTimes * (bytes_max - admitted_.bytes);
  return std::all_of(holders.begin(), holders.end(), [&](const std::string& holder) {
    const auto held = admitted_.held.find(holder);
    return held == admitted_.held.end() || held->second + bytes <= share;
  });
}

void AdmissionGate::WhenSpace(std::function<void()> callback) {
  std::lock_guard lock(mutex_);
  waiters_.push_back(std::move(callback));
}

void AdmissionGate::Charge(uint64_t bytes) {
  std::lock_guard lock(mutex_);
  admitted_.Add(bytes, {});
  since_checkpoint_.Add(bytes, {});
}

void AdmissionGate::CountRejected(v1::RejectReason reason, uint64_t rows) {
  {
    std::lock_guard lock(mutex_);
    rows_.received += rows;
    rows_.rejected[reason] += rows;
  }
  wake_();
}

void AdmissionGate::CountShed(uint64_t rows) {
  {
    std::lock_guard lock(mutex_);
    rows_.received += rows;
    rows_.shed += rows;
  }
  wake_();
}

absl::Status AdmissionGate::Run(const std::string& model, const Principal& by, CommandAction action,
                                CommandDone done) {
  {
    std::lock_guard lock(mutex_);
    if (closed_) return absl::UnavailableError("the daemon is stopping");
    auto* apply = std::get_if<ApplySettings>(&action);
    if (apply == nullptr && admitted_.commands >= kCommandsMax) {
      return absl::ResourceExhaustedError(
          absl::StrCat(kCommandsMax, " commands already wait to be committed; try again later"));
    }
    ++admitted_.commands;
    ++since_checkpoint_.commands;
    const uint64_t ticket = next_ticket_++;
    if (apply != nullptr) {
      bytes_max_ = apply->settings->limits.queue_bytes;
      memory_max_ = apply->settings->limits.memory_bytes;
      sequences_.set_producers_max(apply->settings->limits.producers);
      for (size_t i = 0; i < shards_.size(); ++i) {
        shards_[i]->PushCommand({clock_.wall_ns(), by, *apply}, ticket, i == 0 ? done : nullptr);
      }
    } else {
      ShardFor(model).PushCommand({clock_.wall_ns(), by, std::move(action)}, ticket,
                                  std::move(done));
    }
  }
  wake_();
  return absl::OkStatus();
}

void AdmissionGate::Tick(int64_t now_ns) {
  for (const auto& shard : shards_) shard->PushTick(now_ns);
}

GateCheckpoint AdmissionGate::TakeCheckpoint(const std::function<void(ShardCheckpoint)>& collect) {
  std::lock_guard lock(mutex_);
  GateCheckpoint checkpoint;
  sequences_.TakeCheckpoint(&checkpoint.producers);
  checkpoint.rows = rows_;
  checkpoint.duplicates.swap(duplicates_);
  checkpoint.admitted = std::exchange(since_checkpoint_, {});
  for (const auto& shard : shards_) shard->PushCheckpoint(collect);
  return checkpoint;
}

void AdmissionGate::Committed(const GateCheckpoint& checkpoint) {
  std::vector<std::function<void()>> waiters;
  {
    std::lock_guard lock(mutex_);
    sequences_.Committed();
    admitted_.Remove(checkpoint.admitted);
    waiters.swap(waiters_);
  }
  for (const auto& waiter : waiters) waiter();
}

void AdmissionGate::Close() {
  std::vector<std::function<void()>> waiters;
  {
    std::lock_guard lock(mutex_);
    closed_ = true;
    waiters.swap(waiters_);
  }
  // They retry and are told that the daemon is stopping.
  for (const auto& waiter : waiters) waiter();
}

bool AdmissionGate::closed() const {
  std::lock_guard lock(mutex_);
  return closed_;
}

FrontRows AdmissionGate::rows() const {
  std::lock_guard lock(mutex_);
  return rows_;
}

uint64_t AdmissionGate::bytes() const {
  std::lock_guard lock(mutex_);
  return admitted_.bytes;
}

uint64_t AdmissionGate::producers() const {
  std::lock_guard lock(mutex_);
  return sequences_.size();
}

}  // namespace faultline

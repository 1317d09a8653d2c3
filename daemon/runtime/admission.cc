#include "daemon/runtime/admission.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <utility>

#include "daemon/core/shard/shard.h"
#include "daemon/runtime/planted_bug.h"

namespace faultline {
namespace {

constexpr int64_t kLookNs = 50'000'000;
// What one may hold, in times of what is free.
constexpr uint64_t kFreeTimes = 8;

}  // namespace

AdmissionGate::AdmissionGate(const Settings& settings,
                             std::vector<std::unique_ptr<ShardThread>>* shards, Clock clock,
                             std::function<uint64_t()> resident_bytes, std::function<void()> wake)
    : shards_(*shards),
      clock_(std::move(clock)),
      resident_bytes_(std::move(resident_bytes)),
      wake_(std::move(wake)),
      marks_(settings.producers_max),
      bytes_max_(settings.queue_bytes_max),
      memory_max_(settings.memory_bytes_max) {}

ShardThread& AdmissionGate::ShardFor(const std::string& model) {
  return *shards_[ShardOf(model, static_cast<uint32_t>(shards_.size()))];
}

absl::StatusOr<uint64_t> AdmissionGate::Greet(const std::string& producer_id, uint64_t epoch) {
  std::lock_guard lock(mutex_);
  return marks_.Greet(producer_id, epoch, clock_.steady_ns());
}

Admission AdmissionGate::Submit(std::unique_ptr<EventBatch>* batch, const BatchName& name,
                                Pipeline::BatchDone done, uint64_t* expected) {
  Admission admission = Admission::kAccepted;
  {
    std::lock_guard lock(mutex_);
    *expected = name.sequence;
    if (closed_) return Admission::kStopping;
    const int64_t now_ns = clock_.steady_ns();
    const bool marked = !name.producer_id.empty();
    if (marked) admission = marks_.Check(name, now_ns, expected);
    const uint64_t rows = (*batch)->rows;
    const bool duplicate = admission == Admission::kDuplicate;
    if (!duplicate && admission != Admission::kAccepted) return admission;
    const uint64_t bytes = duplicate ? kBatchBytesMin : std::max((*batch)->bytes, kBatchBytesMin);
    std::vector<std::string> holders = {"m" + (*batch)->model};
    if (marked) holders.push_back("p" + name.producer_id);
    const bool full = !HasRoom(bytes, BytesMax(now_ns), holders);
    if (full && !Planted(PlantedBug::kIgnoresTheQueueLimit)) return Admission::kFull;
    bytes_ += bytes;
    line_bytes_ += bytes;
    for (const std::string& holder : holders) {
      held_[holder] += bytes;
      line_held_[holder] += bytes;
    }
    if (duplicate) {
      rows_.duplicate += rows;
      duplicates_.push_back({next_ticket_++, rows, std::move(done)});
      batch->reset();
    } else {
      if (marked) marks_.Admit(name, now_ns);
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
  if (now_ns >= next_look_ns_) {
    next_look_ns_ = now_ns + kLookNs;
    const uint64_t resident = resident_bytes_();
    // What waits is resident already.
    others_ = resident - std::min(resident, bytes_);
  }
  return std::min(bytes_max_, memory_max_ - std::min(memory_max_, others_));
}

bool AdmissionGate::HasRoom(uint64_t bytes, uint64_t bytes_max,
                            const std::vector<std::string>& holders) const {
  // A batch larger than the whole queue still gets in when nothing else is there.
  if (bytes_ == 0) return true;
  if (bytes_ + bytes > bytes_max) return false;
  const uint64_t share = kFreeTimes * (bytes_max - bytes_);
  return std::all_of(holders.begin(), holders.end(), [&](const std::string& holder) {
    const auto held = held_.find(holder);
    return held == held_.end() || held->second + bytes <= share;
  });
}

void AdmissionGate::WhenSpace(std::function<void()> callback) {
  std::lock_guard lock(mutex_);
  waiters_.push_back(std::move(callback));
}

void AdmissionGate::Charge(uint64_t bytes) {
  std::lock_guard lock(mutex_);
  bytes_ += bytes;
  line_bytes_ += bytes;
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
                                Pipeline::CommandDone done) {
  {
    std::lock_guard lock(mutex_);
    if (closed_) return absl::UnavailableError("the daemon is stopping");
    auto* apply = std::get_if<ApplySettings>(&action);
    if (apply == nullptr && commands_ >= kCommandsMax) {
      return absl::ResourceExhaustedError(
          absl::StrCat(kCommandsMax, " changes wait to be committed already; try again later"));
    }
    ++commands_;
    ++line_commands_;
    const uint64_t ticket = next_ticket_++;
    if (apply != nullptr) {
      bytes_max_ = apply->settings->queue_bytes_max;
      memory_max_ = apply->settings->memory_bytes_max;
      marks_.set_producers_max(apply->settings->producers_max);
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

CutLine AdmissionGate::Cut(const std::function<void(ShardCut)>& collect) {
  std::lock_guard lock(mutex_);
  CutLine line;
  marks_.Cut(&line.marks);
  line.rows = rows_;
  line.duplicates.swap(duplicates_);
  line.bytes = std::exchange(line_bytes_, 0);
  line.held.swap(line_held_);
  line.commands = std::exchange(line_commands_, 0);
  for (const auto& shard : shards_) shard->PushCut(collect);
  return line;
}

void AdmissionGate::Committed(const CutLine& line) {
  std::vector<std::function<void()>> waiters;
  {
    std::lock_guard lock(mutex_);
    marks_.Committed();
    bytes_ -= line.bytes;
    for (const auto& [holder, bytes] : line.held) {
      const auto held = held_.find(holder);
      if ((held->second -= bytes) == 0) held_.erase(held);
    }
    commands_ -= line.commands;
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
  // They try again and are told that it is stopping.
  for (const auto& waiter : waiters) waiter();
}

bool AdmissionGate::closed() const {
  std::lock_guard lock(mutex_);
  return closed_;
}

EdgeRows AdmissionGate::rows() const {
  std::lock_guard lock(mutex_);
  return rows_;
}

uint64_t AdmissionGate::bytes() const {
  std::lock_guard lock(mutex_);
  return bytes_;
}

uint64_t AdmissionGate::producers() const {
  std::lock_guard lock(mutex_);
  return marks_.size();
}

}  // namespace faultline

#include "daemon/runtime/board.h"

namespace faultline {

void Board::Publish(std::vector<Publication> publications, PipelineReading reading) {
  std::lock_guard lock(mutex_);
  for (Publication& publication : publications) {
    std::pair key(std::move(publication.name), std::move(publication.version));
    if (publication.snapshot == nullptr) {
      models_.erase(key);
    } else {
      models_.insert_or_assign(std::move(key), std::move(publication.snapshot));
    }
  }
  reading_ = std::move(reading);
  published_ = true;
  first_.notify_all();
}

void Board::SetStoreStatus(absl::Status status) {
  std::lock_guard lock(mutex_);
  if (!status.ok()) ++reading_.commit_failures;
  reading_.store_status = std::move(status);
  first_.notify_all();
}

void Board::WaitForFirst() const {
  std::unique_lock lock(mutex_);
  first_.wait(lock, [this] { return published_ || !reading_.store_status.ok(); });
}

absl::Status Board::store_status() const {
  std::lock_guard lock(mutex_);
  return reading_.store_status;
}

PipelineReading Board::Read() const {
  std::lock_guard lock(mutex_);
  PipelineReading reading = reading_;  // models is empty in it
  reading.models.reserve(models_.size());
  for (const auto& [key, snapshot] : models_) reading.models.push_back(snapshot);
  return reading;
}

PipelineReading Board::ReadWithoutModels() const {
  std::lock_guard lock(mutex_);
  return reading_;
}

std::shared_ptr<const ModelSnapshot> Board::ReadModel(std::string_view name,
                                                      std::string_view version) const {
  std::lock_guard lock(mutex_);
  const auto found = models_.find(std::pair(std::string(name), std::string(version)));
  return found == models_.end() ? nullptr : found->second;
}

}  // namespace faultline

#include "daemon/edge/review/watch_hub.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <chrono>
#include <string>
#include <utility>

#include "base/codec.h"
#include "daemon/core/settings/limits.h"
#include "daemon/edge/review/answer.h"
#include "daemon/edge/review/incident_reader.h"
#include "daemon/edge/review/page_token.h"
#include "storage/tables/incident_id.h"

namespace faultline::review {
namespace {

constexpr auto kCancelCheck = std::chrono::milliseconds(250);
constexpr uint32_t kChangesAtOnce = 64;
constexpr uint32_t kOpenAtOnce = 256;
// A watcher that does not read is cancelled when it is this many times behind_max behind.
constexpr uint64_t kCancelFactor = 4;

std::string TokenOf(uint64_t sequence) {
  std::string position;
  Encoder(&position).Varint(sequence);
  return MakeToken(TokenKind::kChanges, "", position);
}

absl::StatusOr<uint64_t> SequenceOf(std::string_view token) {
  const absl::StatusOr<std::string> position =
      ReadToken(TokenKind::kChanges, "", token, "resume_token");
  if (!position.ok()) return position.status();
  Decoder decoder(*position);
  const uint64_t sequence = decoder.Varint();
  if (!decoder.Done())
    return absl::InvalidArgumentError("resume_token: is damaged; start without it");
  return sequence;
}

grpc::Status Cancelled() { return {grpc::StatusCode::CANCELLED, "the watcher is gone"}; }

}  // namespace

struct WatchHub::Watcher {
  grpc::ServerContext* context = nullptr;
  Writer* writer = nullptr;
  // Guarded by the mutex of the hub.
  uint64_t position = 0;
  bool caught_up = false;
};

WatchHub::WatchHub(const Store* store, WatchLimits limits) : store_(store), limits_(limits) {}

WatchHub::~WatchHub() { Shutdown(); }

void WatchHub::Publish(uint64_t change_sequence) {
  {
    std::lock_guard lock(mutex_);
    last_published_ = std::max(last_published_, change_sequence);
    for (Watcher* watcher : watchers_) {
      if (watcher->caught_up &&
          last_published_ > watcher->position + kCancelFactor * limits_.behind_max) {
        watcher->context->TryCancel();
      }
    }
  }
  published_.notify_all();
}

void WatchHub::Shutdown() {
  {
    std::lock_guard lock(mutex_);
    shut_down_ = true;
  }
  published_.notify_all();
}

uint32_t WatchHub::watchers() const {
  std::lock_guard lock(mutex_);
  return static_cast<uint32_t>(watchers_.size());
}

grpc::Status WatchHub::Serve(grpc::ServerContext* context, const v1::WatchIncidentsRequest& request,
                             Writer* writer) {
  const absl::Status valid = CheckText("model", request.model(), 0, kNameBytesMax);
  if (!valid.ok()) return ToGrpcStatus(valid);
  Watcher watcher{.context = context, .writer = writer};
  {
    std::lock_guard lock(mutex_);
    if (shut_down_) return {grpc::StatusCode::UNAVAILABLE, "the daemon is stopping"};
    if (watchers_.size() >= limits_.watchers_max) {
      return {grpc::StatusCode::RESOURCE_EXHAUSTED,
              absl::StrCat("there are ", limits_.watchers_max,
                           " watchers already; end one of them, or list incidents instead")};
    }
    watchers_.push_back(&watcher);
  }
  grpc::Status status = Follow(&watcher, request);
  std::lock_guard lock(mutex_);
  watchers_.erase(std::find(watchers_.begin(), watchers_.end(), &watcher));
  return status;
}

grpc::Status WatchHub::Follow(Watcher* watcher, const v1::WatchIncidentsRequest& request) {
  if (request.resume_token().empty()) {
    grpc::Status status = SendOpen(watcher, request);
    if (!status.ok()) return status;
  } else {
    const absl::StatusOr<uint64_t> from = SequenceOf(request.resume_token());
    if (!from.ok()) return ToGrpcStatus(from.status());
    std::lock_guard lock(mutex_);
    watcher->position = *from;
  }
  while (true) {
    uint64_t sent = 0;
    grpc::Status status = SendLog(watcher, request, &sent);
    if (!status.ok()) return status;
    uint64_t behind = 0;
    if (FellBehind(watcher, &behind)) {
      return {
          grpc::StatusCode::RESOURCE_EXHAUSTED,
          absl::StrCat("the watcher reads too slowly: ", behind,
                       " changes behind; go on with resume token ", TokenOf(watcher->position))};
    }
    if (sent > 0) continue;
    switch (WaitForMore(watcher)) {
      case Wake::kMore:
        break;
      case Wake::kShutdown:
        return {grpc::StatusCode::UNAVAILABLE, "the daemon is stopping; watch again later"};
      case Wake::kGone:
        return Cancelled();
    }
  }
}

grpc::Status WatchHub::SendOpen(Watcher* watcher, const v1::WatchIncidentsRequest& request) {
  // Taken first: a change during the reading of open incidents is sent again, not lost.
  const absl::StatusOr<uint64_t> last = LastChange(*store_);
  if (!last.ok()) return ToGrpcStatus(last.status());
  IncidentFilter filter;
  filter.model = request.model();
  filter.states = {v1::INCIDENT_STATE_OPEN, v1::INCIDENT_STATE_ACKNOWLEDGED};
  IncidentPage page;
  v1::WatchIncidentsResponse held;
  bool holds = false;
  do {
    absl::StatusOr<IncidentPage> next = ListIncidents(*store_, filter, page.last_id, kOpenAtOnce);
    if (!next.ok()) return ToGrpcStatus(next.status());
    page = *std::move(next);
    for (v1::Incident& incident : page.incidents) {
      if (holds && !watcher->writer->Write(held)) return Cancelled();
      *held.mutable_incident() = std::move(incident);
      held.set_change("is open");
      holds = true;
    }
  } while (!page.complete);
  // Only the last one has a token: resuming after an earlier one would skip the rest.
  held.set_resume_token(TokenOf(*last));
  if (holds && !watcher->writer->Write(held)) return Cancelled();
  std::lock_guard lock(mutex_);
  watcher->position = *last;
  return grpc::Status::OK;
}

grpc::Status WatchHub::SendLog(Watcher* watcher, const v1::WatchIncidentsRequest& request,
                               uint64_t* sent) {
  // Copied out first, so that a slow watcher does not pin a version of the store.
  std::vector<IncidentChangeRecord> records;
  size_t bytes = 0;
  const absl::Status read =
      ReadChanges(*store_, watcher->position, kChangesAtOnce, [&](IncidentChangeRecord record) {
        bytes += record.change.incident.ByteSizeLong();
        records.push_back(std::move(record));
        return bytes < kPageBytesMax;
      });
  if (!read.ok()) return ToGrpcStatus(read);
  for (IncidentChangeRecord& record : records) {
    v1::WatchIncidentsResponse response;
    *response.mutable_incident() = std::move(record.change.incident);
    if (response.incident().id().empty()) {
      response.mutable_incident()->set_id(FormatIncidentId(record.change.id));
    }
    response.set_change(std::move(record.change.change));
    response.set_resume_token(TokenOf(record.sequence));
    const std::string& model = response.incident().model();
    const bool wanted = request.model().empty() || model.empty() || model == request.model();
    if (wanted && !watcher->writer->Write(response)) return Cancelled();
    ++*sent;
    std::lock_guard lock(mutex_);
    watcher->position = record.sequence;
    if (shut_down_) return {grpc::StatusCode::UNAVAILABLE, "the daemon is stopping"};
  }
  return grpc::Status::OK;
}

bool WatchHub::FellBehind(Watcher* watcher, uint64_t* behind) {
  std::lock_guard lock(mutex_);
  if (last_published_ <= watcher->position) {
    watcher->caught_up = true;
    return false;
  }
  *behind = last_published_ - watcher->position;
  return watcher->caught_up && *behind > limits_.behind_max;
}

WatchHub::Wake WatchHub::WaitForMore(Watcher* watcher) {
  std::unique_lock lock(mutex_);
  while (!shut_down_ && last_published_ <= watcher->position) {
    published_.wait_for(lock, kCancelCheck);
    if (watcher->context->IsCancelled()) return Wake::kGone;
  }
  return shut_down_ ? Wake::kShutdown : Wake::kMore;
}

}  // namespace faultline::review

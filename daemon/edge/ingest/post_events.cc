#include "daemon/edge/ingest/post_events.h"

#include <absl/strings/str_cat.h>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "base/escape.h"
#include "daemon/edge/decode/ndjson.h"
#include "daemon/edge/ingest/request.h"
#include "daemon/runtime/row_totals.h"

namespace faultline {
namespace {

namespace json = boost::json;

// One POST. Lives until its last callback.
class Post : public std::enable_shared_from_this<Post> {
 public:
  Post(IngestionHub* hub, PostAnswer answer) : hub_(hub), answer_(std::move(answer)) {}

  void Start(std::string_view body) {
    NdjsonOptions options;
    options.received_ns = hub_->now_ns();
    events_ = ParseNdjson(body, options);
    for (size_t reason = 0; reason < events_.rejected_by_reason.size(); ++reason) {
      const uint64_t rows = events_.rejected_by_reason[reason];
      if (rows > 0) hub_->intake->CountRejected(static_cast<v1::RejectReason>(reason), rows);
    }
    if (!events_.errors.empty()) {
      const LineError& first = events_.errors.front();
      LogRejected("post", {first.reason, absl::StrCat("line ", first.line, ": ", first.message)},
                  events_.rejected);
    }
    if (hub_->draining()) {
      Abandon(503, "stopping", kStopping);
    } else if (!hub_->retry_queue.empty() || !SubmitRest()) {
      Wait();
    }
  }

 private:
  // False if the pipeline is full. After the last batch, releases the answer.
  bool SubmitRest() {
    while (next_ < events_.batches.size()) {
      NdjsonBatch& batch = events_.batches[next_];
      Await(1);
      uint64_t expected = 0;
      const Admission admission = hub_->intake->Submit(
          &batch.batch, {},
          [self = shared_from_this(), lines = &batch.lines](const BatchResult& result) {
            self->Committed(result, *lines);
          },
          &expected);
      if (admission == Admission::kAccepted) {
        ++next_;
        continue;
      }
      Await(-1);
      if (admission == Admission::kFull) return false;
      Abandon(503, "stopping", RefusalOf(admission, {}, expected).refusal.message);
      return true;
    }
    Release();
    return true;
  }

  void Wait() {
    uint64_t bytes = 0;
    for (size_t i = next_; i < events_.batches.size(); ++i)
      bytes += events_.batches[i].batch->bytes;
    if (hub_->WaitForSpace(bytes, [self = shared_from_this()] { return self->SubmitRest(); })) {
      return;
    }
    for (size_t i = next_; i < events_.batches.size(); ++i) {
      hub_->intake->CountShed(events_.batches[i].batch->rows);
    }
    Abandon(429, "shed", kBusy);
  }

  // Refuses all batches that were not submitted yet.
  void Abandon(int code, const char* reason, const std::string& why) {
    {
      std::lock_guard lock(mutex_);
      code_ = code;
      for (; next_ < events_.batches.size(); ++next_) {
        const NdjsonBatch& batch = events_.batches[next_];
        rejected_ += batch.batch->rows;
        AddError(batch.lines.front(), reason, absl::StrCat("this line and later ones: ", why));
      }
    }
    Release();
  }

  void Await(int change) {
    std::lock_guard lock(mutex_);
    awaited_ += change;
  }

  void Committed(const BatchResult& result, const std::vector<uint32_t>& lines) {
    LogRejected("post", result);
    {
      std::lock_guard lock(mutex_);
      accepted_ += result.applied_rows + result.late_rows;
      rejected_ += result.rejected_rows;
      if (result.batch_reason != v1::REJECT_REASON_UNSPECIFIED) {
        AddError(lines.front(), RejectReasonName(result.batch_reason), result.batch_error);
      }
      for (const v1::RowError& error : result.row_errors) {
        AddError(lines[error.row()], RejectReasonName(error.reason()), error.message());
      }
    }
    Release();
  }

  // With the lock.
  void AddError(uint64_t line, const std::string& reason, const std::string& message) {
    if (errors_.size() >= NdjsonEvents::kErrorsMax) return;
    errors_.push_back(json::object{{"line", line}, {"reason", reason}, {"message", message}});
  }

  // Answers once nothing more is awaited.
  void Release() {
    std::unique_lock lock(mutex_);
    if (--awaited_ > 0) return;
    json::array errors;
    for (const LineError& error : events_.errors) {
      errors.push_back(json::object{{"line", error.line},
                                    {"reason", RejectReasonName(error.reason)},
                                    {"message", error.message}});
    }
    for (json::value& error : errors_) {
      if (errors.size() < NdjsonEvents::kErrorsMax) errors.push_back(std::move(error));
    }
    const uint64_t rejected = rejected_ + events_.rejected;
    const json::object body{
        {"accepted", accepted_}, {"rejected", rejected}, {"errors", std::move(errors)}};
    int code = code_;
    if (code == 200 && accepted_ == 0 && rejected > 0) code = 400;
    lock.unlock();
    answer_(code, SafeJson(json::serialize(body)) + "\n");
  }

  IngestionHub* const hub_;
  const PostAnswer answer_;
  NdjsonEvents events_;
  size_t next_ = 0;  // first batch that was not submitted yet; used only by the thread that submits

  std::mutex mutex_;
  int awaited_ = 1;  // commits, and the submission itself
  uint64_t accepted_ = 0;
  uint64_t rejected_ = 0;
  int code_ = 200;
  json::array errors_;
};

}  // namespace

void PostEvents(IngestionHub* hub, std::string_view body, PostAnswer answer) {
  std::make_shared<Post>(hub, std::move(answer))->Start(body);
}

}  // namespace faultline

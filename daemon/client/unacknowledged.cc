#include "daemon/client/unacknowledged.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace faultline::cli {

uint64_t Unacknowledged::Add(v1::StreamInferencesRequest request, uint64_t bytes,
                             v1::BatchOutcome* skipped) {
  const uint64_t sequence = ++last_;
  const uint64_t rows = request.batch().batch().rows();
  ++totals_.batches;
  totals_.sent_rows += rows;
  if (sequence <= earlier_) {
    next_ = sequence + 1;
    totals_.duplicate_rows += rows;
    totals_.skipped_rows += rows;
    skipped->set_sequence(sequence);
    skipped->set_duplicate_rows(rows);
    return sequence;
  }
  request.mutable_batch()->set_sequence(sequence);
  Batch& batch = batches_.emplace_back();
  batch.request = std::make_shared<v1::StreamInferencesRequest>(std::move(request));
  batch.bytes = bytes;
  batch.rows = rows;
  bytes_ += bytes;
  rows_ += rows;
  return sequence;
}

absl::Status Unacknowledged::Welcome(const v1::Welcome& welcome,
                                     std::vector<v1::BatchOutcome>* outcomes) {
  const uint64_t committed = welcome.committed_sequence();
  credit_bytes_ = welcome.credit_bytes();
  written_bytes_ = 0;
  if (!welcomed_) {
    welcomed_ = true;
    earlier_ = committed_ = committed;
    next_ = last_ + 1;
    return absl::OkStatus();
  }
  if (committed < committed_) {
    return absl::DataLossError(
        absl::StrCat("the daemon has forgotten batches ", committed + 1, " to ", committed_,
                     ", which it had acknowledged; was its state replaced?"));
  }
  if (committed > std::max(written_last_, earlier_)) {
    return absl::FailedPreconditionError(
        "another sender is using this producer id; choose another one");
  }
  while (!batches_.empty() && front() <= committed) outcomes->push_back(Settle(nullptr, false));
  committed_ = committed;
  next_ = std::max(committed, earlier_) + 1;
  if (batches_.empty()) next_ = last_ + 1;
  return absl::OkStatus();
}

void Unacknowledged::Acknowledge(const v1::Ack& ack, std::vector<v1::BatchOutcome>* outcomes) {
  credit_bytes_ = ack.credit_bytes();
  const uint64_t committed = std::min(ack.committed_sequence(), next_ - 1);
  int at = 0;
  while (!batches_.empty() && front() <= committed) {
    const uint64_t sequence = front();
    while (at < ack.outcomes_size() && ack.outcomes(at).sequence() < sequence) ++at;
    const bool told = at < ack.outcomes_size() && ack.outcomes(at).sequence() == sequence;
    written_bytes_ -= std::min(written_bytes_, batches_.front().bytes);
    outcomes->push_back(Settle(told ? &ack.outcomes(at) : nullptr, true));
  }
  committed_ = std::max(committed_, committed);
}

v1::BatchOutcome Unacknowledged::Settle(const v1::BatchOutcome* reported, bool known) {
  const Batch batch = std::move(batches_.front());
  v1::BatchOutcome outcome;
  if (reported != nullptr) outcome = *reported;
  outcome.set_sequence(front());
  if (batch.refused != v1::REJECT_REASON_UNSPECIFIED) {
    outcome.set_rejected_rows(batch.rows);
    outcome.set_batch_reason(batch.refused);
    outcome.set_batch_error(batch.why);
  } else if (!known) {
    totals_.unreported_rows += batch.rows;
  } else if (reported == nullptr) {
    outcome.set_applied_rows(batch.rows);
  }
  totals_.applied_rows += outcome.applied_rows();
  totals_.late_rows += outcome.late_rows();
  totals_.rejected_rows += outcome.rejected_rows();
  totals_.duplicate_rows += outcome.duplicate_rows();
  bytes_ -= batch.bytes;
  rows_ -= batch.rows;
  batches_.pop_front();
  return outcome;
}

absl::Status Unacknowledged::NotTaken(const v1::NotTaken& not_taken) {
  const std::string& why = not_taken.message();
  if (not_taken.reason() == v1::REJECT_REASON_SEQUENCE) return absl::AbortedError(why);
  if (not_taken.reason() == v1::REJECT_REASON_LIMIT) return absl::ResourceExhaustedError(why);
  // A message that could not be read has no sequence, but it was the one that was expected.
  const uint64_t sequence =
      not_taken.sequence() != 0 ? not_taken.sequence() : not_taken.expected_sequence();
  if (batches_.empty() || sequence < front() || sequence > last_) {
    return absl::InternalError(
        absl::StrCat("the daemon rejected batch ", sequence, ", which is not in flight: ", why));
  }
  Batch& batch = batches_[sequence - front()];
  if (batch.refused != v1::REJECT_REASON_UNSPECIFIED) {
    return absl::InvalidArgumentError(absl::StrCat("the daemon rejected this stream: ", why));
  }
  batch.refused = not_taken.reason() != v1::REJECT_REASON_UNSPECIFIED ? not_taken.reason()
                                                                      : v1::REJECT_REASON_SCHEMA;
  batch.why = why;
  auto empty = std::make_shared<v1::StreamInferencesRequest>();
  const v1::InferenceBatch& original = batch.request->batch().batch();
  empty->mutable_batch()->set_sequence(sequence);
  empty->mutable_batch()->mutable_batch()->set_model(original.model());
  empty->mutable_batch()->mutable_batch()->set_version(original.version());
  batch.request = std::move(empty);
  return absl::AbortedError(why);
}

bool Unacknowledged::HasNext() const {
  if (next_ > last_) return false;
  return written_bytes_ == 0 || written_bytes_ + batches_[next_ - front()].bytes <= credit_bytes_;
}

std::shared_ptr<const v1::StreamInferencesRequest> Unacknowledged::TakeNext() {
  FAULTLINE_CHECK(HasNext(), "the caller asks HasNext() first");
  const Batch& batch = batches_[next_ - front()];
  written_bytes_ += batch.bytes;
  if (next_ <= written_last_) ++totals_.resent_batches;
  written_last_ = std::max(written_last_, next_);
  ++next_;
  return batch.request;
}

ProducerTotals Unacknowledged::totals() const {
  ProducerTotals totals = totals_;
  totals.unacknowledged_rows = rows_;
  return totals;
}

}  // namespace faultline::cli

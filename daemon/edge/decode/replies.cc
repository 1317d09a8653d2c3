#include "daemon/edge/decode/replies.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace faultline {
namespace {

bool Plain(const BatchResult& result) {
  return result.late_rows == 0 && result.rejected_rows == 0 && result.duplicate_rows == 0 &&
         result.batch_reason == v1::REJECT_REASON_UNSPECIFIED;
}

}  // namespace

void FillOutcome(uint64_t sequence, const BatchResult& result, v1::BatchOutcome* outcome) {
  outcome->set_sequence(sequence);
  outcome->set_applied_rows(result.applied_rows);
  outcome->set_late_rows(result.late_rows);
  outcome->set_rejected_rows(result.rejected_rows);
  outcome->set_duplicate_rows(result.duplicate_rows);
  for (const v1::RowError& error : result.row_errors) *outcome->add_row_errors() = error;
  outcome->set_batch_reason(result.batch_reason);
  outcome->set_batch_error(result.batch_error);
}

Replies::Replies(uint64_t credit_bytes, int64_t commit_interval_ns)
    : credit_bytes_(credit_bytes),
      commit_interval_ms_(static_cast<uint32_t>(commit_interval_ns / 1'000'000)) {}

void Replies::Welcome(uint64_t committed_sequence, bool power_safe) {
  committed_ = committed_sequence;
  v1::Welcome* welcome = pending_.emplace_back().mutable_welcome();
  welcome->set_committed_sequence(committed_sequence);
  welcome->set_credit_bytes(credit_bytes_);
  welcome->set_durability(power_safe ? v1::DURABILITY_POWER : v1::DURABILITY_PROCESS);
}

v1::Ack* Replies::OpenAck() {
  if (!pending_.empty() && pending_.back().has_ack()) {
    v1::Ack* ack = pending_.back().mutable_ack();
    if (ack->outcomes_size() < kOutcomesMax) return ack;
  }
  v1::Ack* ack = pending_.emplace_back().mutable_ack();
  ack->set_commit_interval_ms(commit_interval_ms_);
  ack->set_credit_bytes(credit_bytes_);
  return ack;
}

void Replies::Commit(uint64_t sequence, const BatchResult& result) {
  const bool was_crowded = crowded();
  v1::Ack* ack = OpenAck();
  // A batch that is sent again has a sequence below the committed one.
  committed_ = std::max(committed_, sequence);
  ack->set_committed_sequence(committed_);
  ack->set_applied_rows(ack->applied_rows() + result.applied_rows);
  if (Plain(result)) return;
  v1::BatchOutcome* outcome = ack->add_outcomes();
  FillOutcome(sequence, result, outcome);
  if (was_crowded) outcome->clear_row_errors();
}

void Replies::NotTaken(uint64_t sequence, uint64_t expected, v1::RejectReason reason,
                       std::string message) {
  v1::NotTaken* not_taken = pending_.emplace_back().mutable_not_taken();
  not_taken->set_sequence(sequence);
  not_taken->set_expected_sequence(expected);
  not_taken->set_reason(reason);
  not_taken->set_message(std::move(message));
}

v1::StreamInferencesResponse Replies::Take() {
  FAULTLINE_CHECK(!pending_.empty(), "the caller asks empty() first");
  v1::StreamInferencesResponse response = std::move(pending_.front());
  pending_.pop_front();
  return response;
}

}  // namespace faultline

#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <memory>

#include "daemon/edge/ingest/intake.h"
#include "daemon/edge/ingest/request.h"

namespace faultline {

// The producer of one stream, as its Hello names it, and the sequence of its next batch. A Hello
// without a producer id is anonymous: its sequences begin at 1 with each stream.
//
// Concurrency:  not thread-safe.
class StreamProducer {
 public:
  // `intake` must outlive it.
  explicit StreamProducer(Intake* intake) : intake_(intake) {}

  // The last committed sequence. INVALID_ARGUMENT for an invalid producer id, or the error of
  // Intake::Greet.
  absl::StatusOr<uint64_t> Greet(const v1::Hello& hello);
  bool greeted() const { return greeted_; }

  // As Intake::Submit, under the producer's name. Admission checks the sequences of named producers
  // only; those of anonymous ones are checked here.
  Admission Submit(uint64_t sequence, std::unique_ptr<EventBatch>* batch, Pipeline::BatchDone done);
  // `admission` must be a refusal by Submit.
  AdmissionRefusal RefusalOf(Admission admission, uint64_t sequence) const;
  // The only sequence that will be accepted.
  uint64_t next() const { return next_; }

 private:
  Intake* const intake_;
  bool greeted_ = false;
  BatchName name_;  // without a sequence
  uint64_t next_ = 1;
};

}  // namespace faultline

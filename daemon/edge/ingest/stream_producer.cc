#include "daemon/edge/ingest/stream_producer.h"

#include <utility>

namespace faultline {

absl::StatusOr<uint64_t> StreamProducer::Greet(const v1::Hello& hello) {
  name_ = {hello.producer_id(), hello.epoch(), 0};
  uint64_t committed = 0;
  if (!name_.producer_id.empty()) {
    if (const std::string problem = ProducerProblem(name_.producer_id); !problem.empty()) {
      return absl::InvalidArgumentError(problem);
    }
    const absl::StatusOr<uint64_t> greeted = intake_->Greet(name_.producer_id, name_.epoch);
    if (!greeted.ok()) return greeted.status();
    committed = *greeted;
  }
  greeted_ = true;
  next_ = committed + 1;
  return committed;
}

Admission StreamProducer::Submit(uint64_t sequence, std::unique_ptr<EventBatch>* batch,
                                 Pipeline::BatchDone done) {
  if (name_.producer_id.empty() && sequence != next_) return Admission::kOutOfOrder;
  BatchName name = name_;
  name.sequence = sequence;
  return intake_->Submit(batch, name, std::move(done), &next_);
}

AdmissionRefusal StreamProducer::RefusalOf(Admission admission, uint64_t sequence) const {
  BatchName name = name_;
  name.sequence = sequence;
  return faultline::RefusalOf(admission, name, next_);
}

}  // namespace faultline

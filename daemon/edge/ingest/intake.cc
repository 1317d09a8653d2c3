#include "daemon/edge/ingest/intake.h"

#include <utility>

namespace faultline {
namespace {

class PipelineIntake final : public Intake {
 public:
  explicit PipelineIntake(Pipeline* pipeline) : pipeline_(pipeline) {}

  absl::StatusOr<uint64_t> Greet(const std::string& producer_id, uint64_t epoch) override {
    return pipeline_->Greet(producer_id, epoch);
  }
  Admission Submit(std::unique_ptr<EventBatch>* batch, const BatchName& name,
                   Pipeline::BatchDone done, uint64_t* expected) override {
    return pipeline_->Submit(batch, name, std::move(done), expected);
  }
  void WhenSpace(std::function<void()> callback) override {
    pipeline_->WhenSpace(std::move(callback));
  }
  void CountRejected(v1::RejectReason reason, uint64_t rows) override {
    pipeline_->CountRejected(reason, rows);
  }
  void CountShed(uint64_t rows) override { pipeline_->CountShed(rows); }
  absl::Status ready() const override { return pipeline_->ready(); }
  IntakeLimits limits() const override {
    const auto settings = pipeline_->settings();
    return {settings->limits.message_bytes, settings->limits.queue_bytes, settings->commit.sync,
            settings->commit.interval_ns};
  }

 private:
  Pipeline* pipeline_;
};

}  // namespace

std::unique_ptr<Intake> MakeIntake(Pipeline* pipeline) {
  return std::make_unique<PipelineIntake>(pipeline);
}

}  // namespace faultline

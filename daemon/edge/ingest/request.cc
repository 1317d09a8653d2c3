#include "daemon/edge/ingest/request.h"

#include <absl/strings/str_cat.h>

#include <utility>

#include "base/check.h"
#include "daemon/core/settings/limits.h"
#include "daemon/edge/decode/names.h"
#include "daemon/log/log.h"
#include "daemon/runtime/row_totals.h"

namespace faultline {

bool ReadRequest(const grpc::ByteBuffer& bytes, const IntakeLimits& limits,
                 google::protobuf::Message* message, RefusedRequest* refused) {
  refused->rows = 1;
  if (bytes.Length() > limits.message_bytes_max) {
    refused->refusal = {
        v1::REJECT_REASON_OVERSIZE,
        absl::StrCat("message of ", bytes.Length(), " bytes, the limit is ",
                     limits.message_bytes_max, " (limits.message): send smaller batches")};
    return false;
  }
  if (ParseMessage(bytes, message)) return true;
  refused->refusal = {v1::REJECT_REASON_DECODE,
                      absl::StrCat("not a ", message->GetDescriptor()->name(), " message")};
  return false;
}

std::string ProducerProblem(const std::string& id) {
  const char* problem = id.empty() ? nullptr : NameProblem(id, kNameBytesMax);
  return problem == nullptr ? std::string() : absl::StrCat("producer id ", problem);
}

std::unique_ptr<EventBatch> DecodeRequest(v1::InferenceBatch* message, int64_t received_ns,
                                          const IntakeLimits& limits, RefusedRequest* refused) {
  refused->rows = RefusedRows(message->rows());
  const DecodeOptions options{received_ns, limits.queue_bytes_max, Source::kGrpc};
  return DecodeBatch(message, options, &refused->refusal);
}

void LogRejected(std::string_view source, const Refusal& refusal, uint64_t rows) {
  Log(LogLevel::kWarn, "rows rejected",
      {{"source", source},
       {"rows", rows},
       {"reason", RejectReasonName(refusal.reason)},
       {"error", refusal.message}});
}

void LogRejected(std::string_view source, const BatchResult& result) {
  if (result.batch_reason != v1::REJECT_REASON_UNSPECIFIED) {
    LogRejected(source, {result.batch_reason, result.batch_error}, result.rejected_rows);
  } else if (!result.row_errors.empty()) {
    const v1::RowError& first = result.row_errors.front();
    LogRejected(source, {first.reason(), first.message()}, result.rejected_rows);
  }
}

AdmissionRefusal RefusalOf(Admission admission, const BatchName& name, uint64_t expected) {
  switch (admission) {
    case Admission::kOutOfOrder:
      return {grpc::StatusCode::FAILED_PRECONDITION,
              {v1::REJECT_REASON_SEQUENCE,
               absl::StrCat("sequence ", name.sequence, " is out of order: the next sequence of ",
                            name.producer_id.empty() ? "this stream" : "this producer", " is ",
                            expected)}};
    case Admission::kFenced:
      return {grpc::StatusCode::FAILED_PRECONDITION,
              {v1::REJECT_REASON_SEQUENCE,
               absl::StrCat("this producer is at a larger epoch; epoch ", name.epoch,
                            " is fenced off; restart the producer with a larger epoch")}};
    case Admission::kLimit:
      return {grpc::StatusCode::RESOURCE_EXHAUSTED,
              {v1::REJECT_REASON_LIMIT,
               "too many producers: reuse a producer id, or raise limits.producers"}};
    case Admission::kStopping:
      return {grpc::StatusCode::UNAVAILABLE,
              {v1::REJECT_REASON_UNSPECIFIED,
               "the daemon is stopping, or its store failed; send again once it is ready"}};
    case Admission::kAccepted:
    case Admission::kDuplicate:
    case Admission::kFull:
      break;
  }
  FAULTLINE_CHECK(false, "callers ask about refusals only");
  return {};
}

}  // namespace faultline

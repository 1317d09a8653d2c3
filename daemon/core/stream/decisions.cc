#include "daemon/core/stream/decisions.h"

#include <string>
#include <utility>

#include "base/codec.h"
#include "daemon/core/record/record_set.h"

namespace faultline {

void Decisions::SetDeployed(int64_t now_ns) {
  deployed_ns_ = now_ns;
  changed_ = true;
}

void Decisions::SilenceUntil(int64_t until_ns) {
  changed_ = changed_ || until_ns != silenced_until_ns_;
  silenced_until_ns_ = until_ns;
}

void Decisions::Tick(int64_t now_ns) {
  if (silenced() && now_ns >= silenced_until_ns_) SilenceUntil(0);
}

void Decisions::TakeCheckpoint(Effects* effects) {
  if (!std::exchange(changed_, false)) return;
  std::string payload;
  Encoder out(&payload);
  out.Signed(deployed_ns_);
  out.Signed(silenced_until_ns_);
  WriteRecord(Table::kDecisions, DecisionsKey(model_hash_), payload, effects);
}

void Decisions::Erase(Effects* effects) const { EraseRecord(DecisionsKey(model_hash_), effects); }

absl::Status Decisions::Restore(std::string_view payload) {
  Decoder in(payload);
  deployed_ns_ = in.Signed();
  silenced_until_ns_ = in.Signed();
  return in.Done() ? absl::OkStatus() : absl::DataLossError("not the decisions of a model");
}

}  // namespace faultline

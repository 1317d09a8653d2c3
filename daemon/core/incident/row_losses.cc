#include "daemon/core/incident/row_losses.h"

#include <utility>

namespace faultline {
namespace {

// Weight of the newest pane in the shares.
constexpr double kNewest = 0.25;

}  // namespace

void RowLosses::ClosePane() {
  const auto fold = [this](uint64_t* rows, double* share) {
    const auto lost = static_cast<double>(std::exchange(*rows, 0));
    const double arrived = lost + static_cast<double>(applied_);
    if (arrived > 0) *share += kNewest * (lost / arrived - *share);
  };
  fold(&late_, &late_share_);
  fold(&refused_, &refused_share_);
  fold(&dropped_, &dropped_share_);
  applied_ = 0;
}

void RowLosses::Encode(Encoder* out) const {
  for (const uint64_t rows : {applied_, late_, refused_, dropped_}) out->Varint(rows);
  for (const double share : {late_share_, refused_share_, dropped_share_}) out->Double(share);
}

void RowLosses::Decode(Decoder* in) {
  for (uint64_t* rows : {&applied_, &late_, &refused_, &dropped_}) *rows = in->Varint();
  for (double* share : {&late_share_, &refused_share_, &dropped_share_}) *share = in->Double();
}

}  // namespace faultline

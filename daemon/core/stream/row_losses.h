#pragma once

#include <cstdint>

#include "base/codec.h"

namespace faultline {

// Rows of a model that were lost before they could be judged, as shares of all rows that arrived;
// for triage, which checks whether the monitor sees enough rows.
class RowLosses {
 public:
  void Applied(uint64_t rows) { applied_ += rows; }
  void Late(uint64_t rows) { late_ += rows; }
  void Refused(uint64_t rows) { refused_ += rows; }
  void Dropped(uint64_t rows) { dropped_ += rows; }
  // Folds the rows since the last closed pane into the shares, which are smoothed over panes.
  void ClosePane();

  double late_share() const { return late_share_; }
  double refused_share() const { return refused_share_; }
  double dropped_share() const { return dropped_share_; }

  void Encode(Encoder* out) const;
  void Decode(Decoder* in);

 private:
  // Since the last closed pane.
  uint64_t applied_ = 0;
  uint64_t late_ = 0;
  uint64_t refused_ = 0;
  uint64_t dropped_ = 0;  // by senders
  double late_share_ = 0;
  double refused_share_ = 0;
  double dropped_share_ = 0;
};

}  // namespace faultline

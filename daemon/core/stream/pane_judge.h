#pragma once

#include <cstdint>
#include <vector>

#include "daemon/core/alert/alert_book.h"
#include "daemon/core/contract/effects.h"
#include "daemon/core/stream/stream_parts.h"

namespace faultline {

// Closes the panes of a stream and judges its signals by them: windows move on, detectors are
// asked, alerts move, and the model hears of it.
//
// Concurrency:  what is one signal's alone is done by the shard's helper threads; the bytes are the
//               same whoever does it.
class PaneJudge {
 public:
  explicit PaneJudge(StreamParts* stream) : stream_(*stream) {}

  // Closes the panes that no row may count into any more.
  void CloseOverdue(int64_t now_ns, Effects* effects);
  void CloseAll(int64_t now_ns, Effects* effects);
  void Close(OpenPane* pane, int64_t now_ns, Effects* effects);

  // Panes that are over and that no row came for: judged for signals that count rows alone. They
  // are no panes for anything else, and rows that still come for them are not late. Returns the
  // first pane that is not over yet. from: the first pane to judge.
  int64_t JudgeSilence(int64_t from, int64_t now_ns, Effects* effects);

 private:
  // What a pane made of a signal, before anything that signals share was asked or told.
  struct Alone {
    SignalReading reading;
    std::vector<FollowState> before;
    RollingReference::Slots moved = 0;
    uint32_t alarms = 0;  // that began, of detectors on the alarm budget
  };
  PaneDeposit DepositOf(const PaneHeader& pane, int64_t evaluated_before_ns) const;
  void Judge(const OpenPane& pane, const PaneDeposit& deposit, std::vector<AlertEdge>* edges,
             Effects* effects);
  void JudgeAlone(uint32_t signal, const OpenPane& pane, const PaneDeposit& deposit,
                  const PaneEvidence& evidence, Alone* alone);
  RollingReference::Slots MoveWindow(uint32_t signal, const OpenPane& pane);
  void TakeAlone(uint32_t signal, const PaneHeader& pane, Alone* alone,
                 std::vector<AlertEdge>* edges);
  void NoteAlarms(uint32_t signal, const std::vector<DetectorReading>& readings);
  void JudgeSilentPane(uint32_t signal, int64_t index, std::vector<AlertEdge>* edges);

  StreamParts& stream_;
};

}  // namespace faultline

#pragma once

#include <cstdint>
#include <vector>

#include "daemon/core/alert/alert_book.h"
#include "daemon/core/contract/effects.h"
#include "daemon/core/stream/stream_parts.h"

namespace faultline {

// Closes the panes of a stream and judges its signals: moves windows on, runs detectors, advances
// alerts, and tells the model.
//
// Concurrency:  work on one signal alone runs on the shard's helper threads; the bytes do not
//               depend on which thread does it.
class PaneJudge {
 public:
  explicit PaneJudge(StreamParts* stream) : stream_(*stream) {}

  // Closes the panes that admit no more rows.
  void CloseOverdue(int64_t now_ns, Effects* effects);
  void CloseAll(int64_t now_ns, Effects* effects);
  void Close(OpenPane* pane, int64_t now_ns, Effects* effects);

  // Judges panes that ended without a row, for signals that only count rows. Nothing else sees
  // these panes, and rows that still arrive for them are not late. Returns the first pane that has
  // not ended. from: the first pane to judge.
  int64_t JudgeSilence(int64_t from, int64_t now_ns, Effects* effects);

 private:
  // Result of a pane for one signal, before anything that signals share is read or changed.
  struct Alone {
    SignalReading reading;
    std::vector<FollowState> before;
    RollingReference::Slots moved = 0;
    uint32_t alarms = 0;  // alarms that began, of detectors on the alarm budget
  };
  PaneIncrement IncrementOf(const PaneHeader& pane, int64_t evaluated_before_ns) const;
  void Judge(const OpenPane& pane, const PaneIncrement& increment,
             std::vector<AlertTransition>* transitions, Effects* effects);
  void JudgeAlone(uint32_t signal, const OpenPane& pane, const PaneIncrement& increment,
                  const PaneEvidence& evidence, Alone* alone);
  RollingReference::Slots MoveWindow(uint32_t signal, const OpenPane& pane);
  void TakeAlone(uint32_t signal, const PaneHeader& pane, Alone* alone,
                 std::vector<AlertTransition>* transitions);
  void NoteAlarms(uint32_t signal, const std::vector<DetectorReading>& readings);
  void JudgeSilentPane(uint32_t signal, int64_t index, std::vector<AlertTransition>* transitions);

  StreamParts& stream_;
};

}  // namespace faultline

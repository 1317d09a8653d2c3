// The rolling reference: which panes enter it, promotion, and the way back.
#include <absl/strings/str_cat.h>
#include <google/protobuf/util/time_util.h>

#include <algorithm>
#include <utility>

#include "base/clean_text.h"
#include "daemon/core/model/model_state.h"

namespace faultline {

using google::protobuf::util::TimeUtil;

// A pane enters the rolling reference when it leaves the window, so that an alarm which needs some
// panes to be sure still finds the panes it is about outside. Returns the slots that changed.
RollingReference::Slots ModelState::MoveWindow(uint32_t signal, int64_t number,
                                               const OpenPane& pane) {
  SignalState& state = signals_[signal];
  RollingReference::Slots moved = 0;
  const Summary* summary = pane.Find(signal);
  if (summary != nullptr) state.window->Add(number, pane.Sent(signal), *summary);
  state.window->DropBefore(window_from_, [&](int64_t leaving, const Summary& quiet) {
    const auto span = spans_.find(leaving);
    if (leaving <= state.tainted_through || settings_->rolling_panes == 0 || span == spans_.end()) {
      return;
    }
    if (state.rolling == nullptr) {
      state.rolling = std::make_unique<RollingReference>(&state.reference->shape());
    }
    moved |= state.rolling->Add(quiet, span->second.first, span->second.second,
                                settings_->rolling_panes);
  });
  return moved;
}

// An alarm keeps all panes that are in the window out of the rolling reference, and takes out what
// came after the change it is about. The disagreement of the two references is no reason: it is
// what a promotion is to answer.
void ModelState::NoteAlarms(uint32_t signal, int64_t number,
                            const std::vector<DetectorReading>& readings) {
  SignalState& state = signals_[signal];
  for (size_t i = 0; i < readings.size(); ++i) {
    const DetectorSettings& detector = settings_->detectors[state.detectors[i]];
    const Verdict& verdict = readings[i].verdict;
    const bool alarm = detector.has_threshold && verdict.state == VerdictState::kAlarm;
    if (detector.entry->on_rolling || !(alarm || readings[i].firing)) continue;
    state.tainted_through = number;
    if (alarm && verdict.change_from_ns > 0 && state.rolling != nullptr) {
      MarkRolling(signal, state.rolling->DropSince(verdict.change_from_ns));
      // Without panes nothing of it is stored, so there is none after a restart.
      if (state.rolling->panes() == 0) state.rolling.reset();
    }
  }
}

void ModelState::MarkRolling(uint32_t signal, RollingReference::Slots slots) {
  for (uint32_t slot = 0; slot < RollingReference::kSections; ++slot) {
    if ((slots >> slot & 1) != 0) rolling_slots_.insert({signal / kBlockSignals, slot});
  }
}

void ModelState::DropRolling(uint32_t signal) {
  if (signals_[signal].rolling == nullptr) return;
  signals_[signal].rolling.reset();
  MarkRolling(signal, (RollingReference::Slots{1} << RollingReference::kSections) - 1);
}

// The reference in use becomes the one that a rollback brings back.
void ModelState::KeepPrevious(uint32_t signal) {
  SignalState& state = signals_[signal];
  if (state.reference != nullptr) state.previous = state.reference;
}

void ModelState::DropPrevious(uint32_t signal) {
  auto& previous = signals_[signal].previous;
  if (previous == nullptr) return;
  reference_blocks_.insert({previous->version(), signal / kBlockSignals});
  previous.reset();
}

void ModelState::ForgetPrevious() {
  for (uint32_t signal = 0; signal < signals_.size(); ++signal) DropPrevious(signal);
  transforms_.ForgetPrevious();
  changed_ = signals_changed_ = true;
}

// Who took a reference into use, and when.
void ModelState::Activate(uint64_t version, const std::string& actor, const std::string& comment,
                          int64_t now_ns) {
  for (v1::Reference& reference : references_) {
    reference.set_active(reference.version() == version);
    if (!reference.active()) continue;
    *reference.mutable_activate_time() = TimeUtil::NanosecondsToTimestamp(now_ns);
    reference.set_actor(actor);
    reference.set_comment(CleanText(comment, kReferenceCommentBytesMax));
  }
  changed_ = book_changed_ = signals_changed_ = true;
}

v1::RollingReference ModelState::RollingMessage() const {
  v1::RollingReference message;
  message.set_rows_needed(settings_->learn_rows);
  int64_t begin_ns = 0;
  int64_t end_ns = 0;
  for (const SignalState& state : signals_) {
    if (state.rolling == nullptr || state.rolling->panes() == 0) continue;
    const uint64_t rows = state.rolling->merged().rows();
    message.set_signals(message.signals() + 1);
    if (rows >= settings_->learn_rows) {
      message.set_promotable_signals(message.promotable_signals() + 1);
    }
    message.set_rows(std::max(message.rows(), rows));
    message.set_panes(std::max(message.panes(), state.rolling->panes()));
    begin_ns =
        begin_ns == 0 ? state.rolling->begin_ns() : std::min(begin_ns, state.rolling->begin_ns());
    end_ns = std::max(end_ns, state.rolling->end_ns());
  }
  if (message.signals() == 0) return message;
  *message.mutable_start_time() = TimeUtil::NanosecondsToTimestamp(begin_ns);
  *message.mutable_end_time() = TimeUtil::NanosecondsToTimestamp(end_ns);
  return message;
}

absl::Status ModelState::PromoteReference(const faultline::PromoteReference& command,
                                          int64_t now_ns, v1::Reference* reference,
                                          Effects* effects) {
  std::vector<uint32_t> ready;
  uint64_t rows = 0;
  for (uint32_t signal = 0; signal < signals_.size(); ++signal) {
    const SignalState& state = signals_[signal];
    if (state.rolling == nullptr || !state.judged() || state.reference->empty()) continue;
    rows = std::max(rows, state.rolling->merged().rows());
    if (state.rolling->merged().rows() >= settings_->learn_rows) ready.push_back(signal);
  }
  if (ready.empty()) {
    return absl::FailedPreconditionError(
        absl::StrCat("no signal has enough quiet panes: the most rows are ", rows, ", and ",
                     settings_->learn_rows, " are needed"));
  }
  ForgetPrevious();
  transforms_.KeepPrevious(schema_);  // They stay; so a rollback leaves them.
  const auto version = static_cast<uint32_t>(
      NewReferenceVersion(rows, static_cast<uint32_t>(ready.size()), false, now_ns));
  references_.back().set_promoted(true);
  Activate(version, ActorMessage(command.actor).name(), command.comment, now_ns);
  for (const uint32_t signal : ready) {
    const SignalState& state = signals_[signal];
    auto promoted = SignalReference::OfPanes(*state.reference, state.rolling->merged(), version);
    KeepPrevious(signal);
    TakeReference(signal, std::move(promoted));
  }
  book_.Note(absl::StrCat("reference ", version, " promoted from quiet panes"), command.actor,
             now_ns);
  TakeIncidents(effects);
  effects->notes.push_back(absl::StrCat("model ", name_, " version ", version_, ": reference ",
                                        version, " promoted, ", ready.size(), " signals"));
  Recount();
  *reference = references_.back();
  return absl::OkStatus();
}

absl::Status ModelState::RollbackReference(const faultline::RollbackReference& command,
                                           int64_t now_ns, v1::Reference* reference,
                                           Effects* effects) {
  uint64_t version = 0;
  for (uint32_t signal = 0; signal < signals_.size(); ++signal) {
    SignalState& state = signals_[signal];
    if (state.previous == nullptr) continue;
    auto back = std::exchange(state.previous, nullptr);
    version = std::max<uint64_t>(version, back->version());
    StopLearning(signal);
    KeepPrevious(signal);
    TakeReference(signal, std::move(back));
  }
  if (version == 0) {
    return absl::FailedPreconditionError(
        "there is nothing to take back: no import, promotion or relearning replaced a reference");
  }
  transforms_.Rollback(schema_, version);
  DropUnfitted();
  Activate(version, ActorMessage(command.actor).name(), command.comment, now_ns);
  book_.Note(absl::StrCat("back to reference ", version), command.actor, now_ns);
  TakeIncidents(effects);
  effects->notes.push_back(
      absl::StrCat("model ", name_, " version ", version_, ": back to reference ", version));
  Recount();
  reference->set_version(version);
  for (const v1::Reference& known : references_) {
    if (known.version() == version) *reference = known;
  }
  return absl::OkStatus();
}

}  // namespace faultline

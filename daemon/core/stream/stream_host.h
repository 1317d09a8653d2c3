#pragma once

#include <absl/status/status.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/core/alert/alerts.h"
#include "daemon/core/contract/effects.h"
#include "daemon/core/contract/snapshot.h"
#include "daemon/core/signal/alarm_budget.h"
#include "daemon/core/signal/signal_state.h"
#include "daemon/core/stream/decisions.h"
#include "daemon/core/stream/open_pane.h"
#include "daemon/core/stream/shard_share.h"

namespace faultline {

// Data shared by the streams of one model.
struct ModelShare {
  ModelShare(ShardShare* shard_share, std::string model_name, std::string model_version);

  ShardShare* shard;
  std::string name;
  std::string version;
  uint64_t hash;
  uint64_t budget_ordinal = 1;  // see BudgetDivision
  std::shared_ptr<const ModelSettings> settings;
  Alerts alerts;
  Decisions decisions;

  // "model NAME version VERSION: ", which log lines begin with.
  std::string Title() const;
};

// A signal whose detectors have just judged a pane.
struct JudgedSignal {
  uint32_t signal = 0;
  bool alerts_moved = false;
  // State of its follow detectors before the pane. May be moved from.
  std::vector<FollowState>* before = nullptr;
};

// A pane whose signals have all been judged.
struct StreamPane {
  uint8_t stream = 0;  // ordinal
  const OpenPane& pane;
  int64_t number = 0;
  const PaneIncrement& increment;
  std::span<const SignalReading> readings;          // by signal
  const std::vector<AlertTransition>& transitions;  // what the verdicts did to alerts
};

// What a stream needs from its model, and reports to it.
class StreamHost {
 public:
  virtual ~StreamHost() = default;
  // OK if the model may have `added` more signals.
  virtual absl::Status CheckRoom(uint64_t added) const = 0;
  // Whether another stream of the model has a signal of that name.
  virtual bool HasElsewhere(uint8_t asking, std::string_view name) const = 0;
  // How the budget increment of a pane of this stream is divided over the signals of all streams.
  virtual BudgetDivision DivideBudget(uint8_t stream) const = 0;

  // For each pane that closes, in this order: BeginPane once, TakeSignal per signal, TakePane
  // once.
  virtual void BeginPane() = 0;
  virtual void TakeSignal(uint8_t stream, JudgedSignal judged) = 0;
  virtual void TakePane(const StreamPane& pane, int64_t now_ns, Effects* effects) = 0;

  // Alerts changed state without a pane.
  virtual void TakeTransitions(const std::vector<AlertTransition>& transitions, int64_t now_ns,
                               Effects* effects) = 0;
  // The state of a signal's detectors changed without a pane.
  virtual void Outdate(uint8_t stream, uint32_t signal) = 0;
};

}  // namespace faultline

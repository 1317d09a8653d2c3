#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <thread>

#include "daemon/edge/ingest/intake.h"

namespace faultline {

// Everybody whose batch found the pipeline full, in the order they came. The first few are tried
// again when there is space, one after the other: the very first may hold its share already while
// the next does not. Only they need to keep their batch decoded.
//
// Concurrency:  thread-safe. Attempts run on the line's own thread, one after the other.
// Limitations:  the line is as long as the sources let it grow; they hold one place each.
class WaitingLine {
 public:
  // Hands over what it holds. False if the pipeline is still full; it then keeps its place.
  using Attempt = std::function<bool()>;

  // `intake` must outlive it.
  explicit WaitingLine(Intake* intake);
  // Ends the thread. Those who still wait are forgotten.
  ~WaitingLine();
  WaitingLine(const WaitingLine&) = delete;
  WaitingLine& operator=(const WaitingLine&) = delete;

  // Somebody who finds others waiting joins them without an attempt of its own.
  bool empty() const;
  void Join(Attempt attempt);

 private:
  struct State;
  void Serve();

  Intake* intake_;
  // Shared with callbacks of the pipeline, which may come late.
  std::shared_ptr<State> state_;
  std::thread thread_;
};

}  // namespace faultline

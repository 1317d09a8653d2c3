#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/core/contract/effects.h"
#include "daemon/runtime/batch_name.h"
#include "storage/store.h"

namespace faultline {

// For each producer its epoch, the last admitted sequence, and the last committed one. Only the
// sequence after the last admitted one is admitted next, so a batch is applied once however often
// it is sent.
//
// Operation:    Admit moves the admitted sequence; TakeCheckpoint gives the stored form of what
//               moved, which goes into the same commit as everything those batches did; Committed
//               confirms that it is stored.
// Concurrency:  not thread-safe; guarded by the pipeline's admission lock.
// Limitations:  producers_max producers. When full, the producer that has been idle longest is
//               dropped if it has been idle for at least kIdleNs; it then needs a larger epoch.
class ProducerSequences {
 public:
  static constexpr int64_t kIdleNs = 3'600'000'000'000;

  explicit ProducerSequences(uint32_t producers_max) : producers_max_(producers_max) {}

  // A producer (re)connects: the committed sequence of this epoch.
  absl::StatusOr<uint64_t> Greet(const std::string& id, uint64_t epoch, int64_t now_ns);

  // The answer to a batch, without admitting it: kAccepted, kDuplicate, kOutOfOrder, kFenced or
  // kLimit.
  Admission Check(const BatchName& name, int64_t now_ns, uint64_t* expected);
  // Admits a batch that Check accepted.
  void Admit(const BatchName& name, int64_t now_ns);

  // Appends the stored form of every producer that moved since the last checkpoint.
  void TakeCheckpoint(std::vector<StateWrite>* writes);
  // The last checkpoint is stored.
  void Committed();

  // Counts as used now: the producer may be about to reconnect.
  absl::Status Restore(std::string_view id, std::string_view value, int64_t now_ns);
  size_t size() const { return producers_.size(); }
  void set_producers_max(uint32_t producers_max) { producers_max_ = producers_max; }

 private:
  struct Sequences {
    uint64_t epoch = 0;
    uint64_t admitted = 0;
    uint64_t checkpoint = 0;
    uint64_t committed = 0;
    bool dirty = false;       // in dirty_
    bool committing = false;  // in committing_
    int64_t used_ns = 0;
  };
  using Producers = std::map<std::string, Sequences, std::less<>>;
  void SetDirty(Producers::iterator producer);
  Sequences* FindOrAdd(const std::string& id, uint64_t epoch, int64_t now_ns);
  bool MakeRoom(int64_t now_ns);

  Producers producers_;
  // A commit costs what moved, not what exists. Producers in either list are not removed.
  std::vector<Producers::iterator> dirty_;       // moved since the last checkpoint
  std::vector<Producers::iterator> committing_;  // in the last checkpoint
  std::vector<std::string> removed_;
  uint32_t producers_max_;
};

}  // namespace faultline

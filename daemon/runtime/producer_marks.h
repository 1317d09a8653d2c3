#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/runtime/pipeline.h"
#include "storage/store.h"

namespace faultline {

// Per producer the epoch in force, the sequence admitted, and the sequence committed. Only
// admitted + 1 is admitted next, so a batch is applied once however often it is sent.
//
// Operation:    Admit moves the admitted mark; Cut asks for the bytes of what moved; Committed says
//               that those bytes are stored. A mark is stored in the same commit as everything the
//               batches up to it did.
// Concurrency:  not thread-safe; guarded by the pipeline's admission lock.
// Limitations:  producers_max marks. When full, the mark that has rested longest goes, if it has
//               rested for kRestNs at least; that producer then needs a larger epoch.
class ProducerMarks {
 public:
  static constexpr int64_t kRestNs = 3'600'000'000'000;

  explicit ProducerMarks(uint32_t producers_max) : producers_max_(producers_max) {}

  // A producer (re)connects: the committed sequence of this epoch.
  absl::StatusOr<uint64_t> Greet(const std::string& id, uint64_t epoch, int64_t now_ns);

  // What would become of a batch, without admitting it. kAccepted, kDuplicate, kOutOfOrder,
  // kFenced or kLimit.
  Admission Check(const BatchName& name, int64_t now_ns, uint64_t* expected);
  // Admits a batch that Check accepted.
  void Admit(const BatchName& name, int64_t now_ns);

  // Appends the stored form of every mark that moved since the last Cut.
  void Cut(std::vector<StateWrite>* writes);
  // What the last Cut gave is stored.
  void Committed();

  // The mark counts as used now: its producer may be about to come back.
  absl::Status Restore(std::string_view id, std::string_view value, int64_t now_ns);
  size_t size() const { return marks_.size(); }
  void set_producers_max(uint32_t producers_max) { producers_max_ = producers_max; }

 private:
  struct Mark {
    uint64_t epoch = 0;
    uint64_t admitted = 0;
    uint64_t cut = 0;
    uint64_t committed = 0;
    bool dirty = false;    // in dirty_
    bool cutting = false;  // in cutting_
    int64_t used_ns = 0;
  };
  using Marks = std::map<std::string, Mark, std::less<>>;
  void SetDirty(Marks::iterator mark);
  Mark* FindOrAdd(const std::string& id, uint64_t epoch, int64_t now_ns);
  bool MakeRoom(int64_t now_ns);

  Marks marks_;
  // A commit costs what moved, not what there is. Marks in either are not removed.
  std::vector<Marks::iterator> dirty_;    // moved since the last Cut
  std::vector<Marks::iterator> cutting_;  // in the last Cut
  std::vector<std::string> removed_;
  uint32_t producers_max_;
};

}  // namespace faultline

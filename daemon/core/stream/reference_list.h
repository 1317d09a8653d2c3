#pragma once

#include <absl/status/status.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/core/contract/effects.h"
#include "daemon/core/record/record_set.h"
#include "faultline/v1/reference.pb.h"

namespace faultline {

// The references that a stream has had, by version: what they were made from, and who put them into
// use. Keeps the newest kReferencesRememberedMax.
//
// Concurrency:  none.
class ReferenceList {
 public:
  explicit ReferenceList(StreamId stream) : stream_(stream) {}

  // Oldest first.
  const std::vector<v1::Reference>& all() const { return all_; }
  // The newest version; 0: none yet.
  uint32_t newest_version() const { return newest_version_; }
  // Null if it is not kept.
  const v1::Reference* Find(uint64_t version) const;

  // Gives a reference the next version; it is in use from now_ns on.
  uint32_t Add(v1::Reference reference, int64_t now_ns);
  // Puts a reference into use again.
  void Activate(uint64_t version, const std::string& actor, const std::string& comment,
                int64_t now_ns);
  // No reference is in use until a new one is learnt, at the request of `actor`.
  void Relearn(std::string actor);
  // Returns and clears the name of who asked for the learning; empty if it started by itself.
  std::string TakeRelearner();
  void InheritFrom(const ReferenceList& older);

  void TakeCheckpoint(Effects* effects);
  void Erase(Effects* effects) const;
  absl::Status Restore(std::string_view payload);

 private:
  StreamId stream_;
  std::vector<v1::Reference> all_;
  uint32_t newest_version_ = 0;
  std::string relearner_;  // who asked for the current learning; empty: it started by itself
  bool changed_ = false;
};

}  // namespace faultline

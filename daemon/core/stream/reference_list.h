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

// The references that a stream has had, by version: what they were made of, and who took them into
// use. The newest kReferencesRememberedMax are remembered.
//
// Concurrency:  none.
class ReferenceList {
 public:
  explicit ReferenceList(StreamId stream) : stream_(stream) {}

  // Oldest first.
  const std::vector<v1::Reference>& all() const { return all_; }
  // The newest version given; 0: none yet.
  uint32_t newest_version() const { return newest_version_; }
  // Null: not remembered.
  const v1::Reference* Find(uint64_t version) const;

  // Gives a reference the next version; it is in use from now_ns on.
  uint32_t Add(v1::Reference reference, int64_t now_ns);
  // A reference is put into use again.
  void Activate(uint64_t version, const std::string& actor, const std::string& comment,
                int64_t now_ns);
  // None is in use until one is learnt, which `actor` asked for.
  void Relearn(std::string actor);
  // Who asked for what is being learnt, empty if nobody did; no longer known afterwards.
  std::string TakeRelearner();
  void InheritFrom(const ReferenceList& older);

  void Cut(Effects* effects);
  void Erase(Effects* effects) const;
  absl::Status Restore(std::string_view payload);

 private:
  StreamId stream_;
  std::vector<v1::Reference> all_;
  uint32_t newest_version_ = 0;
  std::string relearner_;  // the name of who asked for what is being learnt
  bool changed_ = false;
};

}  // namespace faultline

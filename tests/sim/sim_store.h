#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/store_wrapper.h"

namespace faultline::sim {

// A store in memory in which the test decides the outcome of every commit. Like the real one, it
// takes nothing more after a failure until a Reopen succeeds, and keeps a commit whole or not at
// all.
class SimStore final : public StoreWrapper {
 public:
  enum class Fate {
    kTaken,
    kRefused,       // nothing of it is there
    kRefusedThere,  // all of it is there: only the answer is lost
  };
  using Writes = std::vector<StateWrite>;

  SimStore();

  // Decides the outcome of the next commit.
  std::function<Fate(const Writes& writes, bool sync)> decide;
  // The commit was applied, whatever its caller gets as status.
  std::function<void(const Writes& writes)> there;
  // While set, Reopen fails.
  bool down = false;

  absl::Status Commit(const Writes& writes, bool sync) override;
  absl::Status Reopen() override;

  // What a new process finds: a store that works, with everything that is there.
  void Restart() { failed_ = false; }
  // Of a key that must be there or not; empty if it is not.
  std::string Value(const std::string& key) const;
  // A copy, to be damaged.
  std::unique_ptr<Store> Copy(
      const std::function<void(std::string_view, std::string*)>& change) const;

 private:
  explicit SimStore(std::unique_ptr<Store> memory);

  const std::unique_ptr<Store> memory_;
  bool failed_ = false;
};

}  // namespace faultline::sim

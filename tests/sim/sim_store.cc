#include "tests/sim/sim_store.h"

#include <utility>

#include "storage/memory_store.h"

namespace faultline::sim {

SimStore::SimStore() : SimStore(NewMemoryStore()) {}

SimStore::SimStore(std::unique_ptr<Store> memory)
    : StoreWrapper(memory.get()), memory_(std::move(memory)) {}

absl::Status SimStore::Commit(const Writes& writes, bool sync) {
  if (failed_) return absl::FailedPreconditionError("takes nothing until it is reopened");
  const Fate fate = decide(writes, sync);
  if (fate != Fate::kRefused) {
    const absl::Status status = inner_->Commit(writes, sync);
    if (!status.ok()) return status;
    there(writes);
  }
  failed_ = fate != Fate::kTaken;
  return failed_ ? absl::ResourceExhaustedError("no space left on device") : absl::OkStatus();
}

absl::Status SimStore::Reopen() {
  failed_ = down;
  return down ? absl::UnavailableError("input/output error") : absl::OkStatus();
}

std::string SimStore::Value(const std::string& key) const {
  const auto value = inner_->Get(key);
  return value.ok() && value->has_value() ? **value : std::string();
}

std::unique_ptr<Store> SimStore::Copy(
    const std::function<void(std::string_view, std::string*)>& change) const {
  std::unique_ptr<Store> copy = NewMemoryStore();
  Writes writes;
  inner_
      ->Scan("", "",
             [&](std::string_view key, std::string_view value) {
               StateWrite& write = writes.emplace_back();
               write.key = key;
               write.value.emplace(value);
               change(key, &*write.value);
               return true;
             })
      .IgnoreError();
  copy->Commit(writes, false).IgnoreError();
  return copy;
}

}  // namespace faultline::sim

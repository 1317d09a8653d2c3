#include "storage/memory_store.h"

#include <map>
#include <mutex>
#include <shared_mutex>
#include <utility>

namespace faultline {
namespace {

using Visit = std::function<bool(std::string_view, std::string_view)>;

class MemoryStore final : public Store {
 public:
  absl::Status Commit(const std::vector<StateWrite>& writes, bool /*sync*/) override {
    const std::unique_lock lock(mutex_);
    for (const StateWrite& write : writes) {
      if (const auto found = values_.find(write.key); found != values_.end()) {
        bytes_ -= found->first.size() + found->second.size();
        values_.erase(found);
      }
      if (!write.value) continue;
      bytes_ += write.key.size() + write.value->size();
      values_.emplace(write.key, *write.value);
    }
    return absl::OkStatus();
  }

  absl::StatusOr<std::optional<std::string>> Get(std::string_view key) const override {
    const std::shared_lock lock(mutex_);
    const auto found = values_.find(key);
    if (found == values_.end()) return std::nullopt;
    return found->second;
  }

  absl::Status Scan(std::string_view begin, std::string_view end,
                    const Visit& visit) const override {
    for (const auto& [key, value] : Copy(begin, end)) {
      if (!visit(key, value)) break;
    }
    return absl::OkStatus();
  }

  absl::Status ScanBackwards(std::string_view begin, std::string_view end,
                             const Visit& visit) const override {
    const Copied copied = Copy(begin, end);
    for (auto at = copied.rbegin(); at != copied.rend(); ++at) {
      if (!visit(at->first, at->second)) break;
    }
    return absl::OkStatus();
  }

  absl::Status Reopen() override { return absl::OkStatus(); }

  absl::Status Backup(const std::string& /*folder*/) override {
    return absl::FailedPreconditionError("a store in memory cannot be backed up");
  }

  uint64_t bytes() const override {
    const std::shared_lock lock(mutex_);
    return bytes_;
  }

  uint64_t compaction_debt_bytes() const override { return 0; }

 private:
  using Copied = std::vector<std::pair<std::string, std::string>>;

  Copied Copy(std::string_view begin, std::string_view end) const {
    const std::shared_lock lock(mutex_);
    Copied copied;
    for (auto at = values_.lower_bound(begin);
         at != values_.end() && (end.empty() || at->first < end); ++at) {
      copied.emplace_back(at->first, at->second);
    }
    return copied;
  }

  mutable std::shared_mutex mutex_;
  std::map<std::string, std::string, std::less<>> values_;
  uint64_t bytes_ = 0;
};

}  // namespace

std::unique_ptr<Store> NewMemoryStore() { return std::make_unique<MemoryStore>(); }

}  // namespace faultline

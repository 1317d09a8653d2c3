#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "storage/store.h"

namespace faultline {

// A store in front of another one, for those who change what becomes of commits: reads go through.
class StoreWrapper : public Store {
 public:
  // `inner` must outlive this.
  explicit StoreWrapper(Store* inner) : inner_(inner) {}

  absl::StatusOr<std::optional<std::string>> Get(std::string_view key) const override {
    return inner_->Get(key);
  }
  absl::Status Scan(
      std::string_view begin, std::string_view end,
      const std::function<bool(std::string_view, std::string_view)>& visit) const override {
    return inner_->Scan(begin, end, visit);
  }
  absl::Status ScanBackwards(
      std::string_view begin, std::string_view end,
      const std::function<bool(std::string_view, std::string_view)>& visit) const override {
    return inner_->ScanBackwards(begin, end, visit);
  }
  absl::Status Backup(const std::string& folder) override { return inner_->Backup(folder); }
  uint64_t bytes() const override { return inner_->bytes(); }
  uint64_t compaction_debt_bytes() const override { return inner_->compaction_debt_bytes(); }

 protected:
  Store* const inner_;
};

}  // namespace faultline

// Detects a lasting rise of the share of rows that ended in an error. For status words, every word
// except the `ok` ones is an error, also words that the reference does not have; for a flag, 1 is.
// Blind to which error it is: distribution_change and unseen_change detect that.
#include <absl/strings/match.h>

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "detectors/evidence/reference_law.h"
#include "detectors/kinds.h"
#include "detectors/quality/share_change.h"
#include "faultline/v1/detector.pb.h"

namespace faultline {
namespace {

constexpr ShareChange::Kind kKind = {"error_change", 0x6572'0001, "errors", false};
constexpr std::string_view kOkWords[] = {"ok", "success", "succeeded", "completed", "0", "200"};

class ErrorChange final : public ShareChange {
 public:
  ErrorChange(std::vector<std::string> ok, double tolerance)
      : ShareChange(kKind, tolerance), ok_(std::move(ok)) {}

  bool Judges(SignalType) const override { return true; }

 protected:
  Share ShareOf(const FollowInput& input) const override {
    const double rows = static_cast<double>(input.pane.values());
    const double reference_rows = static_cast<double>(input.reference.values());
    const bool words = input.reference.shape().type == SignalType::kCategorical;
    const double fine = words ? Fine(input.pane) : rows - CountOnes(input.pane);
    const double fine_before =
        words ? Fine(input.reference) : reference_rows - CountOnes(input.reference);
    return {rows - fine, rows, reference_rows - fine_before, reference_rows,
            std::max(input.law.cell_dispersion, input.law.mean_dispersion)};
  }

  std::string WhyInapplicable(const FollowInput& input) const override {
    const Shape& shape = input.reference.shape();
    if (shape.type == SignalType::kCategorical) return "";
    // A flag that never changed in the reference is a flag as well.
    const bool flags = shape.constant() ? shape.low == 0 || shape.low == 1
                                        : shape.low == 0 && shape.high == 1 && OnlyTheTwo(input);
    return flags ? "" : "numbers other than 0 and 1: send the status as 0 and 1 or as words";
  }

 private:
  // Whether the variance is that of a column of 0 and 1 only.
  static bool OnlyTheTwo(const FollowInput& input) {
    const double mean = input.reference.mean();
    return input.reference.variance() > 0.999 * mean * (1 - mean);
  }

  bool IsFine(std::string_view word) const {
    return std::any_of(ok_.begin(), ok_.end(), [&](const std::string& ok) {
      return absl::EqualsIgnoreCase({word.data(), word.size()}, ok);
    });
  }

  // Rows with an `ok` word. Words that the reference lacks count as far as they are known.
  double Fine(const Summary& summary) const {
    const std::vector<std::string>& words = summary.shape().categories;
    uint64_t rows = 0;
    for (size_t i = 0; i < words.size(); ++i) {
      if (IsFine(words[i])) rows += summary.cells()[i];
    }
    if (summary.unseen() > 0) {
      for (const TopK::Entry& entry : summary.unseen_top().Ranked()) {
        if (IsFine(entry.label)) rows += entry.count;
      }
    }
    return static_cast<double>(rows);
  }

  const std::vector<std::string> ok_;
};

}  // namespace

absl::StatusOr<Detector> MakeErrorChange(const v1::DetectorSpec& spec) {
  const v1::ErrorChangeOptions& options = spec.error_change();
  const auto tolerance = ReadShareTolerance(kKind.name, options);
  if (!tolerance.ok()) return tolerance.status();
  std::vector<std::string> ok(options.ok().begin(), options.ok().end());
  if (ok.empty()) ok.assign(std::begin(kOkWords), std::end(kOkWords));
  return Detector{.name = kKind.name,
                  .follow = std::make_shared<ErrorChange>(std::move(ok), *tolerance)};
}

}  // namespace faultline

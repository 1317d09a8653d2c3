#include "daemon/core/signal/signal_evidence.h"

#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numeric>
#include <string>
#include <vector>

#include "base/check.h"
#include "base/clean_text.h"

namespace faultline {
namespace {

// Cells of a categorical summary after its categories, without the one that is always 0.
constexpr size_t kSpecialCategories = 3;

double Share(uint64_t count, uint64_t rows) {
  return rows == 0 ? 0 : static_cast<double>(count) / static_cast<double>(rows);
}

class CellWriter {
 public:
  CellWriter(const Summary& reference, const Summary& window, v1::SignalEvidence* out)
      : reference_(reference), window_(window), out_(out) {}

  double ReferenceShare(size_t cell) const {
    return Share(reference_.cells()[cell], reference_.rows());
  }
  double WindowShare(size_t cell) const { return Share(window_.cells()[cell], window_.rows()); }

  v1::DistributionCell* Add(std::string label, size_t cell) {
    v1::DistributionCell* written = out_->add_cells();
    written->set_label(std::move(label));
    written->set_reference_share(ReferenceShare(cell));
    written->set_window_share(WindowShare(cell));
    return written;
  }

 private:
  const Summary& reference_;
  const Summary& window_;
  v1::SignalEvidence* out_;
};

void AddNumericCells(const Shape& shape, CellWriter* cells) {
  const uint32_t bins = shape.bins();
  for (uint32_t i = 0; i < bins; ++i) {
    cells->Add(BinLabel(shape.boundaries[i], shape.boundaries[i + 1]), i);
  }
  cells->Add("(under)", bins);
  cells->Add("(over)", bins + 1);
  cells->Add("(missing)", bins + 2);
  cells->Add("(invalid)", bins + 3);
}

// True for the categories that get a cell of their own.
std::vector<bool> ChooseCategories(size_t categories, const CellWriter& cells) {
  constexpr size_t kRoom = kEvidenceCellsMax - kSpecialCategories;
  std::vector<size_t> order(categories);
  std::iota(order.begin(), order.end(), size_t{0});
  const auto size = [&](size_t i) {
    return std::max(cells.ReferenceShare(i), cells.WindowShare(i));
  };
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return size(a) > size(b); });
  std::vector<bool> chosen(categories);
  for (size_t i = 0; i < std::min(categories, kRoom); ++i) chosen[order[i]] = true;
  return chosen;
}

void AddCategoricalCells(const Shape& shape, CellWriter* cells) {
  const size_t categories = shape.categories.size();
  const std::vector<bool> chosen = ChooseCategories(categories, *cells);
  double reference_rest = 0;
  double window_rest = 0;
  for (size_t i = 0; i < categories; ++i) {
    if (chosen[i]) {
      cells->Add(CleanText(shape.categories[i], kEvidenceLabelBytesMax), i);
    } else {
      reference_rest += cells->ReferenceShare(i);
      window_rest += cells->WindowShare(i);
    }
  }
  v1::DistributionCell* other = cells->Add("(other)", categories);
  other->set_reference_share(other->reference_share() + reference_rest);
  other->set_window_share(other->window_share() + window_rest);
  cells->Add("(unseen)", categories + 1);
  cells->Add("(missing)", categories + 2);
}

}  // namespace

std::string BinLabel(double low, double high) {
  if (low == high) return absl::StrFormat("%.6g", low);
  for (int digits = 6; digits < 17; ++digits) {
    const std::string from = absl::StrFormat("%.*g", digits, low);
    const std::string to = absl::StrFormat("%.*g", digits, high);
    if (from != to) return absl::StrCat(from, " .. ", to);
  }
  return absl::StrFormat("%.17g .. %.17g", low, high);
}

v1::SignalEvidence MakeEvidence(std::string_view signal, const Summary& reference,
                                const Summary& window) {
  FAULTLINE_CHECK(reference.cells().size() == window.cells().size(),
                  "both are counted with one shape");
  v1::SignalEvidence evidence;
  evidence.set_signal(std::string(signal));
  evidence.set_reference_rows(reference.rows());
  evidence.set_window_rows(window.rows());
  const Shape& shape = reference.shape();
  CellWriter cells(reference, window, &evidence);
  if (shape.type == SignalType::kCategorical) {
    AddCategoricalCells(shape, &cells);
    return evidence;
  }
  AddNumericCells(shape, &cells);
  if (std::isfinite(reference.mean())) evidence.set_reference_mean(reference.mean());
  if (std::isfinite(window.mean())) evidence.set_window_mean(window.mean());
  return evidence;
}

}  // namespace faultline

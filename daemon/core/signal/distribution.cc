#include "daemon/core/signal/distribution.h"

#include <algorithm>
#include <cmath>
#include <iterator>

#include "base/check.h"
#include "base/clean_text.h"
#include "daemon/core/signal/signal_evidence.h"

namespace faultline {
namespace {

constexpr double kProbabilities[] = {0.01, 0.05, 0.1, 0.2, 0.3,  0.4, 0.5,
                                     0.6,  0.7,  0.8, 0.9, 0.95, 0.99};
constexpr size_t kContributionsMax = 16;

void AddBin(std::string label, uint64_t count, v1::Distribution* out) {
  v1::DistributionBin* bin = out->add_bins();
  bin->set_label(std::move(label));
  bin->set_count(count);
}

// Ascending spans of numbers with their counts: below the bins, the bins, above them.
struct Span {
  double low, high;
  uint64_t count;
};

std::vector<Span> Spans(const Summary& summary) {
  const Shape& shape = summary.shape();
  std::vector<Span> spans;
  if (shape.boundaries.empty()) return spans;
  spans.push_back({summary.least(), shape.boundaries.front(), summary.under()});
  for (uint32_t i = 0; i < shape.bins(); ++i) {
    spans.push_back({shape.boundaries[i], shape.boundaries[i + 1], summary.cells()[i]});
  }
  spans.push_back({shape.boundaries.back(), summary.largest(), summary.over()});
  return spans;
}

double Interpolated(const std::vector<Span>& spans, double rank) {
  double before = 0;
  for (const Span& span : spans) {
    const auto count = static_cast<double>(span.count);
    if (count > 0 && before + count >= rank) {
      return span.low + (span.high - span.low) * (rank - before) / count;
    }
    before += count;
  }
  return spans.back().high;
}

void AddQuantiles(const Summary& summary, v1::Distribution* out) {
  const std::vector<Span> spans = Spans(summary);
  if (spans.empty() || summary.values() == 0) return;
  for (const double probability : kProbabilities) {
    const double value =
        summary.quantiles() != nullptr
            ? summary.quantiles()->Quantile(probability)
            : std::clamp(Interpolated(spans, probability * static_cast<double>(summary.values())),
                         summary.least(), summary.largest());
    if (!std::isfinite(value)) continue;
    v1::Quantile* quantile = out->add_quantiles();
    quantile->set_probability(probability);
    quantile->set_value(value);
  }
}

void AddNumbers(const Summary& summary, v1::Distribution* out) {
  const Shape& shape = summary.shape();
  for (uint32_t i = 0; i < shape.bins(); ++i) {
    AddBin(BinLabel(shape.boundaries[i], shape.boundaries[i + 1]), summary.cells()[i], out);
    v1::DistributionBin* bin = out->mutable_bins(static_cast<int>(i));
    bin->set_low(shape.boundaries[i]);
    bin->set_high(shape.boundaries[i + 1]);
  }
  AddBin("(under)", summary.under(), out);
  AddBin("(over)", summary.over(), out);
  AddBin("(missing)", summary.missing(), out);
  AddBin("(invalid)", summary.invalid(), out);
  if (summary.values() == 0) return;
  if (std::isfinite(summary.mean())) out->set_mean(summary.mean());
  const double deviation = std::sqrt(summary.variance());
  if (std::isfinite(deviation)) out->set_standard_deviation(deviation);
  out->set_least(summary.least());
  out->set_largest(summary.largest());
  AddQuantiles(summary, out);
}

void AddCategories(const Summary& summary, v1::Distribution* out) {
  const Shape& shape = summary.shape();
  for (size_t i = 0; i < shape.categories.size(); ++i) {
    AddBin(CleanText(shape.categories[i], kEvidenceLabelBytesMax), summary.cells()[i], out);
  }
  AddBin("(other)", summary.other(), out);
  AddBin("(unseen)", summary.unseen(), out);
  AddBin("(missing)", summary.missing(), out);
  for (const TopK::Entry& entry : summary.unseen_top().Ranked()) {
    v1::CategoryCount* category = out->add_unseen();
    category->set_category(CleanText(entry.label, kEvidenceLabelBytesMax));
    category->set_count(entry.count);
  }
}

}  // namespace

v1::Distribution MakeDistribution(const Summary& summary) {
  v1::Distribution out;
  out.set_rows(summary.rows());
  out.set_missing(summary.missing());
  out.set_invalid(summary.invalid());
  if (summary.shape().type == SignalType::kNumeric) {
    AddNumbers(summary, &out);
  } else {
    AddCategories(summary, &out);
  }
  return out;
}

std::vector<v1::BinContribution> Contributions(const v1::Distribution& reference,
                                               const v1::Distribution& window) {
  FAULTLINE_CHECK(reference.bins_size() == window.bins_size(), "both are of one shape");
  std::vector<v1::BinContribution> all;
  if (reference.rows() == 0 || window.rows() == 0) return all;
  const auto before_rows = static_cast<double>(reference.rows());
  const auto now_rows = static_cast<double>(window.rows());
  for (int i = 0; i < reference.bins_size(); ++i) {
    const auto before = static_cast<double>(reference.bins(i).count());
    const auto now = static_cast<double>(window.bins(i).count());
    if (before == 0 && now == 0) continue;
    const double p = (before + 0.5) / before_rows;
    const double q = (now + 0.5) / now_rows;
    v1::BinContribution& each = all.emplace_back();
    each.set_bin(static_cast<uint32_t>(i));
    each.set_share_difference(now / now_rows - before / before_rows);
    each.set_psi((q - p) * std::log(q / p));
  }
  std::stable_sort(all.begin(), all.end(),
                   [](const auto& a, const auto& b) { return a.psi() > b.psi(); });
  if (all.size() > kContributionsMax) all.resize(kContributionsMax);
  return all;
}

}  // namespace faultline

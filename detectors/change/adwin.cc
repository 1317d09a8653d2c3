// ADWIN (Bifet, Gavalda: Learning from time-changing data with adaptive windowing, SDM 2007), the
// form with exponential buckets and a variance-aware cut. The window is cut where the means of its
// two parts differ by more than chance; buckets of 1, 2, 4, ... values keep the cost at O(log W).
//
// Paper (the default): 1/m = 1/n0 + 1/n1, and after a change the newer part of the window stays.
// Compatible with river 0.26.1 (`river` = 1): 1/m is of n - min_window_length + 1, and the value
// after a change begins with an empty window. Its arithmetic is kept operation by operation.
//
// Blind to: changes small against sqrt(variance ln(ln W / delta) / W). The bound holds per check,
// not over time.

#include "detectors/change/sequence_rule.h"
#include "detectors/stats/elementary.h"

namespace faultline {
namespace {

// Room for 5 * 2^40 values.
constexpr uint32_t kRows = 40;

struct AdwinRule {
  static constexpr SequenceInput kInput = SequenceInput::kNumbers;

  struct State {
    double width = 0;
    double total = 0;
    double variance = 0;  // sum of squared deviations from the mean
    uint64_t tick = 0;
    uint64_t rows = 1;
  };

  double delta;
  uint64_t clock;
  uint32_t buckets;  // of each size
  double least_part;
  double grace;
  bool river;

  // Rows behind the state: each a count, then totals, then variances.
  size_t row_doubles() const { return 1 + 2 * (buckets + 1); }
  size_t tail_bytes() const { return kRows * row_doubles() * sizeof(double); }
  double* RowAt(std::byte* tail, size_t row) const {
    return reinterpret_cast<double*>(tail) + row * row_doubles();
  }
  double* Variances(double* row) const { return row + 2 + buckets; }

  static double SizeOf(size_t row) { return static_cast<double>(uint64_t{1} << row % 64); }

  void Begin(State& state, std::byte* tail) const {
    state = State();
    std::memset(tail, 0, tail_bytes());
  }

  void Append(std::byte* tail, size_t row, double total, double variance) const {
    double* at = RowAt(tail, row);
    const auto count = static_cast<size_t>(at[0]);
    at[1 + count] = total;
    Variances(at)[count] = variance;
    at[0] += 1;
  }

  void DropFirst(double* row, size_t drop) const {
    const auto count = static_cast<size_t>(row[0]);
    double* variances = Variances(row);
    for (size_t k = drop; k < count; ++k) {
      row[1 + k - drop] = row[1 + k];
      variances[k - drop] = variances[k];
    }
    row[0] -= static_cast<double>(drop);
  }

  void Insert(State& state, std::byte* tail, double x) const {
    Append(tail, 0, x, 0);
    state.width += 1;
    if (state.width > 1) {
      const double off = x - state.total / (state.width - 1);
      state.variance += (state.width - 1) * off * off / state.width;
    }
    state.total += x;
    for (size_t i = 0; i + 1 < kRows; ++i) {
      double* row = RowAt(tail, i);
      if (row[0] != buckets + 1) break;
      if (i + 1 == state.rows) ++state.rows;
      const double size = SizeOf(i);
      const double off = row[1] / size - row[2] / size;
      const double between = size * size * off * off / (size + size);
      const double* variances = Variances(row);
      Append(tail, i + 1, row[1] + row[2], variances[0] + variances[1] + between);
      DropFirst(row, 2);
    }
  }

  void DropOldest(State& state, std::byte* tail) const {
    double* row = RowAt(tail, state.rows - 1);
    const double size = SizeOf(state.rows - 1);
    state.width -= size;
    state.total -= row[1];
    const double off = row[1] / size - state.total / state.width;
    state.variance -= Variances(row)[0] + size * state.width * off * off / (size + state.width);
    DropFirst(row, 1);
    if (row[0] == 0 && state.rows > 1) --state.rows;
  }

  // The test of one cut, as published.
  bool IsCut(const State& state, double n0, double n1, double difference, double log_term) const {
    const double less = river ? least_part - 1 : 0;
    const double m = 1 / (n0 - less) + 1 / (n1 - less);
    const double epsilon =
        std::sqrt(2 * m * (state.variance / state.width) * log_term) + 2.0 / 3 * log_term * m;
    return std::fabs(difference) > epsilon;
  }

  bool HasCut(const State& state, std::byte* tail, double log_term) const {
    double n0 = 0;
    double u0 = 0;
    double n1 = state.width;
    double u1 = state.total;
    const double less = river ? least_part - 1 : 0;
    // Without roots and divisions: there can only be a cut if the first term of epsilon alone is
    // exceeded, with a margin for rounding.
    const double bound =
        2 * (state.variance / state.width) * log_term * (state.width - 2 * less) * (1 - 1e-9);
    for (size_t i = state.rows; i-- > 0;) {
      const double* row = RowAt(tail, i);
      const double size = SizeOf(i);
      const auto count = static_cast<size_t>(row[0]);
      for (size_t k = 0; k < count; ++k) {
        n0 += size;
        n1 -= size;
        u0 += row[1 + k];
        u1 -= row[1 + k];
        if (n1 < least_part) return false;
        if (n0 < least_part) continue;
        const double a = u0 * n1;
        const double b = u1 * n0;
        const double gap = std::fabs(a - b) + 1e-14 * (std::fabs(a) + std::fabs(b));
        const double product = n0 * n1;
        if (gap * gap * ((n0 - less) * (n1 - less)) <= bound * product * product) continue;
        if (n1 > 0 && IsCut(state, n0, n1, u0 / n0 - u1 / n1, log_term)) return true;
      }
    }
    return false;
  }

  RuleStep Step(State& state, std::byte* tail, double x) const {
    Insert(state, tail, x);
    if (++state.tick % clock != 0 || state.width <= grace) return {};
    bool changed = false;
    while (state.width > 1 && HasCut(state, tail, Log(2 * Log(state.width) / delta))) {
      DropOldest(state, tail);
      changed = true;
    }
    if (!changed) return {};
    const auto kept = static_cast<uint64_t>(state.width);
    if (river) Begin(state, tail);
    return {SequenceReport::kChange, kept};
  }
};

}  // namespace

std::shared_ptr<const SequenceDetector> MakeAdwin(SequenceOptions options, uint64_t tag) {
  return SequenceFrom(AdwinRule{.delta = options[0],
                                .clock = static_cast<uint64_t>(options[1]),
                                .buckets = static_cast<uint32_t>(options[2]),
                                .least_part = options[3],
                                .grace = options[4],
                                .river = options[5] != 0},
                      tag);
}

}  // namespace faultline

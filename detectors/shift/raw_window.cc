// Scores of other tools on raw values, window by window. The only kind that allocates while it
// runs: once per window, and only where it is configured.
#include <absl/strings/str_cat.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "detectors/contract/judgement.h"
#include "detectors/contract/tagged_state.h"
#include "detectors/kinds.h"
#include "detectors/stats/conventions.h"
#include "faultline/v1/detector.pb.h"

namespace faultline {
namespace {

constexpr const char* kName = "raw_window";
constexpr uint32_t kRowsMin = 64;
constexpr uint32_t kRowsMax = 1'000;
constexpr uint32_t kRowsDefault = 500;
constexpr size_t kReferenceMax = 8'192;
constexpr size_t kColumnsMax = 32;

struct RawScore {
  v1::RawScore score;
  std::string_view name;
  double (*compute)(std::span<const double> reference, std::span<const double> window);
};
constexpr std::array<RawScore, 11> kScores = {{
    {v1::RAW_SCORE_EVIDENTLY_PSI, "evidently_psi", evidently::Psi},
    {v1::RAW_SCORE_EVIDENTLY_KL, "evidently_kl", evidently::KullbackLeibler},
    {v1::RAW_SCORE_EVIDENTLY_JENSEN_SHANNON, "evidently_jensen_shannon", evidently::JensenShannon},
    {v1::RAW_SCORE_EVIDENTLY_HELLINGER, "evidently_hellinger", evidently::Hellinger},
    {v1::RAW_SCORE_EVIDENTLY_WASSERSTEIN, "evidently_wasserstein", evidently::WassersteinNormed},
    {v1::RAW_SCORE_NANNYML_JENSEN_SHANNON, "nannyml_jensen_shannon", nannyml::JensenShannon},
    {v1::RAW_SCORE_NANNYML_HELLINGER, "nannyml_hellinger", nannyml::Hellinger},
    {v1::RAW_SCORE_NANNYML_WASSERSTEIN, "nannyml_wasserstein", nannyml::Wasserstein},
    {v1::RAW_SCORE_SCIPY_KOLMOGOROV_SMIRNOV, "scipy_kolmogorov_smirnov",
     nannyml::KolmogorovSmirnov},
    {v1::RAW_SCORE_SAGEMAKER_SIMPLE, "sagemaker_simple", sagemaker::Simple},
    {v1::RAW_SCORE_SAGEMAKER_ROBUST, "sagemaker_robust", sagemaker::Robust},
}};

constexpr uint64_t kTag = 0x7277'0001;

// The state from row to row: the open window.
struct Memory {
  uint32_t tag = 0;
  uint32_t rows = 0;
  uint32_t values = 0;
  uint32_t unused = 0;
  std::array<double, kRowsMax> window{};
};
static_assert(sizeof(Memory) == 8'016, "the catalog says so");

// The values that the other tools would get.
std::vector<double> FiniteValues(const RowColumn& column, uint32_t rows) {
  std::vector<double> values;
  values.reserve(rows);
  for (uint32_t row = 0; row < rows; ++row) {
    const double value = column.Number(row);
    if (std::isfinite(value)) values.push_back(value);
  }
  return values;
}

class RawWindows final : public Transform {
 public:
  RawWindows(const RawScore& score, uint32_t rows)
      : Transform({.name = kName,
                   .owned = true,
                   .options = absl::StrCat(std::string(score.name), " rows ", rows),
                   .memory_bytes = sizeof(Memory)}),
        score_(score),
        rows_(rows) {}

  bool Takes(const ColumnOffer& column) const override {
    return column.values == ColumnValues::kNumbers && column.chosen;
  }
  bool Makes(std::string_view signal) const override { return signal.starts_with(Prefix()); }

  absl::Status Fit(std::span<const RowColumn> columns, uint32_t rows,
                   std::vector<MadeSignal>* signals) const override {
    if (columns.size() > kColumnsMax) {
      return absl::FailedPreconditionError(
          absl::StrCat(kName, " takes ", kColumnsMax, " columns at most: list fewer in signals"));
    }
    for (uint32_t i = 0; i < columns.size(); ++i) {
      std::vector<double> values = FiniteValues(columns[i], rows);
      if (values.size() < 2 * size_t{rows_}) continue;
      const size_t step = (values.size() + kReferenceMax - 1) / kReferenceMax;
      size_t kept = 0;
      for (size_t at = 0; at < values.size(); at += step) values[kept++] = values[at];
      MadeSignal& made = signals->emplace_back();
      made.name = absl::StrCat(Prefix(), std::string(columns[i].signal));
      made.columns = {i};
      made.fitted.resize(sizeof kTag + kept * sizeof(double));
      std::memcpy(made.fitted.data(), &kTag, sizeof kTag);
      std::memcpy(made.fitted.data() + sizeof kTag, values.data(), kept * sizeof(double));
    }
    if (!signals->empty()) return absl::OkStatus();
    return absl::FailedPreconditionError(absl::StrCat(kName, " needs a numeric column with ",
                                                      2 * rows_, " values in the reference"));
  }

  void Derive(std::string_view fitted, std::span<const RowColumn> columns, RowRange range,
              std::span<std::byte> memory, std::span<double> values) const override {
    std::fill(values.begin() + range.begin, values.begin() + range.end, kUnset);
    uint64_t tag = 0;
    if (fitted.size() >= sizeof tag) std::memcpy(&tag, fitted.data(), sizeof tag);
    if (tag != kTag || memory.size() != sizeof(Memory) || columns.size() != 1) return;
    auto* open = reinterpret_cast<Memory*>(memory.data());
    if (open->tag != static_cast<uint32_t>(kTag) || open->rows >= rows_ ||
        open->values > open->rows) {
      *open = Memory();
    }
    open->tag = static_cast<uint32_t>(kTag);
    for (uint32_t row = range.begin; row < range.end; ++row) {
      const double value = columns[0].Number(row);
      if (std::isfinite(value)) open->window[open->values++] = value;
      if (++open->rows < rows_) continue;
      values[row] = ScoreOf(fitted.substr(sizeof tag), {open->window.data(), open->values});
      open->rows = open->values = 0;
    }
  }

 private:
  std::string Prefix() const { return absl::StrCat(std::string(score_.name), " of "); }

  double ScoreOf(std::string_view bytes, std::span<const double> window) const {
    if (window.empty()) return kUnset;
    std::vector<double> reference(bytes.size() / sizeof(double));
    std::memcpy(reference.data(), bytes.data(), reference.size() * sizeof(double));
    const double score = score_.compute(reference, window);
    return std::isfinite(score) ? std::max(score, 0.0) : kUnset;
  }

  const RawScore& score_;
  uint32_t rows_;
};

struct State {
  double newest = kUnset;
  uint64_t windows = 0;
};
static_assert(sizeof(State) == 16, "no padding: the bytes are hashed and stored");

// Shows the newest score, with a threshold if one is set.
class ShowScore final : public FollowDetector {
 public:
  ShowScore(double threshold, uint32_t rows) : threshold_(threshold), rows_(rows) {}

  bool Judges(SignalType type) const override { return type == SignalType::kNumeric; }
  size_t state_bytes() const override { return StateBytes(sizeof(State)); }
  void Start(std::span<std::byte> bytes) const override {
    std::fill(bytes.begin(), bytes.end(), std::byte{0});
  }

  Verdict Follow(const FollowInput& input, std::span<std::byte> bytes) const override {
    State state;
    if (!ReadState(kTag, bytes, {StatePart(state)})) state = State();
    if (input.pane.values() > 0) {
      state.newest = input.pane.largest();
      state.windows += input.pane.values();
    }
    WriteState(kTag, {StatePart(state)}, bytes);
    Verdict verdict;
    verdict.threshold = threshold_;
    verdict.reference_rows = input.reference.rows();
    if (!HasShape(input.reference, &verdict)) return verdict;
    if (state.windows == 0) {
      verdict.detail = absl::StrCat("no window of ", rows_, " rows is full yet");
      return verdict;
    }
    verdict.rows = rows_;
    verdict.score = verdict.effect_size = state.newest;
    verdict.noise_floor = input.reference.mean();
    if (std::isnan(threshold_)) {
      verdict.detail = "no threshold is set";
      return verdict;
    }
    verdict.state = state.newest >= threshold_ ? VerdictState::kAlarm : VerdictState::kQuiet;
    return verdict;
  }

 private:
  double threshold_;
  uint32_t rows_;
};

}  // namespace

absl::StatusOr<Detector> MakeRawWindow(const v1::DetectorSpec& spec) {
  const v1::RawWindowOptions& options = spec.raw_window();
  const double threshold = options.has_threshold() ? options.threshold() : kUnset;
  if (options.has_threshold() && !(threshold > 0 && std::isfinite(threshold))) {
    return OptionError(kName, "threshold", "above 0");
  }
  const uint32_t rows = options.has_rows() ? options.rows() : kRowsDefault;
  if (rows < kRowsMin || rows > kRowsMax) return OptionError(kName, "rows", "64 to 1000");
  const v1::RawScore wanted =
      options.score() == v1::RAW_SCORE_UNSPECIFIED ? v1::RAW_SCORE_EVIDENTLY_PSI : options.score();
  const auto score = std::find_if(kScores.begin(), kScores.end(),
                                  [&](const RawScore& one) { return one.score == wanted; });
  if (score == kScores.end()) return OptionError(kName, "score", "one of the listed scores");
  return Detector{.name = kName,
                  .follow = std::make_shared<ShowScore>(threshold, rows),
                  .transform = std::make_shared<RawWindows>(*score, rows)};
}

}  // namespace faultline

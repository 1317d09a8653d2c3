#include "detectors/catalog.h"

#include "detectors/kinds.h"
#include "faultline/v1/detector.pb.h"

namespace faultline {
namespace {

using enum v1::DetectorSpec::KindCase;
using enum Concern;
using enum ReplaySource;

// Causes that more than one source of findings speaks for have their words in triage.
constexpr DetectorCause kAnotherUnit = {.cause = Cause::kUnitChange};
constexpr DetectorCause kFewerRows = {
    .cause = Cause::kTrafficStopped,
    .failure_mode = FailureMode::kOperational,
    .weight = 4,
    .title = "rows come more slowly, or no more",
    .next_step =
        "look at the callers, at what routes to the model server, and at the sender of its rows"};
constexpr DetectorCause kSameRows = {
    .cause = Cause::kRepeatedRows,
    .failure_mode = FailureMode::kDataQuality,
    .weight = 5,
    .title = "the same rows come again",
    .next_step =
        "see who sends them twice: retries, a log that is replayed, or a caller that "
        "probes the model"};
constexpr DetectorCause kNoLongerTogether = {
    .cause = Cause::kRelationBroken,
    .failure_mode = FailureMode::kDataQuality,
    .weight = 4,
    .title = "columns no longer go together",
    .next_step = "look at the join or the mapping that brings the two together"};

// clang-format off
constexpr bool Y = true;
constexpr bool N = false;
constexpr FailureMode D = FailureMode::kDataQuality;
constexpr FailureMode I = FailureMode::kInputDrift;
constexpr FailureMode U = FailureMode::kUnusualInput;
constexpr Watched C = Watched::kColumns;
constexpr Watched S = Watched::kStatus;
constexpr Watched O = Watched::kOwn;
constexpr CatalogEntry kCatalog[] = {
  // kind, name,
  // concern, failure mode, what it looks at, state version, most state bytes, replay; Y or N: in
  // the default suite, on the alarm budget, on the rolling reference, of the whole distribution;
  // factory, cause, bytes from row to row
  {kPsi, "psi", kShift, I, C, 1, 0, kPanes, Y, N, N, N, MakePsi},
  {kJensenShannon, "jensen_shannon", kShift, I, C, 1, 0, kPanes, Y, N, N, N, MakeJensenShannon},
  {kKolmogorovSmirnov, "kolmogorov_smirnov",
      kShift, I, C, 1, 0, kPanes, Y, N, N, N, MakeKolmogorovSmirnov},
  {kWasserstein, "wasserstein", kShift, I, C, 1, 0, kPanes, Y, N, N, N, MakeWasserstein},
  {kChiSquare, "chi_square", kShift, I, C, 1, 0, kPanes, Y, N, N, N, MakeChiSquare},
  {kReferenceDisagreement, "reference_disagreement",
      kShift, I, C, 1, 0, kPanes, Y, N, Y, N, MakeReferenceDisagreement},
  {kMissingRate, "missing_rate", kQuality, D, C, 1, 0, kPanes, Y, N, N, N, MakeMissingRate},
  {kInvalidRate, "invalid_rate", kQuality, D, C, 1, 0, kPanes, Y, N, N, N, MakeInvalidRate},
  {kOutOfRange, "out_of_range", kQuality, D, C, 1, 0, kPanes, Y, N, N, N, MakeOutOfRange},
  {kUnseenCategory, "unseen_category",
      kQuality, D, C, 1, 0, kPanes, Y, N, N, N, MakeUnseenCategory},
  {kPageHinkley, "page_hinkley", kChange, I, C, 1, 136, kPanes, Y, N, N, N, MakePageHinkley},
  {kMeanChange, "mean_change", kChange, I, C, 1, 608, kPanes, Y, Y, N, Y, MakeMeanChange},
  {kScaleChange, "scale_change", kChange, I, C, 1, 464, kPanes, Y, Y, N, N, MakeScaleChange},
  {kDistributionChange, "distribution_change",
      kShift, I, C, 1, 816, kPanes, Y, Y, N, Y, MakeDistributionChange},
  {kMissingChange, "missing_change", kQuality, D, C, 1, 440, kPanes, Y, Y, N, N, MakeMissingChange},
  {kInvalidChange, "invalid_change", kQuality, D, C, 1, 440, kPanes, Y, Y, N, N, MakeInvalidChange},
  {kRangeChange, "range_change", kShift, I, C, 1, 440, kPanes, Y, Y, N, N, MakeRangeChange},
  {kUnseenChange, "unseen_change", kQuality, D, C, 1, 440, kPanes, Y, Y, N, N, MakeUnseenChange},
  {kErrorChange, "error_change", kQuality, D, S, 1, 440, kPanes, Y, Y, N, N, MakeErrorChange},
  {kRowRateDrop, "row_rate_drop",
      kQuality, D, O, 1, 872, kPanes, N, Y, N, N, MakeRowRateDrop, &kFewerRows},
  {kRepeatChange, "repeat_change",
      kQuality, D, O, 1, 440, kEvents, N, Y, N, N, MakeRepeatChange, &kSameRows, 32'784},
  {kDependencyChange, "dependency_change",
      kQuality, D, O, 1, 440, kEvents, N, Y, N, N, MakeDependencyChange, &kNoLongerTogether},
  {kCorrelationChange, "correlation_change",
      kShift, I, O, 1, 608, kEvents, N, Y, N, N, MakeCorrelationChange, &kNoLongerTogether},
  {kRawWindow, "raw_window",
      kShift, I, O, 1, 32, kEvents, N, N, N, N, MakeRawWindow, nullptr, 8'016},
  {kStuck, "stuck", kQuality, D, C, 1, 264, kPanes, Y, Y, N, N, MakeStuck},
  {kUnitChange, "unit_change",
      kQuality, D, C, 1, 536, kPanes, Y, Y, N, N, MakeUnitChange, &kAnotherUnit},
  {kConformalChange, "conformal_change",
      kChange, I, C, 1, 344, kPanes, N, Y, N, N, MakeConformalChange},
  {kRowScore, "row_score", kAnomaly, U, O, 1, 0, kEvents, N, N, N, N, MakeRowScore},
};
// clang-format on

}  // namespace

std::span<const CatalogEntry> Catalog() { return kCatalog; }

}  // namespace faultline

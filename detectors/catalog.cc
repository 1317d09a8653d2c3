#include "detectors/catalog.h"

#include <absl/status/status.h>

#include "detectors/kinds.h"
#include "faultline/v1/detector.pb.h"

namespace faultline {
namespace {

using enum v1::DetectorSpec::KindCase;
using enum Concern;
using enum ReplaySource;

// clang-format off
constexpr bool Y = true;
constexpr bool N = false;
constexpr Subject C = Subject::kColumns;
constexpr Subject S = Subject::kStatus;
constexpr Subject O = Subject::kOwn;
constexpr CatalogEntry kCatalog[] = {
  // kind, name, concern, what it looks at, state version, most state bytes, replay, in the default
  // suite, on the alarm budget, on the rolling reference (Y or N), factory, bytes from row to row
  {kPsi, "psi",                          kShift, C, 1, 0, kPanes, Y, N, N, MakePsi},
  {kJensenShannon, "jensen_shannon",     kShift, C, 1, 0, kPanes, Y, N, N, MakeJensenShannon},
  {kKolmogorovSmirnov, "kolmogorov_smirnov",
                                      kShift, C, 1, 0, kPanes, Y, N, N, MakeKolmogorovSmirnov},
  {kWasserstein, "wasserstein",          kShift, C, 1, 0, kPanes, Y, N, N, MakeWasserstein},
  {kChiSquare, "chi_square",             kShift, C, 1, 0, kPanes, Y, N, N, MakeChiSquare},
  {kReferenceDisagreement, "reference_disagreement",
                                kShift, C, 1, 0, kPanes, Y, N, Y, MakeReferenceDisagreement},
  {kMissingRate, "missing_rate",         kQuality, C, 1, 0, kPanes, Y, N, N, MakeMissingRate},
  {kInvalidRate, "invalid_rate",         kQuality, C, 1, 0, kPanes, Y, N, N, MakeInvalidRate},
  {kOutOfRange, "out_of_range",          kQuality, C, 1, 0, kPanes, Y, N, N, MakeOutOfRange},
  {kUnseenCategory, "unseen_category",   kQuality, C, 1, 0, kPanes, Y, N, N, MakeUnseenCategory},
  {kPageHinkley, "page_hinkley",         kChange, C, 1, 136, kPanes, Y, N, N, MakePageHinkley},
  {kMeanChange, "mean_change",           kChange, C, 1, 608, kPanes, Y, Y, N, MakeMeanChange},
  {kScaleChange, "scale_change",         kChange, C, 1, 464, kPanes, Y, Y, N, MakeScaleChange},
  {kDistributionChange, "distribution_change",
                                       kShift, C, 1, 816, kPanes, Y, Y, N, MakeDistributionChange},
  {kMissingChange, "missing_change",     kQuality, C, 1, 440, kPanes, Y, Y, N, MakeMissingChange},
  {kInvalidChange, "invalid_change",     kQuality, C, 1, 440, kPanes, Y, Y, N, MakeInvalidChange},
  {kRangeChange, "range_change",         kShift, C, 1, 440, kPanes, Y, Y, N, MakeRangeChange},
  {kUnseenChange, "unseen_change",       kQuality, C, 1, 440, kPanes, Y, Y, N, MakeUnseenChange},
  {kErrorChange, "error_change",         kQuality, S, 1, 440, kPanes, Y, Y, N, MakeErrorChange},
  {kRowRateDrop, "row_rate_drop",        kQuality, O, 1, 872, kPanes, N, Y, N, MakeRowRateDrop},
  {kRepeatChange, "repeat_change", kQuality, O, 1, 440, kEvents, N, Y, N, MakeRepeatChange, 32'784},
  {kDependencyChange, "dependency_change",
                                     kQuality, O, 1, 440, kEvents, N, Y, N, MakeDependencyChange},
  {kCorrelationChange, "correlation_change",
                                      kShift, O, 1, 608, kEvents, N, Y, N, MakeCorrelationChange},
  {kRawWindow, "raw_window",   kShift, O, 1, 32, kEvents, N, N, N, MakeRawWindow, 8'016},
  {kStuck, "stuck",                      kQuality, C, 1, 264, kPanes, Y, Y, N, MakeStuck},
  {kUnitChange, "unit_change",           kQuality, C, 1, 536, kPanes, Y, Y, N, MakeUnitChange},
  {kConformalChange, "conformal_change", kChange, C, 1, 344, kPanes, N, Y, N, MakeConformalChange},
  {kRowScore, "row_score",               kAnomaly, O, 1, 0, kEvents, N, N, N, MakeRowScore},
};
// clang-format on

}  // namespace

std::span<const CatalogEntry> Catalog() { return kCatalog; }

const CatalogEntry* FindKind(int kind) {
  for (const CatalogEntry& entry : kCatalog) {
    if (entry.kind == kind) return &entry;
  }
  return nullptr;
}

const CatalogEntry* FindKind(std::string_view name) {
  for (const CatalogEntry& entry : kCatalog) {
    if (entry.name == name) return &entry;
  }
  return nullptr;
}

absl::StatusOr<Detector> MakeDetector(const v1::DetectorSpec& spec) {
  const CatalogEntry* entry = FindKind(spec.kind_case());
  if (entry == nullptr) return absl::InvalidArgumentError("detector: no kind is set");
  return entry->make(spec);
}

}  // namespace faultline

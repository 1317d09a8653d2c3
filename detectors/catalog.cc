#include "detectors/catalog.h"

#include <absl/status/status.h>

#include "detectors/kinds.h"

namespace faultline {
namespace {

using enum v1::DetectorSpec::KindCase;
using enum Concern;
using enum ReplaySource;

// clang-format off
constexpr CatalogEntry kCatalog[] = {
  // kind, name, concern, state version, most state bytes, replay, in the default suite, on the
  // alarm budget, factory
  {kPsi,               "psi",                kShift, 1, 0, kPanes, true, false,  MakePsi},
  {kJensenShannon,     "jensen_shannon",     kShift, 1, 0, kPanes, true, false,  MakeJensenShannon},
  {kKolmogorovSmirnov, "kolmogorov_smirnov", kShift, 1, 0, kPanes, true, false,  MakeKolmogorovSmirnov},
  {kWasserstein,       "wasserstein",        kShift, 1, 0, kPanes, true, false,  MakeWasserstein},
  {kChiSquare,         "chi_square",         kShift, 1, 0, kPanes, true, false,  MakeChiSquare},
  {kMissingRate,       "missing_rate",       kQuality, 1, 0, kPanes, true, false,  MakeMissingRate},
  {kInvalidRate,       "invalid_rate",       kQuality, 1, 0, kPanes, true, false,  MakeInvalidRate},
  {kOutOfRange,        "out_of_range",       kQuality, 1, 0, kPanes, true, false,  MakeOutOfRange},
  {kUnseenCategory,    "unseen_category",    kQuality, 1, 0, kPanes, true, false,  MakeUnseenCategory},
  {kPageHinkley,       "page_hinkley",       kChange,  1, 144, kPanes, true, false,  MakePageHinkley},
  {kMeanChange,        "mean_change",        kChange,  1, 552, kPanes, true, true, MakeMeanChange},
  {kScaleChange,       "scale_change",       kChange,  1, 408, kPanes, true, true, MakeScaleChange},
  {kDistributionChange, "distribution_change", kShift, 1, 760, kPanes, true, true, MakeDistributionChange},
  {kMissingChange,     "missing_change",     kQuality, 1, 384, kPanes, true, true, MakeMissingChange},
  {kInvalidChange,     "invalid_change",     kQuality, 1, 384, kPanes, true, true, MakeInvalidChange},
  {kRangeChange,       "range_change",       kQuality, 1, 384, kPanes, true, true, MakeRangeChange},
  {kUnseenChange,      "unseen_change",      kQuality, 1, 384, kPanes, true, true, MakeUnseenChange},
  {kStuck,             "stuck",              kQuality, 1, 208, kPanes, true, true, MakeStuck},
  {kUnitChange,        "unit_change",        kQuality, 1, 432, kPanes, true, true, MakeUnitChange},
  {kConformalChange,   "conformal_change",   kChange,  1, 288, kPanes, false, true, MakeConformalChange},
  {kRowScore,          "row_score",          kAnomaly, 1, 0, kEvents, false, false, MakeRowScore},
};
// clang-format on

}  // namespace

std::span<const CatalogEntry> Catalog() { return kCatalog; }

const CatalogEntry* FindKind(v1::DetectorSpec::KindCase kind) {
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

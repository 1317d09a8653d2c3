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
  // kind, name, concern, state version, most state bytes, replay, in the default suite, factory
  {kPsi,               "psi",                kShift, 1, 0, kPanes, true,  MakePsi},
  {kJensenShannon,     "jensen_shannon",     kShift, 1, 0, kPanes, true,  MakeJensenShannon},
  {kKolmogorovSmirnov, "kolmogorov_smirnov", kShift, 1, 0, kPanes, true,  MakeKolmogorovSmirnov},
  {kWasserstein,       "wasserstein",        kShift, 1, 0, kPanes, true,  MakeWasserstein},
  {kChiSquare,         "chi_square",         kShift, 1, 0, kPanes, true,  MakeChiSquare},
  {kMissingRate,       "missing_rate",       kQuality, 1, 0, kPanes, true,  MakeMissingRate},
  {kInvalidRate,       "invalid_rate",       kQuality, 1, 0, kPanes, true,  MakeInvalidRate},
  {kOutOfRange,        "out_of_range",       kQuality, 1, 0, kPanes, true,  MakeOutOfRange},
  {kUnseenCategory,    "unseen_category",    kQuality, 1, 0, kPanes, true,  MakeUnseenCategory},
  {kPageHinkley,       "page_hinkley",       kChange,  1, 144, kPanes, true,  MakePageHinkley},
  {kRowScore,          "row_score",          kAnomaly, 1, 0, kEvents, false, MakeRowScore},
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

// Lookups in the catalog, apart from its table: a test links them with a table of its own.
#include <absl/status/status.h>

#include "base/check.h"
#include "detectors/catalog.h"
#include "faultline/v1/detector.pb.h"

namespace faultline {

const CatalogEntry* FindKind(int kind) {
  for (const CatalogEntry& entry : Catalog()) {
    if (entry.kind == kind) return &entry;
  }
  return nullptr;
}

const CatalogEntry* FindKind(std::string_view name) {
  for (const CatalogEntry& entry : Catalog()) {
    if (entry.name == name) return &entry;
  }
  return nullptr;
}

std::string_view NameOf(Concern concern) {
  switch (concern) {
    case Concern::kQuality:
      return "quality";
    case Concern::kShift:
      return "shift";
    case Concern::kChange:
      return "change";
    case Concern::kAnomaly:
      return "anomaly";
  }
  FAULTLINE_CHECK(false, "every concern has a name");
  return "";
}

absl::StatusOr<Detector> MakeDetector(const v1::DetectorSpec& spec) {
  const CatalogEntry* entry = FindKind(spec.kind_case());
  if (entry == nullptr) return absl::InvalidArgumentError("detector: no kind is set");
  return entry->make(spec);
}

}  // namespace faultline

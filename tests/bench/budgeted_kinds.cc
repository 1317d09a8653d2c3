#include "tests/bench/budgeted_kinds.h"

#include "base/check.h"
#include "detectors/catalog.h"
#include "faultline/v1/detector.pb.h"

namespace faultline::bench {

std::vector<BudgetedKind> BudgetedKinds(bool with_scores) {
  std::vector<BudgetedKind> kinds;
  for (const CatalogEntry& entry : Catalog()) {
    const bool score = with_scores && entry.name == "conformal_change";
    if (!entry.budgeted || entry.watched != Watched::kColumns) continue;
    if (!entry.in_default_suite && !score) continue;
    v1::DetectorSpec spec;
    spec.GetReflection()->MutableMessage(
        &spec, spec.GetDescriptor()->FindFieldByNumber(static_cast<int>(entry.kind)));
    const auto made = MakeDetector(spec);
    FAULTLINE_CHECK(made.ok(), "defaults are valid");
    if (made->follow->Judges(SignalType::kNumeric)) {
      kinds.push_back({std::string(entry.name), made->follow});
    }
  }
  return kinds;
}

}  // namespace faultline::bench

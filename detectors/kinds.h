#pragma once

#include <absl/status/statusor.h>

#include "detectors/catalog.h"

namespace faultline {

// The factories behind the catalog, one per kind. Each makes a detector from the options of its
// kind in `spec`, or returns INVALID_ARGUMENT with the option and its range. docs/detectors.md
// describes what each kind computes.

// shift/
absl::StatusOr<Detector> MakePsi(const v1::DetectorSpec& spec);
absl::StatusOr<Detector> MakeReferenceDisagreement(const v1::DetectorSpec& spec);
absl::StatusOr<Detector> MakeJensenShannon(const v1::DetectorSpec& spec);
absl::StatusOr<Detector> MakeKolmogorovSmirnov(const v1::DetectorSpec& spec);
absl::StatusOr<Detector> MakeWasserstein(const v1::DetectorSpec& spec);
absl::StatusOr<Detector> MakeChiSquare(const v1::DetectorSpec& spec);

// quality/
absl::StatusOr<Detector> MakeMissingRate(const v1::DetectorSpec& spec);
absl::StatusOr<Detector> MakeInvalidRate(const v1::DetectorSpec& spec);
absl::StatusOr<Detector> MakeOutOfRange(const v1::DetectorSpec& spec);
absl::StatusOr<Detector> MakeUnseenCategory(const v1::DetectorSpec& spec);

absl::StatusOr<Detector> MakeDistributionChange(const v1::DetectorSpec& spec);
absl::StatusOr<Detector> MakeMissingChange(const v1::DetectorSpec& spec);
absl::StatusOr<Detector> MakeInvalidChange(const v1::DetectorSpec& spec);
absl::StatusOr<Detector> MakeRangeChange(const v1::DetectorSpec& spec);
absl::StatusOr<Detector> MakeUnseenChange(const v1::DetectorSpec& spec);
absl::StatusOr<Detector> MakeErrorChange(const v1::DetectorSpec& spec);
absl::StatusOr<Detector> MakeRowRateDrop(const v1::DetectorSpec& spec);
absl::StatusOr<Detector> MakeRepeatChange(const v1::DetectorSpec& spec);
absl::StatusOr<Detector> MakeDependencyChange(const v1::DetectorSpec& spec);
absl::StatusOr<Detector> MakeStuck(const v1::DetectorSpec& spec);
absl::StatusOr<Detector> MakeUnitChange(const v1::DetectorSpec& spec);
absl::StatusOr<Detector> MakeRawWindow(const v1::DetectorSpec& spec);
absl::StatusOr<Detector> MakeCorrelationChange(const v1::DetectorSpec& spec);

// change/
absl::StatusOr<Detector> MakePageHinkley(const v1::DetectorSpec& spec);
absl::StatusOr<Detector> MakeMeanChange(const v1::DetectorSpec& spec);
absl::StatusOr<Detector> MakeScaleChange(const v1::DetectorSpec& spec);
absl::StatusOr<Detector> MakeConformalChange(const v1::DetectorSpec& spec);

// anomaly/
absl::StatusOr<Detector> MakeRowScore(const v1::DetectorSpec& spec);

}  // namespace faultline

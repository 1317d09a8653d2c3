#include "detectors/transform/column_transforms.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "detectors/catalog.h"

namespace faultline::testing {
namespace {

TEST(ColumnTransformsTest, NamesAreTheirOwn) {
  for (const Transform* transform : ColumnTransforms()) {
    const TransformFacts& facts = transform->facts();
    EXPECT_EQ(FindColumnTransform(facts.name), transform);
    EXPECT_EQ(FindKind(facts.name), nullptr) << "a detector's transform has the detector's name";
    EXPECT_EQ(facts.derivation, Derivation::kColumn);
    EXPECT_EQ(facts.memory_bytes, 0u);
    EXPECT_FALSE(facts.owned);
  }
}

TEST(NormTest, IsTheLengthOfEachVector) {
  const std::vector<float> vectors = {3, 4, 0, 0, -5, 12, 1, NAN};
  const uint64_t nulls = 0b0010;
  const RowColumn column = {.signal = "e", .vectors = vectors, .dimension = 2, .nulls = &nulls};
  EXPECT_TRUE(column.Vector(1).empty());
  std::vector<double> norms(5, 7);
  NormTransform().Derive({}, {&column, 1}, {0, 4}, {}, norms);
  EXPECT_EQ(norms[0], 5);
  EXPECT_EQ(norms[2], 13);
  EXPECT_TRUE(std::isnan(norms[3])) << "an invalid value, not a missing one";
  EXPECT_EQ(norms[4], 7) << "outside its range";
  const RowColumn numbers = {.signal = "x", .numbers = norms};
  NormTransform().Derive({}, {&numbers, 1}, {0, 1}, {}, norms);
  EXPECT_TRUE(std::isnan(norms[0])) << "no vectors";
}

}  // namespace
}  // namespace faultline::testing

#include "daemon/core/transform/batch_columns.h"

#include <gtest/gtest.h>

#include <limits>
#include <string_view>
#include <vector>

#include "tests/daemon/core/core_run.h"

namespace faultline::testing {
namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

// Says the first element of each vector.
class First final : public Transform {
 public:
  First() : Transform({.name = "first"}) {}
  bool Takes(const ColumnOffer& column) const override {
    return column.values == ColumnValues::kVectors;
  }
  bool Makes(std::string_view signal) const override { return signal == "first"; }
  absl::Status Fit(std::span<const RowColumn>, uint32_t, std::vector<MadeSignal>*) const override {
    return absl::OkStatus();
  }
  void Derive(std::string_view, std::span<const RowColumn> columns, RowRange range,
              std::span<std::byte>, std::span<double> values) const override {
    for (uint32_t row = range.begin; row < range.end; ++row) {
      const std::span<const float> vector = columns[0].Vector(row);
      values[row] = vector.empty() ? kNone : vector[0];
    }
  }
};

TEST(BatchColumnsTest, VectorsReachTransforms) {
  Schema schema;
  schema.Add("e", v1::SIGNAL_TYPE_EMBEDDING, v1::COLUMN_ROLE_TAG);
  ASSERT_EQ(schema.size(), 2u);
  EXPECT_EQ(schema[1].name, "e.norm");
  EXPECT_EQ(schema[1].transform, "norm");
  EXPECT_EQ(schema[1].role, v1::COLUMN_ROLE_TAG);
  EXPECT_TRUE(schema[1].column()) << "it stands for e";
  const First first;
  schema.AddDerived(SignalFacts::Made(first, "first"));
  const auto batch = BatchMaker(2).Vector("e", {3, 4, 5, 12}, 2).Missing({1}).Make();
  ColumnPlan plan;
  plan.Make(*batch, schema);
  BatchColumns columns;
  columns.Lay(*batch, schema, plan);
  EXPECT_EQ(columns[1].numbers[0], 5);
  EXPECT_EQ(columns[1].nulls[0], 2u) << "missing where the column is";
  const RowColumn column = columns.AsRowColumn("e", 0, nullptr);
  columns.Derive(first, {}, {&column, 1}, {0, 2}, {}, 2);
  EXPECT_EQ(columns[2].numbers[0], 3);
  EXPECT_EQ(columns[2].nulls[0], 2u);
}

}  // namespace
}  // namespace faultline::testing

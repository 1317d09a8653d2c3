#include "daemon/core/transform/transforms.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "storage/tables/records.h"
#include "tests/daemon/core/core_run.h"

namespace faultline::testing {
namespace {

constexpr uint64_t kHash = 7;
constexpr uint32_t kRows = 400;

std::shared_ptr<const ModelSettings> Derived(const std::string& detectors) {
  return MakeSettings("defaults { " + detectors + " }")->ForModel("credit");
}

// Two columns, learnt and live, as a model has them.
class Columns {
 public:
  explicit Columns(const std::string& detectors)
      : settings_(Derived(detectors)), transforms_(StreamId{kHash, 0}) {
    transforms_.Follow(*settings_);
    for (const char* name : {"a", "b"}) {
      schema_.Add(name, v1::SIGNAL_TYPE_NUMERIC, v1::COLUMN_ROLE_FEATURE);
    }
    Renew(1);
  }

  // Fits everything to rows of this seed.
  std::vector<std::string> Fit(uint32_t version, uint64_t seed, bool again = false) {
    std::vector<LearningRows> learnt;
    CommonRows common = {.rows = kRows, .version = version, .signals = {0, 1}};
    for (uint64_t k = 0; k < 2; ++k) {
      learnt.emplace_back(SignalType::kNumeric);
      learnt.back().AddNumbers(Values(seed + k), nullptr, {0, kRows});
    }
    for (const LearningRows& rows : learnt) common.learnt.push_back(&rows);
    std::vector<std::string> failures;
    for (FittedSignal& made : transforms_.Fit(schema_, common, again, &failures)) {
      if (!schema_.Find(made.facts.name).has_value()) schema_.AddDerived(made.facts);
      transforms_.Take(*schema_.Find(made.facts.name), std::move(made.fit));
    }
    Renew(version);
    return failures;
  }

  // The values of live rows of this seed; NaN where a row has none.
  std::vector<double> Derive(const std::string& name, uint64_t seed, uint32_t step = kRows) {
    auto batch = BatchMaker(kRows).Number("a", Values(seed)).Number("b", Values(seed + 1)).Make();
    ColumnPlan plan;
    plan.Make(*batch, schema_);
    columns_.Lay(*batch, schema_, plan);
    for (uint32_t row = 0; row < kRows; row += step) {
      transforms_.Derive(schema_, signals_, {row, std::min(row + step, kRows)}, &columns_);
    }
    const SignalColumn& column = columns_[*schema_.Find(name)];
    if (!column.valued) return {};
    return {column.numbers.begin(), column.numbers.end()};
  }

  std::map<std::string, std::string> TakeCheckpoint() {
    Effects effects;
    transforms_.TakeCheckpoint(&effects);
    std::map<std::string, std::string> writes;
    for (const StateWrite& write : effects.writes) {
      writes[write.key] = write.value.value_or("");
      if (write.value.has_value()) {
        stored_[write.key] = *write.value;
      } else {
        stored_.erase(write.key);
      }
    }
    return writes;
  }

  // Replaces it by one restored from the stored records.
  absl::Status Restart() {
    transforms_ = Transforms(StreamId{kHash, 0});
    transforms_.Follow(*settings_);
    for (const auto& [key, value] : stored_) {
      const absl::Status status =
          transforms_.Restore(*ParseKey(key), *OpenRecord(Table::kTransform, value), schema_);
      if (!status.ok()) return status;
    }
    return transforms_.FinishRestore();
  }

  Transforms& transforms() { return transforms_; }
  const Schema& schema() const { return schema_; }
  std::map<std::string, std::string>& stored() { return stored_; }
  void Reconfigure(const std::string& detectors) {
    settings_ = Derived(detectors);
    transforms_.Follow(*settings_);
  }

 private:
  static std::vector<double> Values(uint64_t seed) {
    Numbers numbers(seed);
    std::vector<double> values(kRows);
    for (double& value : values) value = numbers.Normal();
    return values;
  }
  void Renew(uint32_t version) {
    signals_.clear();
    signals_.resize(schema_.size());
    for (SignalState& signal : signals_) {
      signal.reference = SignalReference::OfNumbers({}, nullptr, {}, version, {});
    }
  }

  std::shared_ptr<const ModelSettings> settings_;
  Transforms transforms_{StreamId{kHash, 0}};
  Schema schema_;
  std::vector<SignalState> signals_;
  BatchColumns columns_;
  std::map<std::string, std::string> stored_;
};

bool SameBits(const std::vector<double>& a, const std::vector<double>& b) {
  return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(), [](double x, double y) {
           return x == y || (std::isnan(x) && std::isnan(y));
         });
}

constexpr char kBoth[] = "detectors { row_score {} } detectors { repeat_change { rows: 100 } }";

TEST(TransformsTest, FactsOfWhatIsMadeComeFromTheDeclaration) {
  Columns columns(kBoth);
  EXPECT_TRUE(columns.Fit(1, 1).empty());
  const SignalFacts& score = columns.schema()[*columns.schema().Find("row_score")];
  const SignalFacts& repeats = columns.schema()[*columns.schema().Find("row_repeats")];
  EXPECT_FALSE(score.owned);
  EXPECT_TRUE(repeats.owned);
  EXPECT_EQ(repeats.transform, "repeat_change");
  EXPECT_FALSE(score.column());
  // Others may judge the scores; an alarm is about unusual rows whichever detector raises it.
  const CatalogEntry& change = *FindKind(std::string_view("mean_change"));
  EXPECT_EQ(ConcernOf(change, score), Concern::kAnomaly);
  EXPECT_EQ(ConcernOf(change, repeats), change.concern);
  EXPECT_EQ(ConcernOf(change, columns.schema()[0]), change.concern);
}

TEST(TransformsTest, NeitherRunsNorRestartsChangeAValue) {
  Columns steady(kBoth), restarted(kBoth);
  for (Columns* columns : {&steady, &restarted}) columns->Fit(1, 1);
  for (const uint64_t seed : {3, 5, 3}) {
    restarted.TakeCheckpoint();
    ASSERT_TRUE(restarted.Restart().ok());
    for (const char* name : {"row_score", "row_repeats"}) {
      // Derive moves what is remembered on for all signals, so each asks for its own seed.
      const uint64_t rows = seed + (name == std::string("row_score") ? 100 : 0);
      EXPECT_TRUE(SameBits(steady.Derive(name, rows), restarted.Derive(name, rows, 37))) << name;
    }
  }
  steady.TakeCheckpoint();
  restarted.TakeCheckpoint();
  EXPECT_EQ(steady.stored(), restarted.stored());
  EXPECT_EQ(steady.stored().size(), 3u) << "two fits, one memory";
}

TEST(TransformsTest, OnlyWhatChangedIsWritten) {
  Columns columns(kBoth);
  columns.Fit(1, 1);
  EXPECT_EQ(columns.TakeCheckpoint().size(), 3u);
  EXPECT_TRUE(columns.TakeCheckpoint().empty());
  columns.Derive("row_repeats", 3);
  const auto writes = columns.TakeCheckpoint();
  const uint32_t repeats = *columns.schema().Find("row_repeats");
  ASSERT_EQ(writes.size(), 1u) << "a fit never changes";
  EXPECT_EQ(writes.begin()->first, TransformKey(kHash, 0, repeats, 1));
}

TEST(TransformsTest, ARollbackBringsSharedFitsBackAndDropsOwnedOnes) {
  Columns columns(kBoth);
  columns.Fit(1, 1);
  const std::vector<double> before = columns.Derive("row_score", 9);
  columns.transforms().KeepPrevious(columns.schema());
  columns.Fit(2, 50, true);
  const std::vector<double> imported = columns.Derive("row_score", 9);
  EXPECT_FALSE(SameBits(imported, before));
  columns.TakeCheckpoint();
  ASSERT_TRUE(columns.Restart().ok());
  columns.transforms().Rollback(columns.schema(), 1);
  EXPECT_TRUE(SameBits(columns.Derive("row_score", 9), before));
  EXPECT_FALSE(columns.transforms().IsFitted(*columns.schema().Find("row_repeats")));
  EXPECT_TRUE(columns.Derive("row_repeats", 9).empty());
  // And forth.
  columns.TakeCheckpoint();
  ASSERT_TRUE(columns.Restart().ok());
  columns.transforms().Rollback(columns.schema(), 2);
  EXPECT_TRUE(SameBits(columns.Derive("row_score", 9), imported));
  columns.transforms().Clear();
  columns.transforms().ForgetPrevious();
  columns.TakeCheckpoint();
  EXPECT_TRUE(columns.stored().empty());
}

// A threshold of the judge is no option of what is derived; the number of rows looked back is.
TEST(TransformsTest, AFitWaitsForItsOptions) {
  Columns columns(kBoth);
  columns.Fit(1, 1);
  columns.Reconfigure("detectors { row_score { threshold: 0.5 } }");
  EXPECT_FALSE(columns.Derive("row_score", 3).empty());
  EXPECT_TRUE(columns.Derive("row_repeats", 3).empty()) << "its detector is gone";
  columns.Reconfigure("detectors { repeat_change { rows: 200 } }");
  EXPECT_TRUE(columns.Derive("row_repeats", 3).empty()) << "fitted under other options";
  columns.Reconfigure("detectors { repeat_change { rows: 100 tolerance: 0.1 } }");
  EXPECT_FALSE(columns.Derive("row_repeats", 3).empty());
}

TEST(TransformsTest, DamageIsRefused) {
  Columns columns(kBoth);
  columns.Fit(1, 1);
  columns.TakeCheckpoint();
  const uint32_t repeats = *columns.schema().Find("row_repeats");
  const std::string fit = columns.stored()[TransformKey(kHash, 0, repeats, 0)];
  const auto stored = columns.stored();
  columns.stored().erase(TransformKey(kHash, 0, repeats, 0));
  EXPECT_EQ(columns.Restart().code(), absl::StatusCode::kDataLoss) << "a memory without its fit";
  for (const auto& [signal, part] : std::vector<std::pair<uint32_t, uint32_t>>{
           {0, 0}, {99, 0}, {repeats, 3}, {repeats + 1, 0}}) {
    columns.stored() = stored;
    columns.stored()[TransformKey(kHash, 0, signal, part)] = fit;
    const bool refused = columns.Restart().code() == absl::StatusCode::kDataLoss;
    EXPECT_TRUE(refused) << signal << " " << part;
  }
}

}  // namespace
}  // namespace faultline::testing
